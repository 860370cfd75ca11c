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

// routePoint reads one point. fault says why it cannot be read: its position is not valid, or its time cannot be read.
func (e *elementReader) routePoint(o *object) (p health.RoutePoint, fault string) {
	if m := o.find("timestamp", "recorded_at", "date", "time"); m != nil {
		var ok bool
		if p.Time, _, ok = e.times.parseValue(m.value); !ok {
			return p, unreadableTime
		}
		m.used = true
	}
	p.Latitude = o.number("latitude", "lat")
	p.Longitude = o.number("longitude", "lon", "lng")
	p.Altitude = o.number("altitude", "altitude_meters")
	p.Speed = nonNegative(o.number("speed"))
	p.Course = nonNegative(o.number("course"))
	p.HorizontalAccuracy = o.number("horizontalAccuracy")
	p.VerticalAccuracy = nonNegative(o.number("verticalAccuracy"))
	p.SpeedAccuracy = nonNegative(o.number("speedAccuracy"))
	p.CourseAccuracy = nonNegative(o.number("courseAccuracy"))
	return p, routePointFault(&p)
}

// routePointFault returns what is impossible about a point, "" where nothing is.
func routePointFault(p *health.RoutePoint) string {
	switch {
	case health.IsAbsent(p.Latitude) || health.IsAbsent(p.Longitude):
		return "it has no latitude or no longitude"
	case math.Abs(p.Latitude) > 90 || math.Abs(p.Longitude) > 180:
		return "its latitude or its longitude is not on the globe"
	case !finite(p.Altitude, p.Speed, p.Course, p.HorizontalAccuracy, p.VerticalAccuracy, p.SpeedAccuracy, p.CourseAccuracy):
		return numberTooLarge
	}
	return ""
}

// newRoutePoint returns a point without any value.
func newRoutePoint() health.RoutePoint {
	absent := health.Absent()
	return health.RoutePoint{
		Latitude: absent, Longitude: absent, Altitude: absent, Speed: absent, Course: absent,
		HorizontalAccuracy: absent, VerticalAccuracy: absent, SpeedAccuracy: absent, CourseAccuracy: absent,
	}
}

// nonNegative returns v, or absent where it is negative, which is how Core Location marks a speed, a course or an
// accuracy as unknown. A horizontal accuracy stays as it is: a negative one says that the position is not valid.
func nonNegative(v float64) float64 {
	if v < 0 {
		return health.Absent()
	}
	return v
}
