package ingest

import (
	"context"
	"fmt"
	"iter"
	"maps"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// nights compares the nights by date. A life has few enough of them to hold them in memory.
func (c *comparison) nights(ctx context.Context) error {
	first, last := health.MinInstant.Date(0)-1, (c.begun + 3*health.Day).Date(0)
	archived, err := c.Expected.Nights(ctx, c.user(), first, last)
	if err != nil {
		return fmt.Errorf("compare the nights: %w", err)
	}
	stored, err := c.Stored.Nights(ctx, c.user(), first, last)
	if err != nil {
		return fmt.Errorf("compare the nights: %w", err)
	}
	return mergeJoin(sequenceOf(archived), sequenceOf(stored), func(n *health.Night) health.Date { return n.Date }, func(archived, stored []health.Night) {
		match(c, archived, stored, (*health.Night).SameNight, nightsAgree, func(kind FindingKind, a, b *health.Night) {
			n := either(a, b)
			start, _, _ := n.Span()
			if start == 0 {
				start = n.Date.Midnight(n.Offset)
			}
			f := Finding{Kind: kind, Element: "night", Start: start, Offset: n.Offset, Source: n.Source}
			f.Archived, f.Stored = sides(a, b)
			c.report(f, n.Received)
		})
	})
}

// Two elements agree if merging either into the other changes nothing.

func nightsAgree(a, b *health.Night) bool {
	x, y := *a, *b
	x.Received = y.Received
	return !x.MergeFrom(&y) && !y.MergeFrom(&x)
}

func eventsAgree(a, b *health.Event) bool {
	x, y := *a, *b
	x.Received = y.Received
	return !x.MergeFrom(&y) && !y.MergeFrom(&x)
}

func ecgsAgree(a, b *health.ECG) bool {
	x, y := *a, *b
	x.Received = y.Received
	return !x.MergeFrom(&y) && !y.MergeFrom(&x)
}

func workoutsAgree(a, b *health.Workout) bool {
	x, y := copyWorkout(a), copyWorkout(b)
	x.Received = y.Received
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
		archived, err := c.Expected.Segments(ctx, c.user(), r)
		if err != nil {
			return fmt.Errorf("compare the stages of sleep: %w", err)
		}
		stored, err := c.Stored.Segments(ctx, c.user(), r)
		if err != nil {
			return fmt.Errorf("compare the stages of sleep: %w", err)
		}
		return mergeJoin(sequenceOf(archived), sequenceOf(stored), func(s *health.Segment) health.Instant { return s.Start }, func(archived, stored []health.Segment) {
			match(c, archived, stored, func(a, b *health.Segment) bool {
				return a.Start == b.Start && a.End == b.End && a.Stage == b.Stage && a.Source == b.Source
			}, func(a, b *health.Segment) bool { return a.Attributes == b.Attributes }, func(kind FindingKind, a, b *health.Segment) {
				s := either(a, b)
				f := Finding{Kind: kind, Element: "segment", Name: string(s.Stage), Start: s.Start, Offset: s.Offset, Source: s.Source}
				f.Archived, f.Stored = sides(a, b)
				c.report(f, 0)
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
			}, func(kind FindingKind, a, b *health.Workout) {
				w := either(a, b)
				f := Finding{Kind: kind, Element: "workout", Name: w.Name, Start: w.Start, Offset: w.Offset, Source: w.Source}
				f.Archived, f.Stored = sides(a, b)
				c.report(f, w.Received)
			})
		})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("compare the workouts: %w", err)
	}
	return nil
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
	err := mergeJoin(store.AllEvents(ctx, c.Expected, c.user(), every), store.AllEvents(ctx, c.Stored, c.user(), every),
		func(e *health.Event) health.Instant { return e.Start }, func(archived, stored []health.Event) {
			match(c, archived, stored, func(a, b *health.Event) bool { return a.Key() == b.Key() }, eventsAgree, func(kind FindingKind, a, b *health.Event) {
				e := either(a, b)
				f := Finding{Kind: kind, Element: "event", Name: e.Kind, Start: e.Start, Offset: e.Offset, Source: e.Source}
				f.Archived, f.Stored = sides(a, b)
				c.report(f, e.Received)
			})
		})
	if err != nil {
		return fmt.Errorf("compare the events: %w", err)
	}
	return nil
}

// ecgs compares the electrocardiograms, one at a time: their voltages are long.
func (c *comparison) ecgs(ctx context.Context) error {
	return c.years(func(r store.Range) error {
		archived, err := wholeECGs(ctx, c.Expected, c.user(), r)
		if err != nil {
			return fmt.Errorf("compare the electrocardiograms: %w", err)
		}
		stored, err := wholeECGs(ctx, c.Stored, c.user(), r)
		if err != nil {
			return fmt.Errorf("compare the electrocardiograms: %w", err)
		}
		err = mergeJoin(archived, stored, func(e *health.ECG) health.Instant { return e.Start }, func(archived, stored []health.ECG) {
			match(c, archived, stored, func(a, b *health.ECG) bool { return true }, ecgsAgree, func(kind FindingKind, a, b *health.ECG) {
				e := either(a, b)
				f := Finding{Kind: kind, Element: "ecg", Start: e.Start, Offset: e.Offset, Source: e.Source}
				f.Archived, f.Stored = sides(a, b)
				c.report(f, e.Received)
			})
		})
		if err != nil {
			return fmt.Errorf("compare the electrocardiograms: %w", err)
		}
		return nil
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
