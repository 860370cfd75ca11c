package query

import (
	"bytes"
	"context"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// mergeLookahead is how many workouts more than merged ones are read at once: some are read again, others come after
// the last merged workout, and a few merged workouts have two entries.
const mergeLookahead = 8

// mergedWorkouts merges the entries of workouts, which come newest first. The merged workouts come in the same order
// and are complete but for their series and routes. It buffers the entries that begin close to each other, which are
// few.
func mergedWorkouts(workouts iter.Seq2[health.Workout, error]) iter.Seq2[health.MergedWorkout, error] {
	return func(yield func(health.MergedWorkout, error) bool) {
		var near []health.Workout
		flush := func() bool {
			for _, merged := range health.MergeWorkouts(near) {
				merged.Complete()
				if !yield(merged, nil) {
					return false
				}
			}
			near = near[:0]
			return true
		}
		for w, err := range workouts {
			if err != nil {
				yield(health.MergedWorkout{}, err)
				return
			}
			if n := len(near); n > 0 && near[n-1].Start-w.Start > health.MergeSpread && !flush() {
				return
			}
			near = append(near, w)
		}
		flush()
	}
}

// widenForMerging widens a range of starts, so that an entry is not shown as a workout of its own because the entry it
// merges into is outside the range, or on the page that ended at after.
func widenForMerging(r store.Range, after *workoutPosition) store.Range {
	const around = 2 * health.MergeSpread
	if after != nil && (r.To == 0 || after.Start < r.To) {
		r.To = after.Start + 1
	}
	if r.To != 0 {
		r.To += around
	}
	if r.From != 0 {
		r.From -= around
	}
	return r
}

func inRange(r store.Range, merged health.Instant) bool {
	return (r.From == 0 || r.From <= merged) && (r.To == 0 || merged < r.To)
}

// follows reports whether a workout comes after another one in a listing.
func (p workoutPosition) follows(o workoutPosition) bool {
	return p.Start < o.Start || p.Start == o.Start && bytes.Compare(p.ID[:], o.ID[:]) < 0
}

// mergedWorkout returns the workout that an entry is merged into, with its series and route.
func (s *Service) mergedWorkout(ctx context.Context, user, id uuid.UUID) (health.MergedWorkout, error) {
	entry, err := s.Config.Workouts.Workout(ctx, user, id)
	if err != nil {
		return health.MergedWorkout{}, err
	}
	query := store.WorkoutQuery{
		Range: widenForMerging(store.Range{From: entry.Start, To: entry.Start + 1}, nil), Limit: workoutsOnPage,
	}
	var near []health.Workout
	for w, err := range store.AllWorkouts(ctx, s.Config.Workouts, user, query) {
		if err != nil {
			return health.MergedWorkout{}, err
		}
		near = append(near, w)
	}
	for _, merged := range health.MergeWorkouts(near) {
		if merged.ID == id || slices.ContainsFunc(merged.Also, func(w health.Workout) bool { return w.ID == id }) {
			err = s.complete(ctx, user, &merged, &entry)
			return merged, err
		}
	}
	return health.MergedWorkout{Workout: entry}, nil // its times have just changed
}

// complete reads the series and routes of all entries of a workout and completes it with them. read is an entry that
// has been read already, or nil.
func (s *Service) complete(ctx context.Context, user uuid.UUID, merged *health.MergedWorkout, read *health.Workout) (err error) {
	entries := []*health.Workout{&merged.Workout}
	for i := range merged.Also {
		entries = append(entries, &merged.Also[i])
	}
	for _, entry := range entries {
		if read != nil && entry.ID == read.ID {
			*entry = *read
		} else if *entry, err = s.Config.Workouts.Workout(ctx, user, entry.ID); err != nil {
			return err
		}
	}
	merged.Complete()
	return nil
}
