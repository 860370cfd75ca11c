package export

import (
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// feature is a GeoJSON Feature (RFC 7946 §3.2).
type feature struct {
	Type       string     `json:"type"`
	ID         uuid.UUID  `json:"id"`
	Geometry   *geometry  `json:"geometry"`
	Properties properties `json:"properties"`
}

// geometry is a LineString, or a Point where Coordinates is a single position.
type geometry struct {
	Type        string `json:"type"`
	Coordinates any    `json:"coordinates"`
}

type properties struct {
	Name     string     `json:"name"`
	Start    time.Time  `json:"start"`
	End      *time.Time `json:"end"`
	Duration *float64   `json:"duration"`
	Source   string     `json:"source"`
	Length   float64    `json:"length"`
	// Every list but an omitted one has one entry per position.
	Times                []*time.Time `json:"times,omitempty"`
	Speeds               []*float64   `json:"speeds,omitempty"`
	Courses              []*float64   `json:"courses,omitempty"`
	HorizontalAccuracies []*float64   `json:"horizontal_accuracies,omitempty"`
	VerticalAccuracies   []*float64   `json:"vertical_accuracies,omitempty"`
	SpeedAccuracies      []*float64   `json:"speed_accuracies,omitempty"`
	CourseAccuracies     []*float64   `json:"course_accuracies,omitempty"`
	// Outliers has true for each position that does not belong to the way, see health.Outliers.
	Outliers []bool `json:"outliers,omitempty"`
}

// GeoJSON writes the route of a workout as a GeoJSON Feature. Its geometry is a LineString of [longitude, latitude,
// altitude], without the altitude where none was recorded; a Point for a route of one point; null for none.
//
// The properties are name, start, end, duration (s), source, length (m along the route), and lists with one entry per
// position: times, speeds (m/s), courses (degrees), and horizontal_, vertical_ (m), speed_ (m/s) and course_accuracies
// (degrees). An entry is null where the point has no such value, and a list is omitted where no point has. Of a route with
// points that do not belong to the way, outliers has true for each of those; the length is without them.
func GeoJSON(w io.Writer, workout *health.Workout) error {
	outliers := health.Outliers(workout.Route, workout.Name)
	f := feature{
		Type: "Feature", ID: workout.ID, Geometry: geometryOf(workout.Route),
		Properties: properties{
			Name: workout.Name, Start: workout.Start.In(workout.Offset), End: optionalTime(workout.End, workout.EndOffset()),
			Duration: optionalNumber(workout.Duration), Source: workout.Source, Outliers: outliers,
			Length: health.RouteLength(withoutOutliers(workout.Route, outliers)),
		},
	}
	p := &f.Properties
	for _, point := range workout.Route {
		p.Times = append(p.Times, optionalTime(point.Time, workout.Offset))
		p.Speeds = append(p.Speeds, optionalNumber(point.Speed))
		p.Courses = append(p.Courses, optionalNumber(point.Course))
		p.HorizontalAccuracies = append(p.HorizontalAccuracies, optionalNumber(point.HorizontalAccuracy))
		p.VerticalAccuracies = append(p.VerticalAccuracies, optionalNumber(point.VerticalAccuracy))
		p.SpeedAccuracies = append(p.SpeedAccuracies, optionalNumber(point.SpeedAccuracy))
		p.CourseAccuracies = append(p.CourseAccuracies, optionalNumber(point.CourseAccuracy))
	}
	p.Times = nilIfEmpty(p.Times)
	for _, list := range []*[]*float64{
		&p.Speeds, &p.Courses, &p.HorizontalAccuracies, &p.VerticalAccuracies, &p.SpeedAccuracies, &p.CourseAccuracies,
	} {
		*list = nilIfEmpty(*list)
	}
	return json.MarshalWrite(w, f, jsontext.AllowInvalidUTF8(true))
}

// withoutOutliers returns the points that belong to the way.
func withoutOutliers(route []health.RoutePoint, outliers []bool) (kept []health.RoutePoint) {
	if outliers == nil {
		return route
	}
	for i := range route {
		if !outliers[i] {
			kept = append(kept, route[i])
		}
	}
	return kept
}

func geometryOf(route []health.RoutePoint) *geometry {
	positions := make([][]float64, len(route))
	for i, point := range route {
		positions[i] = []float64{point.Longitude, point.Latitude}
		if !health.IsAbsent(point.Altitude) {
			positions[i] = append(positions[i], point.Altitude)
		}
	}
	switch len(positions) {
	case 0:
		return nil
	case 1:
		return &geometry{"Point", positions[0]}
	default:
		return &geometry{"LineString", positions}
	}
}

// optionalNumber returns v, or nil where it is absent.
func optionalNumber(v float64) *float64 {
	if health.IsAbsent(v) {
		return nil
	}
	return &v
}

// optionalTime returns i in an offset, or nil where it is 0.
func optionalTime(i health.Instant, offset int32) *time.Time {
	if i == 0 {
		return nil
	}
	t := i.In(offset)
	return &t
}

// nilIfEmpty returns entries, or nil where all of them are.
func nilIfEmpty[T any](entries []*T) []*T {
	for _, entry := range entries {
		if entry != nil {
			return entries
		}
	}
	return nil
}
