package ingest

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// nights compares the nights by date. A life has few enough of them to hold them in memory.
func (c *comparison) nights(ctx context.Context) error {
	first, last := health.MinInstant.Date(0)-1, (c.begun + 3*health.Day).Date(0)
	archived, stored, err := bothSides(c, func(d StoredData) ([]health.Night, error) {
		return d.Nights(ctx, c.user(), first, last)
	})
	if err != nil {
		return err
	}
	return mergeJoin(sequenceOf(archived), sequenceOf(stored), func(n *health.Night) health.Date { return n.Date }, func(archived, stored []health.Night) {
		match(c, archived, stored, (*health.Night).SameNight, (*health.Night).SameFigures, func(n *health.Night) (Finding, health.Instant) {
			start, _, _ := n.Span()
			if start == 0 {
				start = n.Date.Midnight(n.Offset)
			}
			return Finding{Element: "night", Start: start, Offset: n.Offset, Source: n.Source}, n.Order
		})
	})
}

// bothSides reads the same of the expected and of the stored data.
func bothSides[T any](c *comparison, read func(StoredData) (T, error)) (archived, stored T, err error) {
	if archived, err = read(c.Expected); err == nil {
		stored, err = read(c.Stored)
	}
	return archived, stored, err
}

// Two elements agree if merging either into the other changes nothing.

func eventsAgree(a, b *health.Event) bool {
	x, y := *a, *b
	x.Order = y.Order
	return !x.MergeFrom(&y) && !y.MergeFrom(&x)
}

// numberAlike gives the archived events, of one start, the numbers of the stored ones that they are: numbers depend on
// the order in which bodies were processed, see health.Event.DigestAmong.
func numberAlike(archived, stored []health.Event) {
	taken := map[health.EventKey]bool{}
	for i := range archived {
		e := &archived[i]
		if !e.Numbered() {
			continue
		}
		e.Digest = e.DigestAmong(slices.DeleteFunc(slices.Clone(stored), func(s health.Event) bool {
			return !s.Numbered() || s.Kind != e.Kind || s.Name != e.Name
		}), taken)
	}
}

func ecgsAgree(a, b *health.ECG) bool {
	x, y := *a, *b
	x.Order = y.Order
	return !x.MergeFrom(&y) && !y.MergeFrom(&x)
}

func workoutsAgree(a, b *health.Workout) bool {
	x, y := copyWorkout(a), copyWorkout(b)
	x.Order = y.Order
	return !x.MergeFrom(&y) && !y.MergeFrom(&x)
}

func copyWorkout(w *health.Workout) health.Workout {
	c := *w
	c.Quantities, c.Series = maps.Clone(w.Quantities), maps.Clone(w.Series)
	return c
}

// segments compares the segments of sleep year by year. They have no time of receipt.
func (c *comparison) segments(ctx context.Context) error {
	return c.years(func(r store.Range) error {
		archived, stored, err := bothSides(c, func(d StoredData) ([]health.Segment, error) {
			return d.Segments(ctx, c.user(), r)
		})
		if err != nil {
			return err
		}
		return mergeJoin(sequenceOf(archived), sequenceOf(stored), func(s *health.Segment) health.Instant { return s.Start }, func(archived, stored []health.Segment) {
			match(c, archived, stored, func(a, b *health.Segment) bool {
				return a.Start == b.Start && a.End == b.End && a.Stage == b.Stage && a.Source == b.Source
			}, func(a, b *health.Segment) bool { return a.Attributes == b.Attributes }, func(s *health.Segment) (Finding, health.Instant) {
				return Finding{Element: "segment", Name: string(s.Stage), Start: s.Start, Offset: s.Offset, Source: s.Source}, 0
			})
		})
	})
}

// workouts compares the workouts, newest first. Their series and routes are read one by one.
func (c *comparison) workouts(ctx context.Context) error {
	var failed error
	every := store.WorkoutQuery{Limit: pageSize}
	err := mergeJoin(store.AllWorkouts(ctx, c.Expected, c.user(), every), store.AllWorkouts(ctx, c.Stored, c.user(), every),
		func(w *health.Workout) health.Instant { return -w.Start }, func(archived, stored []health.Workout) {
			match(c, archived, stored, (*health.Workout).SameWorkout, func(a, b *health.Workout) bool {
				agree, err := c.wholeWorkoutsAgree(ctx, a.ID, b.ID)
				if err != nil {
					failed = err
				}
				return agree
			}, func(w *health.Workout) (Finding, health.Instant) {
				return Finding{Element: "workout", Name: w.Name, Start: w.Start, Offset: w.Offset, Source: w.Source}, w.Order
			})
		})
	if err == nil {
		err = failed
	}
	return err
}

func (c *comparison) wholeWorkoutsAgree(ctx context.Context, archivedID, storedID uuid.UUID) (bool, error) {
	archived, err := c.Expected.Workout(ctx, c.user(), archivedID)
	if err != nil {
		return false, err
	}
	stored, err := c.Stored.Workout(ctx, c.user(), storedID)
	if err != nil {
		return false, err
	}
	return workoutsAgree(&archived, &stored), nil
}

// events compares the events in order of their start.
func (c *comparison) events(ctx context.Context) error {
	every := store.EventQuery{Limit: pageSize}
	return mergeJoin(store.AllEvents(ctx, c.Expected, c.user(), every), store.AllEvents(ctx, c.Stored, c.user(), every),
		func(e *health.Event) health.Instant { return e.Start }, func(archived, stored []health.Event) {
			numberAlike(archived, stored)
			match(c, archived, stored, func(a, b *health.Event) bool { return a.Key() == b.Key() }, eventsAgree, func(e *health.Event) (Finding, health.Instant) {
				return Finding{Element: "event", Name: e.Kind, Start: e.Start, Offset: e.Offset, Source: e.Source}, e.Order
			})
		})
}

// ecgs compares the electrocardiograms, one at a time: their voltages are long.
func (c *comparison) ecgs(ctx context.Context) error {
	return c.years(func(r store.Range) error {
		archived, stored, err := bothSides(c, func(d StoredData) (iter.Seq2[health.ECG, error], error) {
			return wholeECGs(ctx, d, c.user(), r)
		})
		if err != nil {
			return err
		}
		return mergeJoin(archived, stored, func(e *health.ECG) health.Instant { return e.Start }, func(archived, stored []health.ECG) {
			match(c, archived, stored, func(a, b *health.ECG) bool { return true }, ecgsAgree, func(e *health.ECG) (Finding, health.Instant) {
				return Finding{Element: "ecg", Start: e.Start, Offset: e.Offset, Source: e.Source}, e.Order
			})
		})
	})
}

// wholeECGs yields the electrocardiograms of a range with their voltages.
func wholeECGs(ctx context.Context, from StoredData, user uuid.UUID, r store.Range) (iter.Seq2[health.ECG, error], error) {
	brief, err := from.ECGs(ctx, user, r, false)
	return func(yield func(health.ECG, error) bool) {
		for i := range brief {
			whole, err := from.ECGs(ctx, user, store.Range{From: brief[i].Start, To: brief[i].Start + 1}, true)
			for j := range whole {
				if !yield(whole[j], nil) {
					return
				}
			}
			if err != nil {
				yield(health.ECG{}, err)
				return
			}
		}
	}, err
}

// sequenceOf yields the elements of a list.
func sequenceOf[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for i := range list {
			if !yield(list[i], nil) {
				return
			}
		}
	}
}
