package store

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// AllIngestions yields what Archive.Ingestions lists, page by page of query.Limit. It stops at the first error. No
// transaction is open between pages; what is added behind the present page is yielded too.
func AllIngestions(ctx context.Context, from Archive, user uuid.UUID, query IngestionQuery) iter.Seq2[health.Ingestion, error] {
	return pages(query, query.Limit, func(q IngestionQuery) ([]health.Ingestion, error) {
		return from.Ingestions(ctx, user, q)
	}, func(q *IngestionQuery, last *health.Ingestion) {
		if q.OldestFirst {
			q.After = last.ID
		} else {
			q.Before = last.ID
		}
	})
}

// AllWorkouts is AllIngestions for what WorkoutReader.Workouts lists.
func AllWorkouts(ctx context.Context, from WorkoutReader, user uuid.UUID, query WorkoutQuery) iter.Seq2[health.Workout, error] {
	return pages(query, query.Limit, func(q WorkoutQuery) ([]health.Workout, error) {
		return from.Workouts(ctx, user, q)
	}, func(q *WorkoutQuery, last *health.Workout) { q.Before, q.BeforeStart = last.ID, last.Start })
}

// AllEvents is AllIngestions for what EventReader.Events lists.
func AllEvents(ctx context.Context, from EventReader, user uuid.UUID, query EventQuery) iter.Seq2[health.Event, error] {
	return pages(query, query.Limit, func(q EventQuery) ([]health.Event, error) {
		return from.Events(ctx, user, q)
	}, func(q *EventQuery, last *health.Event) {
		place := last.Place()
		q.After = &place
	})
}

// pages reads one page after the other: after moves the query behind the last element of a page.
func pages[Q, T any](query Q, limit int, page func(Q) ([]T, error), after func(*Q, *T)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		next := query
		for {
			list, err := page(next)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for i := range list {
				if !yield(list[i], nil) {
					return
				}
			}
			if len(list) < limit {
				return
			}
			after(&next, &list[len(list)-1])
		}
	}
}
