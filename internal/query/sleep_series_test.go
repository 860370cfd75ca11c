package query_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// sleepPoint is a point of a series in short.
type sleepPoint struct {
	Start string
	Value float64 // -1 for null
	Count int
}

func sleepPoints(points []query.Point) (all []sleepPoint) {
	for i := range points {
		p := &points[i]
		value := -1.0
		if p.Value != nil {
			value = *p.Value
		}
		all = append(all, sleepPoint{p.Start.Format("2006-01-02T15-07:00"), value, p.Count})
	}
	return all
}

func TestSleepSeries(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for _, n := range []health.Night{
		night(t, "2026-03-01", watch, 6), night(t, "2026-03-02", watch, 7), night(t, "2026-03-05", watch, 8),
		night(t, "2026-03-05", phone, 9), night(t, "2026-03-30", watch, 5), night(t, "2026-04-01", watch, 7.5),
	} {
		n.ID[0] = byte(len(m.nights) + 1)
		m.nights = append(m.nights, n)
	}
	nap := night(t, "2026-03-02", watch, 1)
	nap.SleepStart, nap.SleepEnd = nap.SleepStart+health.Day/3, nap.SleepEnd+health.Day/3
	m.nights = append(m.nights, nap)
	request := query.SeriesRequest{Metric: "HKCategoryTypeIdentifierSleepAnalysis", Start: clock(t, "2026-03-01T00:00:00+02:00"), End: clock(t, "2026-04-02T00:00:00+02:00")}
	days := []sleepPoint{
		{"2026-03-01T00+02:00", 6, 1}, {"2026-03-02T00+02:00", 7, 1}, {"2026-03-05T00+02:00", 8, 1}, {"2026-03-30T00+02:00", 5, 1}, {"2026-04-01T00+02:00", 7.5, 1},
	}
	for name, test := range map[string]struct {
		change func(r *query.SeriesRequest)
		want   []sleepPoint
	}{
		"days":           {func(*query.SeriesRequest) {}, days},
		"in pages":       {func(r *query.SeriesRequest) { r.Limit = 2 }, days},
		"weeks":          {func(r *query.SeriesRequest) { r.Bucket = "1w" }, []sleepPoint{{"2026-02-23T00+02:00", 6, 1}, {"2026-03-02T00+02:00", 15, 2}, {"2026-03-30T00+02:00", 12.5, 2}}},
		"mean of months": {func(r *query.SeriesRequest) { r.Bucket, r.Aggregation = "1mo", "avg" }, []sleepPoint{{"2026-03-01T00+02:00", 6.5, 4}, {"2026-04-01T00+02:00", 7.5, 1}}},
		"median":         {func(r *query.SeriesRequest) { r.Bucket, r.Aggregation = "1mo", "p50" }, []sleepPoint{{"2026-03-01T00+02:00", 6.5, 4}, {"2026-04-01T00+02:00", 7.5, 1}}},
		"minutes":        {func(r *query.SeriesRequest) { r.Bucket, r.Unit, r.Aggregation = "1y", "min", "max" }, []sleepPoint{{"2026-01-01T00+02:00", 480, 5}}},
		"last":           {func(r *query.SeriesRequest) { r.Bucket, r.Aggregation = "1y", "last" }, []sleepPoint{{"2026-01-01T00+02:00", 7.5, 5}}},
		"count":          {func(r *query.SeriesRequest) { r.Bucket, r.Aggregation = "1y", "count" }, []sleepPoint{{"2026-01-01T00+02:00", 5, 5}}},
		"gaps in pages": {
			func(r *query.SeriesRequest) {
				r.Gaps, r.Limit, r.End = true, 3, clock(t, "2026-03-08T00:00:00+02:00")
			},
			[]sleepPoint{
				{"2026-03-01T00+02:00", 6, 1},
				{"2026-03-02T00+02:00", 7, 1},
				{"2026-03-03T00+02:00", -1, 0},
				{"2026-03-04T00+02:00", -1, 0},
				{"2026-03-05T00+02:00", 8, 1},
				{"2026-03-06T00+02:00", -1, 0},
				{"2026-03-07T00+02:00", -1, 0},
			},
		},
		// Woken at 07:00 in +02:00 is midnight in New York, on the same day, and 01:00 there in summer.
		"another zone": {
			func(r *query.SeriesRequest) { r.TZ = "America/New_York" },
			[]sleepPoint{{"2026-03-01T00-05:00", 6, 1}, {"2026-03-02T00-05:00", 7, 1}, {"2026-03-05T00-05:00", 8, 1}, {"2026-03-30T00-04:00", 5, 1}, {"2026-04-01T00-04:00", 7.5, 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request
			test.change(&r)
			s := newService(t, m)
			var got []sleepPoint
			for {
				series, err := s.Series(t.Context(), anna, r)
				if err != nil {
					t.Fatal(err)
				}
				if r.Limit > 0 && len(series.Points) > r.Limit {
					t.Fatalf("%d points on a page of %d", len(series.Points), r.Limit)
				}
				got = append(got, sleepPoints(series.Points)...)
				if series.NextCursor == nil {
					break
				}
				r.Cursor = *series.NextCursor
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
		})
	}
	for _, r := range []query.SeriesRequest{
		{Metric: "sleep_analysis", Bucket: "1h"}, {Metric: "sleep_analysis", Unit: "kg"}, {Metric: "sleep_analysis", Aggregation: "median"},
	} {
		if _, err := newService(t, m).Series(t.Context(), anna, r); problem.KindOf(err) != problem.Invalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// Time in bed that was sent as sums does not hide the sleep that was sent as stages.
func TestStagesAnswerBeforeTimeInBed(t *testing.T) {
	t.Parallel()
	bed := health.NewNight()
	bed.Source, bed.InBed = phone, 9
	bed.InBedStart, bed.Offset = parseInstant(t, "2026-03-09T22:00:00+02:00")
	bed.InBedEnd, _ = parseInstant(t, "2026-03-10T07:00:00+02:00")
	bed.SetDate()
	day, err := newService(t, &memory{nights: []health.Night{bed}, segments: segments(t)}).Day(t.Context(), anna, "", bed.Date)
	if err != nil {
		t.Fatal(err)
	}
	if s := day.Sleep; s == nil || s.Source != watch || *s.Total != 4.5 || !s.FromSegments {
		t.Errorf("the sleep is %+v", s)
	}
}
