package postgres

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/ewkb"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// wgs84 is the SRID of GPS coordinates.
const wgs84 = 4326

const routeArrays = `without_altitude, speeds, courses, horizontal_accuracies, vertical_accuracies, speed_accuracies, course_accuracies`

const putRoute = `
INSERT INTO workout_routes (user_id, workout_id, points, legwise, path, ` + routeArrays + `)
VALUES ($1, $2, $3, $4, ST_GeomFromEWKB($5)::geography, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (user_id, workout_id) DO UPDATE SET points = excluded.points, legwise = excluded.legwise, path = excluded.path,
	without_altitude = excluded.without_altitude, speeds = excluded.speeds, courses = excluded.courses,
	horizontal_accuracies = excluded.horizontal_accuracies, vertical_accuracies = excluded.vertical_accuracies,
	speed_accuracies = excluded.speed_accuracies, course_accuracies = excluded.course_accuracies`

func routeArgs(user, workout uuid.UUID, route []health.RoutePoint) ([]any, error) {
	path, err := encodePath(route)
	if err != nil {
		return nil, err
	}
	var withoutAltitude []int32
	for i := range route {
		if health.IsAbsent(route[i].Altitude) {
			withoutAltitude = append(withoutAltitude, int32(i))
		}
	}
	args := []any{user, workout, len(route), legwise(route), path, withoutAltitude}
	for _, of := range routeValues {
		args = append(args, nullableFloats(len(route), func(i int) float64 { return *of(&route[i]) }))
	}
	return args, nil
}

// routeValues are the values of routeArrays, in their order.
var routeValues = []func(*health.RoutePoint) *float64{
	func(p *health.RoutePoint) *float64 { return &p.Speed },
	func(p *health.RoutePoint) *float64 { return &p.Course },
	func(p *health.RoutePoint) *float64 { return &p.HorizontalAccuracy },
	func(p *health.RoutePoint) *float64 { return &p.VerticalAccuracy },
	func(p *health.RoutePoint) *float64 { return &p.SpeedAccuracy },
	func(p *health.RoutePoint) *float64 { return &p.CourseAccuracy },
}

// encodePath returns a route as a line in EWKB. Coordinates out of range, which PostGIS would wrap around the globe, are
// refused.
func encodePath(route []health.RoutePoint) ([]byte, error) {
	flat := make([]float64, 0, 4*(len(route)+1))
	for i := range route {
		p := &route[i]
		if !(math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180) {
			return nil, invalidElement("The route has a place that is not on the globe.")
		}
		altitude := p.Altitude
		if health.IsAbsent(altitude) {
			altitude = 0
		}
		flat = append(flat, p.Longitude, p.Latitude, altitude, float64(p.Time)/float64(health.Second))
	}
	if len(route) == 1 {
		flat = append(flat, flat...)
	}
	return ewkb.Marshal(geom.NewLineStringFlat(geom.XYZM, flat).SetSRID(wgs84), binary.LittleEndian)
}

// legwise reports whether a search in the plane must test a route leg by leg, see the table.
func legwise(route []health.RoutePoint) bool {
	moves := false
	for i := 1; i < len(route); i++ {
		if math.Abs(route[i].Longitude-route[i-1].Longitude) > 180 {
			return true
		}
		moves = moves || route[i].Place() != route[i-1].Place()
	}
	return !moves
}

// readRoute returns nil where there is none.
func readRoute(ctx context.Context, q querier, user, workout uuid.UUID) ([]health.RoutePoint, error) {
	_, route, err := one(ctx, q, scanRoute, `SELECT points, ST_AsEWKB(path::geometry), `+routeArrays+` FROM workout_routes
		WHERE user_id = $1 AND workout_id = $2`, user, workout)
	return route, err
}

func scanRoute(row pgx.Row) ([]health.RoutePoint, error) {
	var count int
	var path []byte
	var withoutAltitude []int32
	arrays := make([][]pgtype.Float8, len(routeValues))
	targets := []any{&count, &path, &withoutAltitude}
	for i := range arrays {
		targets = append(targets, &arrays[i])
	}
	if err := row.Scan(targets...); err != nil {
		return nil, err
	}
	line, err := ewkb.Unmarshal(path)
	if err != nil {
		return nil, err
	}
	route := make([]health.RoutePoint, count)
	flat := line.FlatCoords()
	for i := range route {
		c := flat[4*i : 4*i+4]
		p := &route[i]
		p.Longitude, p.Latitude, p.Altitude = c[0], c[1], c[2]
		p.Time = health.Instant(math.Round(c[3] * float64(health.Second)))
		for _, of := range routeValues {
			*of(p) = health.Absent()
		}
	}
	for _, i := range withoutAltitude {
		route[i].Altitude = health.Absent()
	}
	for n, of := range routeValues {
		setFloats(arrays[n], func(i int) *float64 { return of(&route[i]) })
	}
	return route, nil
}

// passing narrows a listing of workouts to those whose route is in the area of the query, as defined by health.Crosses and
// health.DistanceTo: a box is one in the plane of latitude and longitude, a distance is on the sphere. $1 is the user.
//
// The routes are searched in a query of their own: in a join, every route would be measured for every workout until the
// tables have statistics. For the same reason bounds are compared before distances, which an index does by itself and a
// scan does not.
func (c *condition) passing(query *store.WorkoutQuery) {
	if query.Box == nil && query.Near == nil {
		return
	}
	c.text += ` AND id = ANY (ARRAY(SELECT r.workout_id FROM workout_routes r WHERE r.user_id = $1`
	if query.Box != nil {
		c.inBox(*query.Box)
	}
	if near := query.Near; near != nil {
		center := `ST_SetSRID(ST_MakePoint(` + c.arg(near.Center.Longitude) + `, ` + c.arg(near.Center.Latitude) + `), 4326)::geography`
		radius := c.arg(near.Radius) + `::float8`
		c.text += ` AND r.path && _ST_Expand(` + center + `, ` + radius + `) AND ST_DWithin(r.path, ` + center + `, ` + radius + `, false)`
	}
	c.text += `))`
}

// inBox splits a box that crosses the antimeridian.
func (c *condition) inBox(box health.Box) {
	if box.West <= box.East {
		c.text += ` AND ` + c.crosses(box)
		return
	}
	east, west := box, box
	east.East, west.West = 180, -180
	c.text += ` AND (` + c.crosses(east) + ` OR ` + c.crosses(west) + `)`
}

// crosses tests first whether the route's bounds intersect the box, which uses an index. Of a route that is tested leg by
// leg, a leg of more than 180 degrees of longitude is skipped: it goes the other way round.
func (c *condition) crosses(box health.Box) string {
	area := c.area(box)
	return `(r.path::geometry && ` + area + ` AND CASE WHEN NOT r.legwise THEN ST_Intersects(r.path::geometry, ` + area + `)
		ELSE EXISTS (
			SELECT FROM (SELECT d.geom AS here, lead(d.geom) OVER (ORDER BY d.path) AS next FROM ST_DumpPoints(r.path::geometry) d) leg
			WHERE ST_Intersects(leg.here, ` + area + `)
				OR abs(ST_X(leg.next) - ST_X(leg.here)) <= 180 AND ST_Intersects(ST_MakeLine(leg.here, leg.next), ` + area + `)
		) END)`
}

// area is the box as a geometry. One without a height or a width is a line or a point: a polygon needs an area.
func (c *condition) area(box health.Box) string {
	south, west := c.arg(box.South)+`::float8`, c.arg(box.West)+`::float8`
	north, east := c.arg(box.North)+`::float8`, c.arg(box.East)+`::float8`
	switch {
	case box.South == box.North && box.West == box.East:
		return `ST_SetSRID(ST_MakePoint(` + west + `, ` + south + `), 4326)`
	case box.South == box.North || box.West == box.East:
		return `ST_SetSRID(ST_MakeLine(ST_MakePoint(` + west + `, ` + south + `), ST_MakePoint(` + east + `, ` + north + `)), 4326)`
	}
	return `ST_MakeEnvelope(` + west + `, ` + south + `, ` + east + `, ` + north + `, 4326)`
}
