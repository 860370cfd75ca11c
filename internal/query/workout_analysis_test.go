package query_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// aLongRun has a route of 2.5 km in 15 minutes and a heart rate every minute.
func aLongRun(t testing.TB) health.Workout {
	t.Helper()
	w := aWorkout(t)
	w.End, w.Duration = w.Start+960*health.Second, 900
	w.Route, w.Series = nil, map[string][]health.SeriesPoint{}
	for i := range health.Instant(11) {
		w.Route = append(w.Route, health.RoutePoint{
			Time: w.Start + i*90*health.Second, Latitude: 37 + float64(i)*250/metresPerDegree, Longitude: 23, Altitude: float64(100 + 3*i),
		})
	}
	for i := range health.Instant(15) {
		w.Series["heart_rate_data"] = append(w.Series["heart_rate_data"], health.SeriesPoint{
			Time: w.Start + i*60*health.Second, Offset: w.Offset, Min: health.Absent(), Max: health.Absent(),
			Value: float64(90 + 6*i), Unit: "count/min", Source: watch,
		})
	}
	return w
}

// A pause does not make the pace slower.
func TestPaceLeavesPausesOut(t *testing.T) {
	t.Parallel()
	w := aLongRun(t)
	w.Series[health.SeriesPauses] = []health.SeriesPoint{{Time: w.Start + 330*health.Second, Value: 60, Unit: "s"}}
	got, err := newService(t, &memory{workouts: []health.Workout{w}}).Workout(t.Context(), anna, query.WorkoutRequest{ID: w.ID, Splits: "km"})
	if err != nil {
		t.Fatal(err)
	}
	type split struct{ seconds, paused, pace float64 }
	var splits []split
	for _, s := range got.Splits.Splits {
		splits = append(splits, split{s.Seconds, s.Paused, math.Round(*s.Pace)})
	}
	if diff := cmp.Diff([]split{{360, 30, 330}, {360, 30, 330}, {180, 0, 360}}, splits, cmp.AllowUnexported(split{})); diff != "" {
		t.Errorf("splits (-want +got):\n%s", diff)
	}
}

func TestWorkoutAnalysis(t *testing.T) {
	t.Parallel()
	m := &memory{workouts: []health.Workout{aLongRun(t)}}
	got, err := newService(t, m).Workout(t.Context(), anna, query.WorkoutRequest{ID: m.workouts[0].ID, MaxHeartRate: 180, Splits: "km"})
	if err != nil {
		t.Fatal(err)
	}
	seconds := func(splits *query.Splits) (all []float64) {
		for _, s := range splits.Splits {
			all = append(all, s.Seconds)
		}
		return all
	}
	if diff := cmp.Diff([]float64{360, 360, 180}, seconds(got.Splits)); diff != "" || got.Splits.From != "route" {
		t.Errorf("splits by %s (-want +got):\n%s", got.Splits.From, diff)
	}
	if e := got.Elevation; e == nil || e.Gain != 30 || e.Loss != 0 || e.Min != 100 || e.Max != 130 {
		t.Errorf("elevation %+v", e)
	}
	if *got.Elapsed != 960 || *got.Paused != 60 {
		t.Errorf("%v s, %v of them paused", *got.Elapsed, *got.Paused)
	}
	z := got.HeartRateZones
	var times []float64
	for _, zone := range z.Zones {
		times = append(times, zone.Seconds)
	}
	// From 90 to 174 in steps of 6; zones begin at 90, 108, 126, 144 and 162. The last reading is valid to the end.
	if diff := cmp.Diff([]float64{0, 180, 180, 180, 180, 240}, times); diff != "" || z.Covered != 960 || z.From != "workout" || z.Assumed {
		t.Errorf("%v s by %s (-want +got):\n%s", z.Covered, z.From, diff)
	}
	miles, err := newService(t, m).Workout(t.Context(), anna, query.WorkoutRequest{ID: m.workouts[0].ID, Splits: "mi"})
	if err != nil || len(miles.Splits.Splits) != 2 || miles.Splits.Unit != "mi" || !miles.HeartRateZones.Assumed {
		t.Errorf("in miles: %+v, error %v", miles.Splits, err)
	}
}

func TestWorkoutAnalysisWithLess(t *testing.T) {
	t.Parallel()
	bare := aLongRun(t)
	bare.Route, bare.Series = nil, nil
	distances := bare
	distances.Series = map[string][]health.SeriesPoint{}
	for i := range health.Instant(15) {
		distances.Series["walking_and_running_distance"] = append(distances.Series["walking_and_running_distance"],
			health.SeriesPoint{Time: distances.Start + i*60*health.Second, Value: 0.1, Unit: "km"})
	}
	// A known fault of the app: the series holds the recovery, after the end.
	recovery := bare
	recovery.Series = map[string][]health.SeriesPoint{"heart_rate_data": {{Time: bare.End, Value: 150, Unit: "count/min"}}}
	endless := bare
	endless.End, endless.Duration = 0, health.Absent()
	rates := func(grain health.Grain) []health.Sample {
		return []health.Sample{
			point(t, "heart_rate", "count/min", grain, watch, "2026-03-10T18:05:00+02:00", 120),
			point(t, "heart_rate", "count/min", grain, watch, "2026-03-10T18:06:00+02:00", 130),
			point(t, "heart_rate", "count/min", grain, watch, "2026-03-10T19:06:00+02:00", 70), // afterwards
		}
	}
	type short struct {
		Splits, Elevation, Zones bool
		From                     string
		Grain                    health.Grain
		Covered                  float64
	}
	for name, test := range map[string]struct {
		workout health.Workout
		samples []health.Sample
		want    short
	}{
		"nothing":                         {bare, nil, short{}},
		"no end":                          {endless, rates(0), short{}},
		"raw samples":                     {bare, append(rates(0), rates(60)...), short{Zones: true, From: "samples", Covered: 180}},
		"samples of minutes":              {bare, rates(60), short{Zones: true, From: "samples", Grain: 60, Covered: 180}},
		"samples of hours say too little": {bare, rates(3600), short{}},
		"the recovery does not count":     {recovery, rates(0), short{Zones: true, From: "samples", Covered: 180}},
		"distances without a route":       {distances, nil, short{Splits: true}},
	} {
		m := &memory{workouts: []health.Workout{test.workout}, samples: test.samples}
		answer, err := newService(t, m).Workout(t.Context(), anna, query.WorkoutRequest{ID: test.workout.ID, Splits: "km"})
		if err != nil {
			t.Fatal(err)
		}
		got := short{Splits: answer.Splits != nil, Elevation: answer.Elevation != nil, Zones: answer.HeartRateZones != nil}
		if z := answer.HeartRateZones; z != nil {
			got.From, got.Covered = z.From, z.Covered
			if z.Grain != nil {
				got.Grain = *z.Grain
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if name == "distances without a route" {
			if s := answer.Splits; s.From != "walking_and_running_distance" || len(s.Splits) != 2 || s.Splits[0].Seconds != 600 {
				t.Errorf("splits by distances: %+v", s)
			}
		}
	}
}

func TestOneECG(t *testing.T) {
	t.Parallel()
	m := aDay(t)
	s := newService(t, m)
	got, err := s.ECG(t.Context(), anna, m.ecgs[0].Start.Time())
	if err != nil || len(got.Voltages) != 3 {
		t.Errorf("%d voltages, error %v", len(got.Voltages), err)
	}
	if _, err := s.ECG(t.Context(), anna, m.ecgs[0].Start.Time().Add(1000)); problem.KindOf(err) != problem.NotFound {
		t.Errorf("a microsecond later: %v, want not found", err)
	}
}
