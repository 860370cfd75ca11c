package format

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// route reads the points of a workout's route, in version 1 or 2 of the app's form or in the typed form.
func (e *elementReader) route(field string, array jsontext.Value) ([]health.RoutePoint, *pointArray) {
	return readPoints(e, field, array, e.routePoint, sortRoute)
}

// routePoint reads one point. ok is false where its position is not valid, or a time cannot be read.
func (e *elementReader) routePoint(o *object) (p health.RoutePoint, ok bool) {
	if m := o.find("timestamp", "recorded_at", "date", "time"); m != nil {
		if p.Time, _, ok = e.times.parseValue(m.value); !ok {
			return p, false
		}
		m.used = true
	}
	p.Latitude = o.number("latitude", "lat")
	p.Longitude = o.number("longitude", "lon", "lng")
	p.Altitude = o.number("altitude", "altitude_meters")
	p.Speed = nonNegative(o.number("speed"))
	p.Course = nonNegative(o.number("course"))
	p.HorizontalAccuracy = nonNegative(o.number("horizontalAccuracy"))
	p.VerticalAccuracy = nonNegative(o.number("verticalAccuracy"))
	p.SpeedAccuracy = nonNegative(o.number("speedAccuracy"))
	p.CourseAccuracy = nonNegative(o.number("courseAccuracy"))
	return p, hasValidPosition(&p) && finite(p.Altitude, p.Speed, p.Course,
		p.HorizontalAccuracy, p.VerticalAccuracy, p.SpeedAccuracy, p.CourseAccuracy)
}

// newRoutePoint returns a point without any value.
func newRoutePoint() health.RoutePoint {
	absent := health.Absent()
	return health.RoutePoint{
		Latitude: absent, Longitude: absent, Altitude: absent, Speed: absent, Course: absent,
		HorizontalAccuracy: absent, VerticalAccuracy: absent, SpeedAccuracy: absent, CourseAccuracy: absent,
	}
}

// hasValidPosition reports whether the point has a position on the globe.
func hasValidPosition(p *health.RoutePoint) bool {
	return math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180 // false where one is absent, which is NaN
}

// nonNegative returns v, or absent where it is negative, which is how Core Location marks a speed, a course or an
// accuracy as unknown.
func nonNegative(v float64) float64 {
	if v < 0 {
		return health.Absent()
	}
	return v
}
