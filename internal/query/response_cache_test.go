package query_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

var update = flag.Bool("update", false, "write the golden files anew")

// aDay has data of every shape on one day.
func aDay(t testing.TB) *memory {
	t.Helper()
	heart := point(t, "heart_rate", "count/min", 60, watch, "2026-03-10T08:00:00+02:00", 66)
	heart.Min, heart.Max = 58, 80
	heart.Attributes = `{"context":"Sedentary"}`
	bloodPressure := point(t, "blood_pressure", "mmHg", 0, "Omron", "2026-03-10T07:30:00+02:00", health.Absent())
	bloodPressure.Systolic, bloodPressure.Diastolic = 121, 79
	hygiene := point(t, "handwashing", "s", 0, watch, "2026-03-10T12:00:00+02:00", 20)
	hygiene.Attributes = `{"value":"Complete"}`
	named := point(t, "sexual_activity", "count", 0, phone, "2026-03-10T23:00:00+02:00", health.Absent())
	named.Attributes = `{"Unspecified":1}`

	night := health.NewNight()
	night.ID = uuid.MustParse("0193c0de-0000-7000-8000-000000000010")
	night.Source, night.Date = watch, date(t, "2026-03-10")
	night.SleepStart, night.Offset = parseInstant(t, "2026-03-09T23:00:00+02:00")
	night.SleepEnd, _ = parseInstant(t, "2026-03-10T07:00:00+02:00")
	night.Total, night.Core, night.Deep, night.REM, night.Awake = 7.5, 4.5, 1, 2, 0.5
	night.Attributes = `{"sleepSource":"watch"}`
	nap := health.NewNight()
	nap.ID = uuid.MustParse("0193c0de-0000-7000-8000-000000000011")
	nap.Source, nap.Date, nap.Offset = watch, night.Date, night.Offset
	nap.SleepStart, _ = parseInstant(t, "2026-03-10T14:00:00+02:00")
	nap.SleepEnd, _ = parseInstant(t, "2026-03-10T14:30:00+02:00")
	nap.Total, nap.Core = 0.5, 0.5
	segment := health.Segment{Source: watch, Stage: health.StageDeep, Attributes: `{"qty":1}`}
	segment.Start, segment.Offset = parseInstant(t, "2026-03-09T23:30:00+02:00")
	segment.End, _ = parseInstant(t, "2026-03-10T00:30:00+02:00")

	return &memory{
		samples: []health.Sample{
			steps(t, 0, phone, "2026-03-10T08:00:00.25+02:00", 12.5),
			steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 9900),
			heart, bloodPressure, hygiene, named,
			point(t, "weight_body_mass", "kg", 0, "Scale", "2026-03-10T07:00:00+02:00", 70.4),
			point(t, "aura", "sparks", 0, "", "2026-03-10T07:00:00Z", 3),
		},
		nights: []health.Night{night, nap}, segments: []health.Segment{segment},
		workouts: []health.Workout{aWorkout(t)},
		events:   someEvents(t), ecgs: []health.ECG{anECG(t)},
	}
}

func aWorkout(t testing.TB) health.Workout {
	t.Helper()
	w := health.Workout{
		ID: uuid.MustParse("0193c0de-0000-7000-8000-000000000020"), AppID: "5C8E1F2A", Name: "Outdoor Run", Source: watch,
		Duration:   1800,
		Quantities: map[string]health.Quantity{"distance": {Value: 5.02, Unit: "km"}, "active_energy": {Value: 310, Unit: "kcal"}},
		Attributes: `{"isIndoor":false,"location":"Outdoor"}`,
	}
	w.Start, w.Offset = parseInstant(t, "2026-03-10T18:00:00+02:00")
	w.End, _ = parseInstant(t, "2026-03-10T18:31:00+02:00")
	absent := health.Absent()
	w.Series = map[string][]health.SeriesPoint{
		"heart_rate_data": {
			{Time: w.Start, Offset: w.Offset, Min: 100, Value: 120, Max: 131, Unit: "bpm", Source: watch},
			{Value: 122, Min: absent, Max: absent, Unit: "bpm"}, // without a time
		},
		"step_count": {{Time: w.Start, Offset: w.Offset, Value: 84, Min: absent, Max: absent, Unit: "count", Source: watch}},
	}
	w.Route = []health.RoutePoint{
		{Time: w.Start, Latitude: 37.97, Longitude: 23.72, Altitude: 80, Speed: 2.8, Course: absent},
		{Time: w.End, Latitude: 37.98, Longitude: 23.73, Altitude: 82, Speed: 2.9, Course: absent},
	}
	return w
}

func someEvents(t testing.TB) []health.Event {
	t.Helper()
	headache := health.Event{Kind: "symptom", Name: "Headache", Source: phone, Attributes: `{"severity":"Mild"}`}
	headache.Start, headache.Offset = parseInstant(t, "2026-03-10T16:00:00+02:00")
	headache.End, _ = parseInstant(t, "2026-03-10T17:00:00+02:00")
	mood := health.Event{Kind: "state_of_mind", AppID: "A1", Name: "daily_mood", Attributes: `{"valence":0.5}`}
	mood.Start, mood.Offset = parseInstant(t, "2026-03-10T21:00:00+02:00")
	unknown := health.Event{Kind: "beatToBeat", Digest: "d41d8cd9", Attributes: `{"rr":[800,810]}`}
	return []health.Event{headache, mood, unknown}
}

func anECG(t testing.TB) health.ECG {
	t.Helper()
	e := health.ECG{
		Classification: "Sinus Rhythm", Severity: "none", AverageHeartRate: 61, SamplingFrequency: 512, Unit: "mcV",
		Source: watch, Voltages: []float64{12.5, -3, health.Absent()}, Attributes: `{"device":"Watch6,1"}`,
	}
	e.Start, e.Offset = parseInstant(t, "2026-03-10T09:00:00+02:00")
	e.End, _ = parseInstant(t, "2026-03-10T09:00:30+02:00")
	e.Times = []health.Instant{e.Start, e.Start + 1953, e.Start + 3906}
	return e
}

// Every response has a golden file: it is what clients see.
func TestResponses(t *testing.T) {
	t.Parallel()
	m := aDay(t)
	s := newService(t, m)
	ctx := t.Context()
	day := date(t, "2026-03-10")
	samples := func(metric, unit string) func() (any, error) {
		return func() (any, error) {
			return s.Samples(ctx, anna, query.SamplesRequest{Metric: metric, Unit: unit})
		}
	}
	for name, ask := range map[string]func() (any, error){
		"metrics":                     func() (any, error) { return s.Metrics(ctx, anna) },
		"latest":                      func() (any, error) { return s.Latest(ctx, anna) },
		"samples-step_count":          samples("step_count", ""),
		"samples-heart_rate":          samples("heart_rate", ""),
		"samples-blood_pressure":      samples("blood_pressure", "kPa"),
		"samples-handwashing":         samples("handwashing", ""),
		"samples-sexual_activity":     samples("sexual_activity", ""),
		"samples-none":                samples("vo2max", ""),
		"series-step_count":           func() (any, error) { return s.Series(ctx, anna, query.SeriesRequest{Metric: "step_count"}) },
		"series-blood_pressure":       func() (any, error) { return s.Series(ctx, anna, query.SeriesRequest{Metric: "blood_pressure"}) },
		"series-of-named-counts":      func() (any, error) { return s.Series(ctx, anna, query.SeriesRequest{Metric: "sexual_activity"}) },
		"summary":                     func() (any, error) { return s.Day(ctx, anna, "", day) },
		"summary-of-a-day-without":    func() (any, error) { return s.Day(ctx, anna, "", day+1) },
		"sleep":                       func() (any, error) { return s.Sleep(ctx, anna, day, day) },
		"workouts":                    func() (any, error) { return s.Workouts(ctx, anna, query.WorkoutsRequest{}) },
		"workout":                     func() (any, error) { return s.Workout(ctx, anna, query.WorkoutRequest{ID: m.workouts[0].ID}) },
		"events":                      func() (any, error) { return s.Events(ctx, anna, query.EventsRequest{}) },
		"ecg":                         func() (any, error) { return s.ECGs(ctx, anna, query.ECGRequest{}) },
		"ecg-with-voltages":           func() (any, error) { return s.ECGs(ctx, anna, query.ECGRequest{Voltages: true}) },
		"series-heart_rate-with-gaps": func() (any, error) { return s.Series(ctx, anna, gapAtFiveMinutes(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, name, answer)
		})
	}
}

func gapAtFiveMinutes(t testing.TB) query.SeriesRequest {
	return query.SeriesRequest{
		Metric: "heart_rate", Bucket: "5m", Gaps: true,
		Start: clock(t, "2026-03-10T07:55:00+02:00"), End: clock(t, "2026-03-10T08:05:00+02:00"),
	}
}

func checkGolden(t *testing.T, name string, answer any) {
	t.Helper()
	got, err := json.Marshal(answer, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", name+".json")
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
