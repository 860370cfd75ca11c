package export_test

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
)

var update = flag.Bool("update", false, "write the golden files anew")

// run returns a workout at 18:00 in a zone two hours east, with a route of n points.
func run(n int) *health.Workout {
	absent := health.Absent()
	w := &health.Workout{
		ID: uuid.MustParse("0193c0de-0000-7000-8000-000000000020"), Name: "Outdoor Run", Source: "Watch",
		Start: 1_773_158_400_000_000, Offset: 7200, Duration: 1800,
	}
	w.End = w.Start + 1860*health.Second
	for i := range n {
		w.Route = append(w.Route, health.RoutePoint{
			Time:     w.Start + health.Instant(i)*health.Second,
			Latitude: 37.97 + float64(i)/1000, Longitude: 23.72, Altitude: 80 + float64(i),
			Speed: 2.5, Course: absent, HorizontalAccuracy: 4, VerticalAccuracy: 3, SpeedAccuracy: absent, CourseAccuracy: absent,
		})
	}
	return w
}

func TestGeoJSON(t *testing.T) {
	t.Parallel()
	sparse := run(3)
	sparse.Route[1].Altitude, sparse.Route[1].Speed, sparse.Route[1].Time = health.Absent(), health.Absent(), 0
	bare := run(2)
	bare.End, bare.Duration = 0, health.Absent()
	for i := range bare.Route {
		bare.Route[i] = health.RoutePoint{
			Latitude: bare.Route[i].Latitude, Longitude: 23.72,
			Altitude: health.Absent(), Speed: health.Absent(), Course: health.Absent(), HorizontalAccuracy: health.Absent(),
			VerticalAccuracy: health.Absent(), SpeedAccuracy: health.Absent(), CourseAccuracy: health.Absent(),
		}
	}
	for name, workout := range map[string]*health.Workout{
		"route": run(3), "values-missing": sparse, "only-places": bare, "one-point": run(1), "no-route": run(0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := export.GeoJSON(&got, workout); err != nil {
				t.Fatal(err)
			}
			indented := jsontext.Value(got.Bytes())
			if err := indented.Indent(); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, filepath.Join("testdata", "geojson", name+".json"), append(indented, '\n'))
		})
	}
}

func checkGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// Every list has an entry per position, whichever values are absent, and no value is lost.
func TestGeoJSONListsFitThePositions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := run(rapid.IntRange(2, 20).Draw(t, "points"))
		for i := range w.Route {
			p := &w.Route[i]
			for _, v := range []*float64{&p.Altitude, &p.Speed, &p.Course, &p.HorizontalAccuracy, &p.CourseAccuracy} {
				*v = rapid.SampledFrom([]float64{1, -2.5, math.NaN()}).Draw(t, "value")
			}
		}
		var out bytes.Buffer
		if err := export.GeoJSON(&out, w); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Geometry struct {
				Coordinates [][]float64 `json:"coordinates"`
			} `json:"geometry"`
			Properties struct {
				Speeds  []*float64 `json:"speeds"`
				Courses []*float64 `json:"courses"`
			} `json:"properties"`
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Geometry.Coordinates) != len(w.Route) {
			t.Fatalf("%d positions for %d points", len(got.Geometry.Coordinates), len(w.Route))
		}
		for i, p := range w.Route {
			if hasAltitude := len(got.Geometry.Coordinates[i]) == 3; hasAltitude == health.IsAbsent(p.Altitude) {
				t.Fatalf("position %d: altitude %v became %v", i, p.Altitude, got.Geometry.Coordinates[i])
			}
			checkEntry(t, got.Properties.Speeds, i, p.Speed)
			checkEntry(t, got.Properties.Courses, i, p.Course)
		}
	})
}

func checkEntry(t *rapid.T, list []*float64, i int, want float64) {
	switch {
	case list == nil && health.IsAbsent(want):
	case list == nil || i >= len(list) || (list[i] == nil) != health.IsAbsent(want) || list[i] != nil && *list[i] != want:
		t.Fatalf("entry %d of %v, want %v", i, list, want)
	}
}

type closedWriter struct{}

var errClosed = errors.New("closed")

func (closedWriter) Write([]byte) (int, error) { return 0, errClosed }

func TestGeoJSONReportsThatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	if err := export.GeoJSON(closedWriter{}, run(2)); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want that of the writer", err)
	}
}
