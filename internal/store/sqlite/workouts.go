package sqlite

import (
	"context"
	"database/sql"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const workoutColumns = `id, app_id, name, start_time, end_time, utc_offset, source, duration, quantities, attributes, received,
	end_offset`

const selectWorkouts = `SELECT ` + workoutColumns + ` FROM workouts WHERE user_id = ?`

func scanWorkout(row row) (w health.Workout, err error) {
	var quantities string
	var endOffset sql.Null[int32]
	err = row.Scan(&w.ID, &w.AppID, &w.Name, &w.Start, &w.End, &w.Offset, &w.Source, floatInto{&w.Duration}, &quantities,
		&w.Attributes, &w.Order, &endOffset)
	if endOffset.Valid {
		w.OffsetChange = endOffset.V - w.Offset
	}
	if err != nil || quantities == "{}" {
		return w, err
	}
	return w, json.Unmarshal([]byte(quantities), &w.Quantities)
}

// Workout returns one workout with its series and its route.
func (s *Store) Workout(ctx context.Context, user, id uuid.UUID) (w health.Workout, err error) {
	found := false
	err = s.readOf(ctx, user, "read workout", func(tx *sql.Tx, userID int64) error {
		if found, w, err = one(ctx, tx, scanWorkout, selectWorkouts+` AND id = ?`, userID, id[:]); !found {
			return err
		}
		parts, err := readParts(ctx, tx, userID, id)
		if err != nil {
			return err
		}
		return parts.into(&w)
	})
	if err == nil && !found {
		err = backend.NotFound("workout")
	}
	return w, err
}

// Workouts returns workouts without series and routes, newest first.
func (s *Store) Workouts(ctx context.Context, user uuid.UUID, query store.WorkoutQuery) (found []health.Workout, err error) {
	err = s.readOf(ctx, user, "list workouts", func(tx *sql.Tx, userID int64) error {
		start, id := int64(query.BeforeStart), query.Before
		for len(found) < query.Limit {
			page, err := workoutPage(ctx, tx, userID, &query, start, id)
			if err != nil {
				return err
			}
			for i := range page {
				on, err := matchesRoute(ctx, tx, userID, page[i].ID, &query)
				if err != nil {
					return err
				}
				if on && len(found) < query.Limit {
					found = append(found, page[i])
				}
			}
			if len(page) < query.Limit {
				return nil
			}
			last := &page[len(page)-1]
			start, id = int64(last.Start), last.ID
		}
		return nil
	})
	return found, err
}

// workoutPage returns the next workouts that may be what the query asks for, at most as many as it asks for.
func workoutPage(
	ctx context.Context, tx *sql.Tx, user int64, query *store.WorkoutQuery, start int64, id uuid.UUID,
) ([]health.Workout, error) {
	text, args := selectWorkouts, []any{user}
	add := func(condition string, more []any) {
		text += condition
		args = append(args, more...)
	}
	r := query.Range
	if id != uuid.Nil && (r.To == 0 || r.To > health.Instant(start)) {
		r.To = health.Instant(start) + 1 // follows from what comes below, and lets the index begin there
	}
	add(between("start_time", r))
	if query.Name != "" {
		add(` AND name_folded = ?`, []any{backend.FoldCase(query.Name)})
	}
	add(routeCondition(query))
	if id != uuid.Nil {
		add(` AND (start_time, id) < (?, ?)`, []any{start, id[:]})
	}
	add(` ORDER BY start_time DESC, id DESC LIMIT ?`, []any{query.Limit})
	return list(ctx, tx, scanWorkout, text, args...)
}
