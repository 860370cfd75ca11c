package sqlite

import (
	"bytes"
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// WriteWorkouts stores workouts with their series and routes.
func (s *Store) WriteWorkouts(ctx context.Context, body store.Body, batch []health.Workout) (store.Written, error) {
	return s.writeElements(ctx, body, "write workouts", len(batch), func(tx *sql.Tx, user int64, i int) (health.Outcome, error) {
		return writeWorkout(ctx, tx, body, user, &batch[i])
	})
}

func writeWorkout(ctx context.Context, tx *sql.Tx, body store.Body, user int64, sent *health.Workout) (health.Outcome, error) {
	found, workout, err := findWorkout(ctx, tx, user, sent)
	if err != nil {
		return 0, err
	}
	if !found {
		workout = *sent
		if workout.ID, err = uuid.NewV7(); err != nil {
			return 0, err
		}
		return health.Inserted, putWorkout(ctx, tx, user, &workout, workoutParts{})
	}
	parts, err := readParts(ctx, tx, user, workout.ID)
	if err != nil {
		return 0, err
	}
	if err := parts.into(&workout); err != nil {
		return 0, err
	}
	outcome := health.Updated
	if !workout.MergeFrom(sent) {
		outcome = health.Unchanged
		if !body.Raise(&workout.Order, sent.Order) {
			return outcome, nil
		}
	}
	return outcome, putWorkout(ctx, tx, user, &workout, parts)
}

// findWorkout returns the stored workout that sent is a repeat of, without its series and route: the one with its app id,
// else by health.Workout.SameWorkout, preferably one without an id, with the same start and with the same end.
func findWorkout(ctx context.Context, tx *sql.Tx, user int64, sent *health.Workout) (found bool, w health.Workout, err error) {
	if sent.AppID != "" {
		found, w, err := one(ctx, tx, scanWorkout, selectWorkouts+` AND app_id = ? AND app_id <> ''`, user, sent.AppID)
		if found || err != nil {
			return found, w, err
		}
	}
	minute := sent.StartMinute()
	candidates, err := list(ctx, tx, scanWorkout, selectWorkouts+` AND start_time >= ? AND start_time < ? AND name = ?
		ORDER BY app_id <> '', start_time <> ?, end_time <> ?, id`, user, int64(minute), int64(minute+60*health.Second), sent.Name,
		int64(sent.Start), int64(sent.End))
	for i := range candidates {
		if candidates[i].SameWorkout(sent) {
			return true, candidates[i], err
		}
	}
	return false, health.Workout{}, err
}

// workoutParts are the series and the route of a workout as they are stored.
type workoutParts struct {
	series map[string][]byte
	route  []byte
}

func readParts(ctx context.Context, tx *sql.Tx, user int64, id uuid.UUID) (parts workoutParts, err error) {
	type series struct {
		name   string
		points []byte
	}
	all, err := list(ctx, tx, func(row row) (s series, err error) {
		err = row.Scan(&s.name, &s.points)
		return s, err
	}, `SELECT name, points FROM workout_series WHERE user_id = ? AND workout_id = ?`, user, id[:])
	if err != nil {
		return parts, err
	}
	for _, one := range all {
		if parts.series == nil {
			parts.series = map[string][]byte{}
		}
		parts.series[one.name] = one.points
	}
	parts.route, err = readRoute(ctx, tx, user, id)
	return parts, err
}

// readRoute returns nil where there is none.
func readRoute(ctx context.Context, tx *sql.Tx, user int64, id uuid.UUID) (points []byte, err error) {
	err = tx.QueryRowContext(ctx, `SELECT points FROM workout_routes WHERE user_id = ? AND workout_id = ?`, user, id[:]).
		Scan(&points)
	if isNoRows(err) {
		return nil, nil
	}
	return points, err
}

func (p *workoutParts) into(w *health.Workout) (err error) {
	if p.series != nil {
		w.Series = map[string][]health.SeriesPoint{}
	}
	for name, points := range p.series {
		if w.Series[name], err = decodeSeries(points); err != nil {
			return err
		}
	}
	if p.route != nil {
		w.Route, err = decodeRoute(p.route)
	}
	return err
}

// putWorkout writes the row, and those parts that differ from the stored ones.
func putWorkout(ctx context.Context, tx *sql.Tx, user int64, w *health.Workout, existing workoutParts) error {
	if err := putWorkoutRow(ctx, tx, user, w); err != nil {
		return err
	}
	for name, points := range w.Series {
		encoded := encodeSeries(points)
		if len(points) == 0 || bytes.Equal(encoded, existing.series[name]) {
			continue
		}
		if _, err := tx.ExecContext(ctx,
			`INSERT OR REPLACE INTO workout_series (user_id, workout_id, name, points) VALUES (?, ?, ?, ?)`,
			user, w.ID[:], name, encoded); err != nil {
			return err
		}
	}
	if len(w.Route) == 0 {
		return nil
	}
	encoded := encodeRoute(w.Route)
	if bytes.Equal(encoded, existing.route) {
		return nil
	}
	return putRoute(ctx, tx, user, w, encoded)
}

func putWorkoutRow(ctx context.Context, tx *sql.Tx, user int64, w *health.Workout) error {
	quantities, err := backend.EncodeQuantities(w.Quantities)
	if err != nil {
		return errNotFinite
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO workouts (user_id, name_folded, `+workoutColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (user_id, id) DO UPDATE SET name_folded = excluded.name_folded, app_id = excluded.app_id,
			name = excluded.name, start_time = excluded.start_time, end_time = excluded.end_time,
			utc_offset = excluded.utc_offset, source = excluded.source, duration = excluded.duration,
			quantities = excluded.quantities, attributes = excluded.attributes, received = excluded.received,
			end_offset = excluded.end_offset`,
		user, backend.FoldCase(w.Name), w.ID[:], w.AppID, w.Name, int64(w.Start), int64(w.End), w.Offset, w.Source,
		nullableFloat(w.Duration), quantities, w.Attributes, int64(w.Order), w.EndOffset())
	return err
}
