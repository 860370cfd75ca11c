package postgres

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const workoutColumns = `id, app_id, name, started_at, ended_at, utc_offset, source, duration, quantities, attributes, received_at,
	end_offset`

const selectWorkouts = `SELECT ` + workoutColumns + ` FROM workouts WHERE `

func scanWorkout(row pgx.Row) (w health.Workout, err error) {
	var quantities []byte
	var endOffset *int32
	err = row.Scan(&w.ID, &w.AppID, &w.Name, instantInto{&w.Start}, instantInto{&w.End}, &w.Offset, &w.Source,
		floatInto{&w.Duration}, &quantities, &w.Attributes, instantInto{&w.Order}, &endOffset)
	if endOffset != nil {
		w.OffsetChange = *endOffset - w.Offset
	}
	if err != nil || string(quantities) == "{}" {
		return w, err
	}
	return w, json.Unmarshal(quantities, &w.Quantities)
}

// Workout returns one workout with its series and its route.
func (s *Store) Workout(ctx context.Context, user, id uuid.UUID) (w health.Workout, err error) {
	err = s.snapshot(ctx, "read workout", func(ctx context.Context, tx querier) error {
		found := false
		found, w, err = one(ctx, tx, scanWorkout, selectWorkouts+`user_id = $1 AND id = $2`, user, id)
		if err != nil {
			return err
		}
		if !found {
			return backend.NotFound("workout")
		}
		return readParts(ctx, tx, user, &w)
	})
	return w, err
}

// readParts reads the series and the route of a workout.
func readParts(ctx context.Context, q querier, user uuid.UUID, w *health.Workout) (err error) {
	if w.Series, err = readSeries(ctx, q, user, w.ID); err != nil {
		return err
	}
	w.Route, err = readRoute(ctx, q, user, w.ID)
	return err
}

// Workouts returns workouts without series and routes, newest first.
func (s *Store) Workouts(ctx context.Context, user uuid.UUID, query store.WorkoutQuery) (found []health.Workout, err error) {
	c := condition{text: `user_id = $1`, args: []any{user}}
	c.within("started_at", query.Range)
	if query.Name != "" {
		c.and(`name_folded = `, backend.FoldCase(query.Name))
	}
	if query.Before != uuid.Nil {
		c.text += ` AND (started_at, id) < (` + c.arg(timestamp(query.BeforeStart)) + `, ` + c.arg(query.Before) + `)`
	}
	c.passing(&query)
	err = s.read(ctx, "list workouts", func(ctx context.Context, conn querier) error {
		found, err = list(ctx, conn, scanWorkout,
			selectWorkouts+c.text+` ORDER BY started_at DESC, id DESC LIMIT `+c.arg(query.Limit), c.args...)
		return err
	})
	return found, err
}
