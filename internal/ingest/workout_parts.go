package ingest

import (
	"context"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// maxWorkoutsAtOnce is how many workouts of one minute are looked at: a person has one or two, sent in as many ways.
const maxWorkoutsAtOnce = 100

// writeParts stores the files of workouts with the workouts that they belong to, which are stored by then. One without a
// workout is refused. A part of a workout that came in the same body is merged into it.
func (w *bodyWriter) writeParts(ctx context.Context, body store.Body, parts []health.Workout) (store.Written, error) {
	written := store.Written{Outcomes: make([]health.Outcome, len(parts))}
	for i := range parts {
		part := parts[i]
		near := store.Range{From: part.StartMinute(), To: part.StartMinute() + 60*health.Second}
		workouts, err := w.workouts.Workouts(ctx, body.User, store.WorkoutQuery{Range: near, Limit: maxWorkoutsAtOnce})
		if err != nil {
			return store.Written{}, err
		}
		whole, reason := part.WholeOf(workouts)
		if whole == nil {
			written.Outcomes[i] = health.Rejected
			written.Refuse(i, reason)
			continue
		}
		part.Join(whole)
		one, err := w.store.WriteWorkouts(ctx, body, []health.Workout{part})
		if err != nil {
			return store.Written{}, err
		}
		written.Outcomes[i] = one.Outcomes[0]
		switch {
		case one.Outcomes[0] == health.Rejected:
			written.Refuse(i, one.Refused[0])
		case whole.Order == part.Order:
			written.Outcomes[i] = health.Merged
		}
	}
	return written, nil
}
