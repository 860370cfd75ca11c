package sqlite

import (
	"context"
	"database/sql"
	"math"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

func putRoute(ctx context.Context, tx *sql.Tx, user int64, w *health.Workout, points []byte) error {
	box, first, reach := routeExtent(w.Route)
	_, err := tx.ExecContext(ctx, `
		INSERT OR REPLACE INTO workout_routes (user_id, workout_id, south, west, north, east,
			first_latitude, first_longitude, reach, points) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		user, w.ID[:], box.South, box.West, box.North, box.East, first.Latitude, first.Longitude, reach, points)
	return err
}

// unboundedReach is a reach that includes the whole globe: half its circumference.
const unboundedReach = math.Pi * health.EarthRadius

// routeExtent returns the bounding box of a route's points and the distance of the farthest one from the first. A circle with
// that radius includes the lines between the points too, as long as it is smaller than a hemisphere; a box does not, because
// the shortest way bends towards the pole.
//
// The extent of a route with a point that has no place is the whole globe.
func routeExtent(route []health.RoutePoint) (box health.Box, first health.Place, reach float64) {
	world := health.Box{South: -90, West: -180, North: 90, East: 180}
	first = route[0].Place()
	box = health.Box{South: first.Latitude, West: first.Longitude, North: first.Latitude, East: first.Longitude}
	for i := range route {
		p := route[i].Place()
		if health.IsAbsent(p.Latitude) || health.IsAbsent(p.Longitude) {
			return world, health.Place{}, unboundedReach
		}
		box.South, box.North = math.Min(box.South, p.Latitude), math.Max(box.North, p.Latitude)
		box.West, box.East = math.Min(box.West, p.Longitude), math.Max(box.East, p.Longitude)
		reach = math.Max(reach, health.Distance(first, p))
	}
	if reach >= unboundedReach/2 {
		reach = unboundedReach
	}
	return box, first, reach
}

// routeCondition narrows a listing of workouts to those whose route may be in the area of the query, see matchesRoute.
func routeCondition(query *store.WorkoutQuery) (condition string, args []any) {
	if query.Box == nil && query.Near == nil {
		return "", nil
	}
	condition = ` AND EXISTS (SELECT 1 FROM workout_routes r WHERE r.user_id = workouts.user_id AND r.workout_id = workouts.id`
	if box := query.Box; box != nil {
		const rounding = 1e-9 // degrees
		condition, args = condition+` AND r.south <= ? AND r.north >= ?`, append(args, box.North+rounding, box.South-rounding)
		across := ` AND r.west <= ? AND r.east >= ?`
		if box.West > box.East {
			across = ` AND (r.west <= ? OR r.east >= ?)`
		}
		condition, args = condition+across, append(args, box.East+rounding, box.West-rounding)
	}
	return condition + `)`, args
}

// matchesRoute reports whether a workout's route is in the area of the query.
func matchesRoute(ctx context.Context, tx *sql.Tx, user int64, id uuid.UUID, query *store.WorkoutQuery) (bool, error) {
	if query.Box == nil && query.Near == nil {
		return true, nil
	}
	if near := query.Near; near != nil {
		var first health.Place
		var reach float64
		err := tx.QueryRowContext(ctx, `
			SELECT first_latitude, first_longitude, reach FROM workout_routes WHERE user_id = ? AND workout_id = ?`,
			user, id[:]).Scan(&first.Latitude, &first.Longitude, &reach)
		const rounding = 1 // metre
		if err != nil || health.Distance(first, near.Center) > near.Radius+reach+rounding {
			return false, err
		}
	}
	points, err := readRoute(ctx, tx, user, id)
	if err != nil {
		return false, err
	}
	route, err := decodeRoute(points)
	if err != nil {
		return false, err
	}
	return (query.Box == nil || health.Crosses(route, *query.Box)) &&
		(query.Near == nil || health.DistanceTo(route, query.Near.Center) <= query.Near.Radius), nil
}
