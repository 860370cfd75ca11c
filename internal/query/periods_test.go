package query_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// daysOf gives a metric one raw sample at noon of each day from first on; a NaN leaves its day out.
func daysOf(t testing.TB, metric, unit, first string, values ...float64) []health.Sample {
	t.Helper()
	var samples []health.Sample
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		at := clock(t, first+"T12:00:00+02:00").AddDate(0, 0, i).Format(time.RFC3339)
		samples = append(samples, point(t, metric, unit, 0, watch, at, v))
	}
	return samples
}

func all(samples ...[]health.Sample) *memory {
	m := &memory{}
	for _, s := range samples {
		m.samples = append(m.samples, s...)
	}
	return m
}

// night is a night of so many hours that ended in the morning of a day.
func night(t testing.TB, day, source string, hours float64) health.Night {
	t.Helper()
	n := health.NewNight()
	n.Source, n.Date, n.Total, n.Core = source, date(t, day), hours, hours
	n.SleepEnd, n.Offset = parseInstant(t, day+"T07:00:00+02:00")
	n.SleepStart = n.SleepEnd - health.Instant(hours*3600)*health.Second
	return n
}

func TestCompare(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	pressure := point(t, "blood_pressure", "mmHg", 0, "Omron", "2026-03-09T07:30:00+02:00", nan)
	pressure.Systolic, pressure.Diastolic = 121, 79
	m := all(
		daysOf(t, "step_count", "count", "2026-03-02", 6000, nan, 8000, 9000, nan, 11_000, 12_000),
		daysOf(t, "resting_heart_rate", "count/min", "2026-03-06", 60, 61, 62, 63),
		[]health.Sample{pressure},
	)
	m.nights = []health.Night{night(t, "2026-03-05", watch, 6), night(t, "2026-03-07", watch, 8), night(t, "2026-03-08", watch, 351)}
	got, err := newService(t, m).Compare(t.Context(), anna, query.CompareRequest{
		Metrics: []string{"steps", "resting_heart_rate", "sleep_analysis", "vo2_max", "blood_pressure_systolic"},
		Start:   date(t, "2026-03-06"), End: date(t, "2026-03-09"),
		WithStart: date(t, "2026-03-02"), WithEnd: date(t, "2026-03-05"),
	})
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "comparison", got)
}

func TestCorrelate(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	// The heart rate of a day is 61 less one for every thousand steps of the day before.
	m := all(
		daysOf(t, "step_count", "count", "2026-03-02", 1000, 5000, 3000, 8000, nan, 2000, 9000),
		daysOf(t, "resting_heart_rate", "count/min", "2026-03-02", 55, 60, 56, 58, 53, 58, 59),
	)
	s := newService(t, m)
	got, err := s.Correlate(t.Context(), anna, query.CorrelateRequest{
		X: "steps", Y: "resting_heart_rate", Start: date(t, "2026-03-02"), End: date(t, "2026-03-08"), FirstLag: -5, LastLag: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		n                 int
		pearson, spearman float64 // as Python's statistics.correlation has them
	}{
		{n: 2, pearson: nan, spearman: nan},
		{n: 2, pearson: nan, spearman: nan},
		{3, 0.317014729737, 0.5},
		{4, -0.152640627718, -0.4},
		{5, 0.248800332673, 0.4},
		{6, 0.635867063998, 0.695725242783},
		{5, -1, -1},
		{4, 0.602338864499, 0.737864787373},
	} {
		lag := got.Lags[i]
		if lag.Lag != i-5 || lag.N != want.n || !isAbout(lag.Pearson, want.pearson) || !isAbout(lag.Spearman, want.spearman) {
			t.Errorf("lag %d has %d pairs, want %d, and %v and %v, want %v and %v",
				lag.Lag, lag.N, want.n, show(lag.Pearson), show(lag.Spearman), want.pearson, want.spearman)
		}
	}
	got.Lags = nil
	wantSides := query.Correlation{
		Days:   query.Days{Start: date(t, "2026-03-02"), End: date(t, "2026-03-08"), Days: 7},
		Bucket: "1d",
		X:      query.Correlated{Measure: query.Measure{Metric: "step_count", Unit: "count", Aggregation: "sum"}, DaysWithData: 6, Sources: []string{watch}},
		Y:      query.Correlated{Measure: query.Measure{Metric: "resting_heart_rate", Unit: "count/min", Aggregation: "avg"}, DaysWithData: 7, Sources: []string{watch}},
	}
	if diff := cmp.Diff(wantSides, got); diff != "" {
		t.Errorf("what was correlated (-want +got):\n%s", diff)
	}
	weeks, err := s.Correlate(t.Context(), anna, query.CorrelateRequest{
		X: "step_count", Y: "step_count", Start: date(t, "2026-03-01"), End: date(t, "2026-03-08"), Bucket: "1w",
	})
	want := []query.Coefficients{{Lag: 0, N: 1}}
	if diff := cmp.Diff(want, weeks.Lags); diff != "" || err != nil {
		t.Errorf("one week is too little: error %v (-want +got):\n%s", err, diff)
	}
}

func isAbout(got *float64, want float64) bool {
	if got == nil || math.IsNaN(want) {
		return got == nil && math.IsNaN(want)
	}
	return math.Abs(*got-want) < 1e-9
}

func show(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

func TestTrends(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	flat := func(base float64, n int, after ...float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = base + float64(i%2)
		}
		return append(values, after...)
	}
	m := all(
		daysOf(t, "resting_heart_rate", "count/min", "2026-02-04", flat(55, 28, 58, 58, 59, nan, 58, 58, 59)...),
		daysOf(t, "step_count", "count", "2026-02-04", flat(9000, 28, 9001, 9000, 9000, 9001, 9000, 9001, 9000)...),
		daysOf(t, "heart_rate_variability", "ms", "2026-02-04", flat(40, 28, 30, 31, 32)...),
		daysOf(t, "vo2_max", "mL/min·kg", "2026-02-26", 40, 41, 40, 41, 40, 41, 42, 43, 42), // too little before
		daysOf(t, "respiratory_rate", "count/min", "2026-02-04", flat(14, 28, 15, 15)...),   // too little after
		daysOf(t, "weight_body_mass", "kg", "2026-02-04", append(append([]float64{}, make28(70)...), 70.5, 70.5, 70.5)...),
		daysOf(t, "blood_glucose", "mg/dL", "2025-01-01", 90), // long ago
	)
	m.nights = []health.Night{night(t, "2026-03-05", watch, 6)}
	s := newService(t, m)
	got, err := s.Trends(t.Context(), anna, query.TrendsRequest{Date: date(t, "2026-03-10")})
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "trends", got)
	directions := map[string]string{}
	for _, trend := range got.Trends {
		if trend.Direction != nil {
			directions[trend.Metric] = *trend.Direction
		}
	}
	want := map[string]string{
		"resting_heart_rate": "up", "step_count": "steady", "heart_rate_variability": "down", "weight_body_mass": "up",
	}
	if diff := cmp.Diff(want, directions); diff != "" {
		t.Errorf("directions (-want +got):\n%s", diff)
	}
	one, err := s.Trends(t.Context(), anna, query.TrendsRequest{Date: date(t, "2026-03-10"), Metrics: []string{"steps"}})
	if err != nil || len(one.Trends) != 1 || one.Trends[0].Metric != "step_count" {
		t.Errorf("of one metric: %+v, error %v", one.Trends, err)
	}
}

func make28(value float64) []float64 {
	values := make([]float64, 28)
	for i := range values {
		values[i] = value
	}
	return values
}

func TestRecords(t *testing.T) {
	t.Parallel()
	m := all(
		daysOf(t, "step_count", "count", "2026-02-27", 9000, 12_000, 12_000, 3000),
		daysOf(t, "resting_heart_rate", "count/min", "2026-02-27", 55, 51, 58),
		daysOf(t, "vo2_max", "mL/min·kg", "2026-02-27", 44, 45.5, 45),
	)
	m.nights = []health.Night{night(t, "2026-02-28", watch, 8), night(t, "2026-03-01", watch, 9), night(t, "2026-03-02", watch, 351)}
	workout := func(id byte, name, start string, minutes, km float64) health.Workout {
		w := aWorkout(t)
		w.ID, w.AppID, w.Name, w.Route = [16]byte{id}, "", name, nil
		w.Start, w.Offset = parseInstant(t, start)
		w.End, w.Duration = w.Start+health.Instant(minutes*60)*health.Second, minutes*60
		w.Quantities = map[string]health.Quantity{"distance": {Value: km, Unit: "km"}, "active_energy": {Value: km * 60, Unit: "kcal"}}
		return w
	}
	long := workout(1, "Outdoor Run", "2026-02-27T18:00:00+02:00", 60, 10)
	fast := workout(2, "Outdoor Run", "2026-02-28T18:00:00+02:00", 20, 5)
	fast.Route = []health.RoutePoint{ // 2 km in 10 minutes, then 1 km in 3, 2 km in 7
		{Time: fast.Start, Latitude: 10},
		{Time: fast.Start + 600*health.Second, Latitude: 10 + 2000/metresPerDegree},
		{Time: fast.Start + 780*health.Second, Latitude: 10 + 3000/metresPerDegree},
		{Time: fast.Start + 1200*health.Second, Latitude: 10 + 5001/metresPerDegree},
	}
	sprint := workout(3, "Outdoor Run", "2026-03-01T18:00:00+02:00", 2, 0.5) // too short to have a pace
	same := workout(4, "Outdoor Run", "2026-03-02T18:00:00+02:00", 60, 10)   // as good as the first, and later
	yoga := workout(5, "Yoga", "2026-03-01T20:00:00+02:00", 30, 0)
	yoga.Quantities, yoga.Duration = nil, health.Absent()
	jumping := workout(6, "Outdoor Run", "2026-02-26T18:00:00+02:00", 20, 1.2)
	jumping.Route = []health.RoutePoint{ // over to the next town and back
		{Time: jumping.Start, Latitude: 10}, {Time: jumping.Start + 10*health.Second, Latitude: 10.2}, {Time: jumping.End, Latitude: 10},
	}
	m.workouts = []health.Workout{long, fast, sprint, same, yoga, jumping}
	s := newService(t, m)
	got, err := s.Records(t.Context(), anna, query.RecordsRequest{Efforts: true})
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "records", got)

	first, last := date(t, "2026-03-01"), date(t, "2026-03-01")
	narrow, err := s.Records(t.Context(), anna, query.RecordsRequest{Start: &first, End: &last})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range narrow.Days {
		if r.Date != first {
			t.Errorf("%s of %s is a record of %s", r.Metric, r.Date, first)
		}
	}
	if len(narrow.Days) != 4 || len(narrow.Workouts) != 4 {
		t.Errorf("%d records of days and %d of workouts, want 4 and 4: %+v", len(narrow.Days), len(narrow.Workouts), narrow)
	}
	none, err := newService(t, &memory{}).Records(t.Context(), anna, query.RecordsRequest{Efforts: true})
	if err != nil || len(none.Days)+len(none.Workouts) != 0 {
		t.Errorf("nothing has records: %+v, error %v", none, err)
	}
}

const metresPerDegree = health.EarthRadius * math.Pi / 180

func TestRings(t *testing.T) {
	t.Parallel()
	m := all(
		daysOf(t, "active_energy", "kcal", "2026-03-10", 450, 600),
		daysOf(t, "apple_stand_hour", "count", "2026-03-10", 12),
		daysOf(t, "active_energy_goal", "kcal", "2026-03-10", 500, 500),
		daysOf(t, "stand_hour_goal", "count", "2026-03-10", 12),
		daysOf(t, "exercise_time_goal", "min", "2026-03-10", 30),
	)
	days, err := newService(t, m).Days(t.Context(), anna, "", date(t, "2026-03-10"), date(t, "2026-03-12"))
	if err != nil {
		t.Fatal(err)
	}
	want := []*query.Rings{
		{
			Move:     &query.Ring{Value: 450, Goal: 500, Unit: "kcal", Progress: 0.9},
			Exercise: &query.Ring{Goal: 30, Unit: "min"},
			Stand:    &query.Ring{Value: 12, Goal: 12, Unit: "count", Progress: 1, Closed: true},
		},
		{Move: &query.Ring{Value: 600, Goal: 500, Unit: "kcal", Progress: 1.2, Closed: true}},
		nil,
	}
	for i, day := range days {
		if diff := cmp.Diff(want[i], day.Rings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", day.Date, diff)
		}
	}
}

func TestPeriodsRefuse(t *testing.T) {
	t.Parallel()
	s := newService(t, aDay(t))
	ctx := t.Context()
	day := date(t, "2026-03-10")
	steps := []string{"step_count"}
	many := make([]string, 21)
	compare := func(r query.CompareRequest) error { _, err := s.Compare(ctx, anna, r); return err }
	correlate := func(r query.CorrelateRequest) error { _, err := s.Correlate(ctx, anna, r); return err }
	list := func(r query.SeriesListRequest) error { _, err := s.SeriesList(ctx, anna, r); return err }
	trends := func(r query.TrendsRequest) error { _, err := s.Trends(ctx, anna, r); return err }
	year1899 := date(t, "1899-12-31")
	records := func(r query.RecordsRequest) error { _, err := s.Records(ctx, anna, r); return err }
	before := day - 1
	for name, test := range map[string]struct {
		err         error
		code, field string
	}{
		"compare: none":           {compare(query.CompareRequest{Start: day, End: day, WithStart: day, WithEnd: day}), "invalid_metrics", "metrics"},
		"compare: unknown":        {compare(query.CompareRequest{Metrics: []string{"step_count", "step_cuont"}, Start: day, End: day, WithStart: day, WithEnd: day}), "unknown_metric", "metrics"},
		"compare: pressure":       {compare(query.CompareRequest{Metrics: []string{"blood_pressure"}, Start: day, End: day, WithStart: day, WithEnd: day}), "no_daily_value", "metrics"},
		"compare: backwards":      {compare(query.CompareRequest{Metrics: steps, Start: day, End: day - 1, WithStart: day, WithEnd: day}), "invalid_range", "end"},
		"compare: with backwards": {compare(query.CompareRequest{Metrics: steps, Start: day, End: day, WithStart: day, WithEnd: day - 1}), "invalid_range", "with_end"},
		"compare: with 1899":      {compare(query.CompareRequest{Metrics: steps, Start: day, End: day, WithStart: year1899, WithEnd: day}), "invalid_range", "with_start"},
		"compare: too long":       {compare(query.CompareRequest{Metrics: steps, Start: day - 3660, End: day, WithStart: day, WithEnd: day}), "range_too_large", "end"},
		"correlate: x":            {correlate(query.CorrelateRequest{X: "x", Y: "step_count", Start: day, End: day}), "unknown_metric", "x"},
		"correlate: y":            {correlate(query.CorrelateRequest{X: "step_count", Y: "y", Start: day, End: day}), "unknown_metric", "y"},
		"correlate: bucket":       {correlate(query.CorrelateRequest{X: "step_count", Y: "step_count", Start: day, End: day, Bucket: "1h"}), "invalid_bucket", "bucket"},
		"correlate: lag":          {correlate(query.CorrelateRequest{X: "step_count", Y: "step_count", Start: day, End: day, LastLag: 31}), "invalid_lag", "lag"},
		"correlate: lag back":     {correlate(query.CorrelateRequest{X: "step_count", Y: "step_count", Start: day, End: day, FirstLag: 1}), "invalid_lag", "lag"},
		"correlate: backwards":    {correlate(query.CorrelateRequest{X: "step_count", Y: "step_count", Start: day, End: day - 1}), "invalid_range", "end"},
		"series: too many":        {list(query.SeriesListRequest{Metrics: many}), "invalid_metrics", "metrics"},
		"series: unit":            {list(query.SeriesListRequest{Metrics: steps, Units: map[string]string{"step_count": "km"}}), "invalid_unit", "units"},
		"series: agg":             {list(query.SeriesListRequest{Metrics: []string{"heart_rate"}, Of: query.SeriesRequest{Aggregation: "sum"}}), "invalid_aggregation", "agg"},
		"series: bucket":          {list(query.SeriesListRequest{Metrics: steps, Of: query.SeriesRequest{Bucket: "7m"}}), "invalid_bucket", "bucket"},
		"series: too many points": {list(query.SeriesListRequest{Metrics: []string{"step_count", "heart_rate"}, Of: query.SeriesRequest{Limit: 50_001}}), "invalid_limit", "limit"},
		"trends: 1900":            {trends(query.TrendsRequest{Date: date(t, "1900-02-03")}), "invalid_range", "date"},
		"trends: unknown":         {trends(query.TrendsRequest{Date: day, Metrics: []string{"x"}}), "unknown_metric", "metrics"},
		"records: backwards":      {records(query.RecordsRequest{Start: &day, End: &before}), "invalid_range", "end"},
		"workout: splits":         {func() error { _, err := s.Workout(ctx, anna, query.WorkoutRequest{Splits: "ft"}); return err }(), "invalid_splits", "splits"},
		"workout: heart rate":     {func() error { _, err := s.Workout(ctx, anna, query.WorkoutRequest{MaxHeartRate: 99}); return err }(), "invalid_max_heart_rate", "max_heart_rate"},
		"workout: no heart rate": {func() error {
			_, err := s.Workout(ctx, anna, query.WorkoutRequest{MaxHeartRate: math.NaN()})
			return err
		}(), "invalid_max_heart_rate", "max_heart_rate"},
	} {
		checkRefusal(t, test.err, test.code, test.field)
		if kind := problem.KindOf(test.err); kind != problem.Invalid {
			t.Errorf("%s: %v is %q", name, test.err, kind)
		}
	}
	refusal, ok := compare(query.CompareRequest{Metrics: []string{"step_cuont"}, Start: day, End: day, WithStart: day, WithEnd: day}).(*problem.Error)
	if !ok || len(refusal.Suggestions) == 0 || refusal.Suggestions[0] != "step_count" {
		t.Errorf("nothing is suggested: %+v", refusal)
	}
}
