package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

const (
	runReadings = "Date/Time,Min (count/min),Max (count/min),Avg (count/min),Context,Source\n" +
		"2026-03-10 07:31:00,110,121,115.5,,Watch\n2026-03-10 07:32:00,112,123,117,,Watch\n"
	runRoute = "Timestamp,Latitude,Longitude\n2026-03-10 07:31:00,52.5,13.4\n2026-03-10 07:32:00,52.51,13.4\n"
	runGPX   = `<?xml version="1.0"?><gpx version="1.1"><trk><trkseg>` +
		`<trkpt lat="52.5" lon="13.4"><time>2026-03-10T06:31:00Z</time></trkpt>` +
		`<trkpt lat="520" lon="13.4"><time>2026-03-10T06:31:30Z</time></trkpt>` +
		`<trkpt lat="52.51" lon="13.4"><time>2026-03-10T06:32:00Z</time></trkpt><trkpt lat="52.52"`
)

// named returns the header of a file of the app, none where the file has no name.
func named(file string) []string {
	if file == "" {
		return nil
	}
	return []string{"content-disposition", `attachment; filename="` + file + `"`}
}

func TestFilesOfAWorkoutJoinIt(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		workouts := func() []health.Workout {
			list, err := s.Workouts(t.Context(), h.user.ID, store.WorkoutQuery{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		second := 0
		send := func(body, file string) health.Ingestion {
			second++
			h.at(fmt.Sprintf("2026-06-01T12:00:%02dZ", second))
			return h.send(body, named(file)...)
		}
		const run = "Outdoor Run-Heart Rate-20260310_073012.csv"

		// Refused where there is no workout, or none is named, and never stored as anything else.
		for _, c := range []struct{ body, file, reason string }{
			{runReadings, run, "No workout begins"},
			{runReadings, "", "only its name says"},
			{runReadings, "heart rate.csv", "only its name says"},
			{runRoute, "", "only its name says"},
			{runGPX, "route.gpx", "only its name says"},
		} {
			got := send(c.body, c.file)
			if got.Status != health.StatusRejected || len(got.Report.Errors) != 1 || !strings.Contains(got.Report.Errors[0].Message, c.reason) {
				t.Errorf("%q: %s %s %+v", c.file, got.Status, got.Failure, got.Report.Errors)
			}
		}
		if got := workouts(); len(got) != 0 {
			t.Fatalf("%d workouts of which nothing is known", len(got))
		}

		send(runJSON, "")
		for _, c := range []struct {
			body, file string
			want       health.Outcome
		}{
			{runReadings, run, health.Updated},
			{runReadings, run, health.Unchanged},
			// Another name, as a phone in another language writes it, and the only workout of that second.
			{runRoute, "Lauf draussen-Route-20260310_073012.csv", health.Updated},
			{runGPX, "Outdoor Run-Route-20260310_073012.gpx", health.Unchanged},
		} {
			got := send(c.body, c.file)
			counts := got.Report.Counts[health.Workouts]
			if c.want == health.Updated && counts.Updated != 1 || c.want == health.Unchanged && counts.Unchanged != 1 || counts.Received != 1 {
				t.Errorf("%s: %s %+v %+v", c.file, got.Status, counts, got.Report.Errors)
			}
		}
		got := send(strings.ReplaceAll(runReadings, "2026-03-10", "2026-03-12"), run)
		if got.Status != health.StatusRejected || !strings.Contains(got.Report.Errors[0].Message, "not from the time") {
			t.Errorf("readings of another day: %s %+v", got.Status, got.Report.Errors)
		}
		brief := workouts()
		if len(brief) != 1 {
			t.Fatalf("%d workouts", len(brief))
		}
		whole, err := s.Workout(t.Context(), h.user.ID, brief[0].ID)
		if err != nil || whole.AppID != "A1" || whole.Name != "Outdoor Run" || len(whole.Series["heart_rate_data"]) != 2 || len(whole.Route) != 2 ||
			whole.End.In(3600).Format("15:04:05") != "08:15:42" {
			t.Errorf("%+v, %v", whole, err)
		}
		metrics, err := s.Metrics(t.Context(), h.user.ID)
		if err != nil || len(metrics) != 0 {
			t.Errorf("metrics %+v, %v", metrics, err)
		}
	})
}

// What can be read of a GPX file that breaks off is kept, and what is left out is reported.
func TestBrokenGPX(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	h.send(runJSON)
	got := h.send(runGPX, named("Outdoor Run-Route-20260310_073012.gpx")...)
	if got.Status != health.StatusProcessed || len(got.Report.Warnings) != 2 ||
		got.Report.Warnings[0].Code != health.DroppedPoint || got.Report.Warnings[1].Code != health.IncompleteFile {
		t.Fatalf("%s %+v", got.Status, got.Report.Warnings)
	}
	if d := got.Report.Warnings[0].Details; d["dropped"] != float64(1) && d["dropped"] != 1 || d["reason"] == "" {
		t.Errorf("%+v", d)
	}
}
