package export

import (
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/health"
)

// Points that do not belong to the way are in every form of a route, and marked.
func TestOutliersAreMarked(t *testing.T) {
	t.Parallel()
	w := health.Workout{Name: "Outdoor Run", Start: health.Second}
	for i, accuracy := range []float64{3, 4, 1000, -1, 5} {
		absent := health.Absent()
		w.Route = append(w.Route, health.RoutePoint{
			Time: health.Instant(i+1) * 10 * health.Second, Latitude: 52.5, Longitude: 13.4 + float64(i)*0.0001, HorizontalAccuracy: accuracy,
			Altitude: absent, Speed: absent, Course: absent, VerticalAccuracy: absent, SpeedAccuracy: absent, CourseAccuracy: absent,
		})
	}
	var geojson, gpx strings.Builder
	if err := GeoJSON(&geojson, &w); err != nil {
		t.Fatal(err)
	}
	if err := GPX(&gpx, &w); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(geojson.String(), `"outliers":[false,false,true,true,false]`) || strings.Count(geojson.String(), "[13.4") != 5 {
		t.Error(geojson.String())
	}
	if strings.Count(gpx.String(), "<extensions><he:outlier>true</he:outlier></extensions>") != 2 || strings.Count(gpx.String(), "<trkpt") != 5 {
		t.Error(gpx.String())
	}
}
