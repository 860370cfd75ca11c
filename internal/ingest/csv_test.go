package ingest

import (
	"bytes"
	"mime/multipart"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

const stepsTable = "Date/Time,Step Count (count),Heart Rate [Min] (count/min),Heart Rate [Max] (count/min),Heart Rate [Avg] (count/min)\r\n" +
	"2026-03-10 00:00:00,9900,52,141,71.25\r\n2026-03-11 00:00:00,100,,,\r\n"

const runTable = "Workout Type,Start,End,Duration,Active Energy (kJ),Distance (km)\n" +
	"Outdoor Run,2026-03-10 07:30,2026-03-10 08:15,00:44:10,2092,8.02\n" +
	"Outdoor Run,2026-03-10 07:30,2026-03-10 08:15,00:44:10,2092,8.02\n"

const runJSON = `{"data":{"workouts":[{"id":"A1","name":"Outdoor Run","start":"2026-03-10 07:30:12 +0100","end":"2026-03-10 08:15:42 +0100",
	"duration":2650,"activeEnergyBurned":{"qty":500,"units":"kcal"},"distance":{"qty":8.02,"units":"km"}}]}}`

// The same data sent as CSV and as JSON is stored once, in either order.
func TestTablesAndJSONDoNotDouble(t *testing.T) {
	t.Parallel()
	json := []string{
		metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 9900, "Watch|iPhone"), pointJSON("2026-03-11 00:00:00 +0100", 100, "Watch")),
		runJSON,
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	for _, file := range [][2]string{
		{"HealthAutoExport-2026-03-10-2026-03-11.csv", stepsTable},
		{"Outdoor Run-Heart Rate-20260310_073012.csv", "Date/Time,Min,Max,Avg,Context,Source\n2026-03-10 07:31:00,110,121,115.5,,Watch\n"},
		{"Workouts-2026-03-10-2026-03-11.csv", runTable},
	} {
		part, err := parts.CreateFormFile("file", file[0])
		if err == nil {
			_, err = part.Write([]byte(file[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	for name, bodies := range map[string][]string{
		"tables first": append([]string{stepsTable, runTable, form.String()}, json...),
		"JSON first":   append(json[:2:2], form.String(), stepsTable, runTable),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testdb.Each(t, func(t *testing.T, s store.Store) {
				h := newHarness(t, s, nil, Limits{})
				for range 2 {
					for i, body := range bodies {
						h.at("2026-06-01T12:00:0" + string(rune('0'+i)) + "Z")
						if got := h.send(body); got.Status != health.StatusProcessed {
							t.Fatalf("body %d: %s %s %+v", i, got.Status, got.Failure, got.Report.Errors)
						}
					}
				}
				last := h.send(bodies[len(bodies)-1])
				if c := last.Report.Total(); c.Received != c.Unchanged+c.Merged {
					t.Errorf("sent again, the last body gives %+v", c)
				}
				var values []float64
				for _, s := range h.samples("step_count") {
					values = append(values, s.Value)
				}
				if diff := cmp.Diff([]float64{9900, 100}, values); diff != "" {
					t.Errorf("steps (-want +got):\n%s", diff)
				}
				workouts, err := s.Workouts(t.Context(), h.user.ID, store.WorkoutQuery{Limit: 10})
				if err != nil || len(workouts) != 1 {
					t.Fatalf("%d workouts, error %v", len(workouts), err)
				}
				if got := workouts[0].Start.In(3600).Format("15:04:05"); got != "07:30:12" || workouts[0].AppID != "A1" {
					t.Errorf("the workout starts at %s and has the id %q", got, workouts[0].AppID)
				}
			})
		})
	}
}

// Tables have no zone: they are read in the user's.
func TestTablesAreInTheUsersZone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	if got := h.send(stepsTable); got.Format != "hae-csv" || metricCounts(got) != (health.Counts{Received: 3, Inserted: 3}) {
		t.Fatalf("%s %s %+v", got.Format, got.Status, metricCounts(got))
	}
	want := []shortSample{{"2026-03-10 00:00:00 +0100", 9900, 86400, ""}, {"2026-03-11 00:00:00 +0100", 100, 86400, ""}}
	if diff := cmp.Diff(want, shorten(h.samples("step_count"))); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
