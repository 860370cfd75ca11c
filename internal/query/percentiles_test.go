package query_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

func TestPercentiles(t *testing.T) {
	t.Parallel()
	rate := func(grain health.Grain, source, start string, value float64) health.Sample {
		return point(t, "heart_rate", "count/min", grain, source, start, value)
	}
	m := &memory{samples: []health.Sample{
		rate(0, watch, "2026-03-10T08:00:00+02:00", 60), rate(0, watch, "2026-03-10T08:10:00+02:00", 80),
		rate(0, watch, "2026-03-10T09:00:00+02:00", 70), rate(0, watch, "2026-03-10T09:10:00+02:00", 100),
		rate(0, phone, "2026-03-10T09:10:00+02:00", 190), // a worse source for the same moment
		rate(3600, merged, "2026-03-10T08:00:00+02:00", 65), rate(3600, merged, "2026-03-10T20:00:00+02:00", 55),
		rate(3600, merged, "2026-03-11T08:00:00+02:00", 60), rate(3600, merged, "2026-03-11T09:00:00+02:00", 64),
		rate(health.GrainDay, merged, "2026-03-11T00:00:00+02:00", 90),
		rate(health.GrainDay, merged, "2026-03-12T00:00:00+02:00", 66),
	}}
	request := query.SeriesRequest{
		Metric: "heart_rate", Start: clock(t, "2026-03-10T00:00:00+02:00"), End: clock(t, "2026-03-13T00:00:00+02:00"),
	}
	show := func(p query.Point) string {
		if p.Value == nil {
			return fmt.Sprintf("nothing, avg %v", *p.Avg)
		}
		return fmt.Sprintf("%v of %d, grain %d, %v", *p.Value, p.Percentile.Count, p.Percentile.Grain, p.Percentile.Sources)
	}
	for aggregation, want := range map[string][]string{
		"p50": {"75 of 4, grain 0, [Anna's Watch]", "62 of 2, grain 3600, [" + merged + "]", "66 of 1, grain 86400, [" + merged + "]"},
		"p90": {"94 of 4, grain 0, [Anna's Watch]", "63.6 of 2, grain 3600, [" + merged + "]", "66 of 1, grain 86400, [" + merged + "]"},
	} {
		request.Aggregation = aggregation
		answer, err := newService(t, m).Series(t.Context(), anna, request)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range answer.Points {
			got = append(got, show(p))
		}
		if diff := cmp.Diff(want, got); diff != "" || answer.Aggregation != aggregation {
			t.Errorf("%s (-want +got):\n%s", answer.Aggregation, diff)
		}
	}
	request.Bucket, request.Start = "1h", clock(t, "2026-03-12T00:00:00+02:00")
	answer, err := newService(t, m).Series(t.Context(), anna, request)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Points) != 0 {
		t.Errorf("an hour has a percentile of a day: %+v", answer.Points)
	}
	for _, wrong := range []string{"p0", "p100", "p", "p5.5", "p-1", "P50", "p05", "p 5", "p1000"} {
		request.Aggregation = wrong
		_, err := newService(t, m).Series(t.Context(), anna, request)
		checkRefusal(t, err, "invalid_aggregation", "agg")
	}
}

// TestPercentilesAreExact compares with sorting everything, whatever the buckets, zones and pages.
func TestPercentilesAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &memory{}
		base := clock(t, "2026-03-24T00:00:00Z") // clocks change in Europe on the 29th
		for range rapid.IntRange(1, 60).Draw(rt, "n") {
			at := base.Add(time.Duration(rapid.IntRange(0, 10*86_400).Draw(rt, "second")) * time.Second)
			s := point(t, "heart_rate", "count/min", 0, watch, at.Format(time.RFC3339), float64(rapid.IntRange(40, 180).Draw(rt, "rate")))
			s.Offset = int32(rapid.SampledFrom([]int{0, 7200, -18_000}).Draw(rt, "offset"))
			m.samples = append(m.samples, s)
		}
		slices.SortFunc(m.samples, func(a, b health.Sample) int { return a.Key().Compare(b.Key()) })
		m.samples = slices.CompactFunc(m.samples, func(a, b health.Sample) bool { return a.Key() == b.Key() })
		request := query.SeriesRequest{
			Metric: "heart_rate", Start: base, End: base.AddDate(0, 0, 11), Aggregation: "p75",
			Bucket: rapid.SampledFrom([]string{"15m", "1h", "6h", "1d", "3d", "1w", "1mo"}).Draw(rt, "bucket"),
			TZ:     rapid.SampledFrom([]string{"UTC", "Europe/Berlin"}).Draw(rt, "tz"),
			Limit:  rapid.IntRange(1, 8).Draw(rt, "limit"),
		}
		s := newService(t, m)
		seen := 0
		for {
			answer, err := s.Series(t.Context(), anna, request)
			if err != nil {
				rt.Fatal(err)
			}
			for _, p := range answer.Points {
				var values []float64
				for _, sample := range m.samples {
					if at := sample.Start.Time(); !at.Before(p.Start) && at.Before(p.End) {
						values = append(values, sample.Value)
					}
				}
				seen += len(values)
				if want := aggregate.Percentile(values, 75); p.Value == nil || math.Abs(*p.Value-want) > 1e-9 || p.Percentile.Count != len(values) {
					rt.Fatalf("%s to %s: %+v, want %v of %d", p.Start, p.End, p, want, len(values))
				}
			}
			if answer.NextCursor == nil {
				break
			}
			request.Cursor = *answer.NextCursor
		}
		if seen != len(m.samples) {
			rt.Fatalf("%d values of %d", seen, len(m.samples))
		}
	})
}

func TestSeriesList(t *testing.T) {
	t.Parallel()
	m := aDay(t)
	m.samples = append(m.samples, point(t, "walking_running_distance", "km", health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 8))
	s := newService(t, m)
	of := query.SeriesRequest{Bucket: "1w", Gaps: true, Start: clock(t, "2026-03-02T00:00:00+02:00"), End: clock(t, "2026-03-16T00:00:00+02:00")}
	names := []string{"walking_running_distance", "HKQuantityTypeIdentifierStepCount", "vo2_max"}
	got, err := s.SeriesList(t.Context(), anna, query.SeriesListRequest{
		Metrics: names, Units: map[string]string{"walking_running_distance": "m"}, Of: of,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := query.SeriesList{Series: make([]query.Series, len(names))}
	for i, name := range names {
		of.Metric, of.Unit = name, ""
		if i == 0 {
			of.Unit = "m"
		}
		if want.Series[i], err = s.Series(t.Context(), anna, of); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("several at once are other than one by one (-one by one +at once):\n%s", diff)
	}
	if v := got.Series[0].Points[1].Value; v == nil || *v != 8000 {
		t.Errorf("the distance is %v", v)
	}
}
