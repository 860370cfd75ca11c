package format

import (
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// route reads the places of a workout's route, in the first or the second version of the app's form or the typed one.
func (e *elementReader) route(field string, array jsontext.Value) ([]health.RoutePoint, *pointArray) {
	list := slices.Grow([]health.RoutePoint(nil), e.capacity(array))
	var skipped pointArray
	for i, o := range skipped.each(e, field, array) {
		if o == nil {
			skipped.drop(i)
			continue
		}
		point, ok := e.routePoint(o)
		if !ok {
			skipped.drop(i)
			continue
		}
		skipped.noteUnknown(o)
		list = append(list, point)
	}
	sortByTime(list, func(p *health.RoutePoint) health.Instant { return p.Time })
	return list, &skipped
}

// routePoint reads one place. It must lie on the globe, and its time, if it has one, must be readable.
func (e *elementReader) routePoint(o *object) (p health.RoutePoint, ok bool) {
	if m := o.find("timestamp", "recorded_at", "date", "time"); m != nil {
		if p.Time, _, ok = parseInstant(m.value, e.location); !ok {
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
	onGlobe := math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180 // false where one is absent
	return p, onGlobe && finite(p.Altitude, p.Speed, p.Course,
		p.HorizontalAccuracy, p.VerticalAccuracy, p.SpeedAccuracy, p.CourseAccuracy)
}

// nonNegative makes a negative number absent: so Core Location marks a speed, a course or an accuracy it does not know.
func nonNegative(v float64) float64 {
	if v < 0 {
		return health.Absent()
	}
	return v
}
