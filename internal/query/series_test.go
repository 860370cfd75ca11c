package query_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

const (
	watch  = "Anna's Watch"
	phone  = "Anna's iPhone"
	merged = "Anna's Watch|Anna's iPhone"
)

// series returns the points of a series, one line each: start, end, value, count, grain and sources.
func series(t testing.TB, m *memory, request query.SeriesRequest) []string {
	t.Helper()
	answer, err := newService(t, m).Series(t.Context(), anna, request)
	if err != nil {
		t.Fatal(err)
	}
	return lines(answer.Points)
}

func lines(points []query.Point) []string {
	var all []string
	for _, p := range points {
		line := p.Start.Format(time.RFC3339) + " " + p.End.Format(time.RFC3339)
		if p.Value == nil {
			all = append(all, line+" -")
			continue
		}
		all = append(all, fmt.Sprintf("%s %v of %d, grain %d, %s", line, *p.Value, p.Count, *p.Grain, strings.Join(p.Sources, " & ")))
	}
	return all
}

func TestSeriesCountsRight(t *testing.T) {
	t.Parallel()
	request := query.SeriesRequest{
		Metric: "step_count", Start: clock(t, "2026-03-10T00:00:00+02:00"), End: clock(t, "2026-03-12T00:00:00+02:00"),
	}
	const day = "2026-03-10T00:00:00+02:00 2026-03-11T00:00:00+02:00 "
	late := func(s health.Sample) health.Sample {
		s.Order = s.Start + 3*health.Day
		s.AsOf = s.Order
		return s
	}
	madeAt := func(s health.Sample, at string) health.Sample {
		s.AsOf, _ = parseInstant(t, at)
		return s
	}
	perSource := func(s health.Sample) health.Sample {
		s.PerSource = true
		return s
	}
	for name, test := range map[string]struct {
		samples []health.Sample
		want    []string
	}{
		"hours are added up inside a day": {
			[]health.Sample{
				steps(t, 3600, merged, "2026-03-10T08:00:00+02:00", 1), steps(t, 3600, merged, "2026-03-10T09:00:00+02:00", 2),
				steps(t, 3600, phone, "2026-03-10T23:00:00+02:00", 4),
			},
			[]string{day + "7 of 3, grain 3600, Anna's Watch|Anna's iPhone & Anna's iPhone"},
		},
		"two grains of one day": {
			[]health.Sample{
				steps(t, 60, merged, "2026-03-10T08:18:28+02:00", 5000), steps(t, 60, merged, "2026-03-10T09:19:00+02:00", 4902),
				steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 10_620),
			},
			[]string{day + "10620 of 1, grain 86400, " + merged},
		},
		"a day that was sent in the morning": {
			[]health.Sample{
				late(steps(t, 3600, merged, "2026-03-10T08:00:00+02:00", 900)),
				madeAt(steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 120), "2026-03-10T08:20:00+02:00"),
			},
			[]string{day + "900 of 1, grain 3600, " + merged},
		},
		"a complete day answers": {
			[]health.Sample{
				until(t, steps(t, 0, watch, "2026-03-10T08:00:00+02:00", 9500), "2026-03-10T18:00:00+02:00"),
				late(steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 9000)),
			},
			[]string{day + "9000 of 1, grain 86400, " + merged},
		},
		"watch and phone measured the same walk": {
			[]health.Sample{
				until(t, steps(t, 0, phone, "2026-03-10T08:00:00+02:00", 6500), "2026-03-10T18:00:00+02:00"),
				until(t, steps(t, 0, watch, "2026-03-10T08:00:00+02:00", 9000), "2026-03-10T18:00:00+02:00"),
			},
			[]string{day + "9000 of 1, grain 0, " + watch},
		},
		"days of several sources": {
			[]health.Sample{
				perSource(steps(t, health.GrainDay, phone, "2026-03-10T00:00:00+02:00", 6500)),
				perSource(steps(t, health.GrainDay, watch, "2026-03-10T00:00:00+02:00", 9000)),
			},
			[]string{day + "9000 of 1, grain 86400, " + watch},
		},
		"the evening is still that day": {
			[]health.Sample{
				steps(t, 0, phone, "2026-03-10T00:00:00+02:00", 1),  // 22:00 of the day before in UTC
				steps(t, 0, phone, "2026-03-10T23:59:59+02:00", 2),  // the last second
				steps(t, 0, phone, "2026-03-09T23:59:59+02:00", 4),  // before the range
				steps(t, 0, phone, "2026-03-12T00:00:00+02:00", 8),  // after it
				steps(t, 0, phone, "2026-03-11T00:00:00+02:00", 16), // the next day
			},
			[]string{
				day + "3 of 2, grain 0, " + phone,
				"2026-03-11T00:00:00+02:00 2026-03-12T00:00:00+02:00 16 of 1, grain 0, " + phone,
			},
		},
		"a day lived in two zones is one day": {
			[]health.Sample{
				steps(t, 3600, phone, "2026-03-10T08:00:00+02:00", 1), steps(t, 3600, phone, "2026-03-10T22:00:00-05:00", 2),
			},
			[]string{"2026-03-10T00:00:00+02:00 2026-03-11T00:00:00-05:00 3 of 2, grain 3600, " + phone},
		},
		"the first to begin is not the first to end": {
			[]health.Sample{
				until(t, steps(t, 0, phone, "2026-03-10T08:00:00+02:00", 1), "2026-03-10T23:00:00+02:00"),
				until(t, steps(t, 0, phone, "2026-03-10T05:00:00-05:00", 2), "2026-03-10T06:00:00-05:00"),
			},
			[]string{"2026-03-10T00:00:00+02:00 2026-03-11T00:00:00+02:00 3 of 2, grain 0, " + phone},
		},
		"at both ends of the world": {
			[]health.Sample{
				steps(t, 3600, phone, "2026-03-10T00:00:00+13:00", 1), // on the 9th in the zone of the range
				steps(t, 3600, phone, "2026-03-11T23:00:00-11:00", 2), // on the 12th
			},
			[]string{
				"2026-03-10T00:00:00+13:00 2026-03-11T00:00:00+13:00 1 of 1, grain 3600, " + phone,
				"2026-03-11T00:00:00-11:00 2026-03-12T00:00:00-11:00 2 of 1, grain 3600, " + phone,
			},
		},
		"nothing": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, series(t, &memory{samples: test.samples}, request)); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeriesBuckets(t *testing.T) {
	t.Parallel()
	year := &memory{}
	for _, start := range []string{
		"2025-12-31T10:00:00+02:00", "2026-01-01T10:00:00+02:00", "2026-01-04T10:00:00+02:00", "2026-01-05T10:00:00+02:00",
		"2026-03-28T10:00:00+02:00", "2026-03-29T10:00:00+03:00", "2026-06-30T10:07:00+03:00", "2026-06-30T10:08:00+03:00",
	} {
		year.samples = append(year.samples, steps(t, 0, phone, start, 1))
	}
	for name, test := range map[string]struct {
		bucket, tz string
		want       []string
	}{
		"minutes": {"5m", "", []string{"2026-06-30T10:05:00+03:00 2026-06-30T10:10:00+03:00 2"}},
		"quarters of a day": {"6h", "", []string{
			"2026-06-30T06:00:00+03:00 2026-06-30T12:00:00+03:00 2",
		}},
		"weeks begin on Monday": {"1w", "", []string{
			"2025-12-29T00:00:00+02:00 2026-01-05T00:00:00+02:00 3", "2026-01-05T00:00:00+02:00 2026-01-12T00:00:00+02:00 1",
			"2026-03-23T00:00:00+02:00 2026-03-30T00:00:00+03:00 2", "2026-06-29T00:00:00+03:00 2026-07-06T00:00:00+03:00 2",
		}},
		"months": {"1mo", "", []string{
			"2025-12-01T00:00:00+02:00 2026-01-01T00:00:00+02:00 1", "2026-01-01T00:00:00+02:00 2026-02-01T00:00:00+02:00 3",
			"2026-03-01T00:00:00+02:00 2026-04-01T00:00:00+03:00 2", "2026-06-01T00:00:00+03:00 2026-07-01T00:00:00+03:00 2",
		}},
		"quarters": {"3mo", "Europe/Athens", []string{
			"2025-10-01T00:00:00+03:00 2026-01-01T00:00:00+02:00 1", "2026-01-01T00:00:00+02:00 2026-04-01T00:00:00+03:00 5",
			"2026-04-01T00:00:00+03:00 2026-07-01T00:00:00+03:00 2",
		}},
		"years": {"1y", "", []string{
			"2025-01-01T00:00:00+02:00 2026-01-01T00:00:00+02:00 1", "2026-01-01T00:00:00+02:00 2027-01-01T00:00:00+03:00 7",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := clock(t, "2025-12-01T00:00:00Z")
			if strings.HasSuffix(test.bucket, "m") || strings.HasSuffix(test.bucket, "h") {
				start = clock(t, "2026-06-01T00:00:00Z")
			}
			answer, err := newService(t, year).Series(t.Context(), anna, query.SeriesRequest{
				Metric: "steps", Start: start, End: clock(t, "2026-12-31T00:00:00Z"), Bucket: test.bucket, TZ: test.tz,
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range answer.Points {
				got = append(got, fmt.Sprintf("%s %s %v", p.Start.Format(time.RFC3339), p.End.Format(time.RFC3339), *p.Sum))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
		})
	}
}

// Days have 23 and 25 hours where the clock changes, and buckets of hours stay apart in the hour that comes twice.
func TestSeriesWhereTheClockChanges(t *testing.T) {
	t.Parallel()
	hourly := func(from, to string) *memory {
		m := &memory{}
		for at := clock(t, from); at.Before(clock(t, to)); at = at.Add(time.Hour) {
			m.samples = append(m.samples, steps(t, 3600, watch, at.UTC().Format(time.RFC3339), 1))
		}
		return m
	}
	autumn := hourly("2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00")
	for name, test := range map[string]struct {
		m       *memory
		request query.SeriesRequest
		want    []string
	}{
		"spring in Berlin": {
			hourly("2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00"),
			query.SeriesRequest{Start: clock(t, "2026-03-28T00:00:00+01:00"), End: clock(t, "2026-03-31T00:00:00+02:00"), TZ: "Europe/Berlin"},
			[]string{
				"2026-03-28T00:00:00+01:00 2026-03-29T00:00:00+01:00 24 of 24, grain 3600, " + watch,
				"2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00 23 of 23, grain 3600, " + watch,
				"2026-03-30T00:00:00+02:00 2026-03-31T00:00:00+02:00 24 of 24, grain 3600, " + watch,
			},
		},
		"autumn in Berlin": {
			autumn,
			query.SeriesRequest{Start: clock(t, "2026-10-25T00:00:00+02:00"), End: clock(t, "2026-10-26T00:00:00+01:00"), TZ: "Europe/Berlin"},
			[]string{"2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00 25 of 25, grain 3600, " + watch},
		},
		"the hour that comes twice": {
			autumn,
			query.SeriesRequest{Start: clock(t, "2026-10-25T02:00:00+02:00"), End: clock(t, "2026-10-25T04:00:00+01:00"), TZ: "Europe/Berlin", Bucket: "1h"},
			[]string{
				"2026-10-25T02:00:00+02:00 2026-10-25T02:00:00+01:00 1 of 1, grain 3600, " + watch,
				"2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00 1 of 1, grain 3600, " + watch,
				"2026-10-25T03:00:00+01:00 2026-10-25T04:00:00+01:00 1 of 1, grain 3600, " + watch,
			},
		},
		"quarters of the long day": {
			autumn,
			query.SeriesRequest{Start: clock(t, "2026-10-25T00:00:00+02:00"), End: clock(t, "2026-10-25T12:00:00+01:00"), TZ: "Europe/Berlin", Bucket: "6h"},
			[]string{
				"2026-10-25T00:00:00+02:00 2026-10-25T06:00:00+01:00 7 of 7, grain 3600, " + watch,
				"2026-10-25T06:00:00+01:00 2026-10-25T12:00:00+01:00 6 of 6, grain 3600, " + watch,
			},
		},
		"no midnight in Beirut": {
			hourly("2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"),
			query.SeriesRequest{Start: clock(t, "2026-03-28T22:00:00Z"), End: clock(t, "2026-03-29T21:00:00Z"), TZ: "Asia/Beirut"},
			[]string{"2026-03-29T01:00:00+03:00 2026-03-30T00:00:00+03:00 23 of 23, grain 3600, " + watch},
		},
		"two midnights in Havana": {
			hourly("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
			query.SeriesRequest{Start: clock(t, "2026-11-01T05:30:00Z"), End: clock(t, "2026-11-02T05:00:00Z"), TZ: "America/Havana"},
			[]string{"2026-11-01T00:00:00-04:00 2026-11-02T00:00:00-05:00 25 of 25, grain 3600, " + watch},
		},
		"no midnight in Santiago": {
			hourly("2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"),
			query.SeriesRequest{Start: clock(t, "2026-09-06T04:00:00Z"), End: clock(t, "2026-09-07T03:00:00Z"), TZ: "America/Santiago"},
			[]string{"2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00 23 of 23, grain 3600, " + watch},
		},
		"two midnights in Amman": {
			hourly("2021-10-28T21:00:00Z", "2021-10-29T22:00:00Z"),
			query.SeriesRequest{Start: clock(t, "2021-10-28T22:30:00Z"), End: clock(t, "2021-10-29T22:00:00Z"), TZ: "Asia/Amman"},
			[]string{"2021-10-29T00:00:00+03:00 2021-10-30T00:00:00+02:00 25 of 25, grain 3600, " + watch},
		},
		"the hour that was recorded twice": {
			&memory{samples: []health.Sample{
				steps(t, 60, watch, "2026-10-25T02:10:00+02:00", 1), steps(t, 60, watch, "2026-10-25T02:10:00+01:00", 2),
			}},
			query.SeriesRequest{Start: clock(t, "2026-10-25T00:00:00+02:00"), End: clock(t, "2026-10-25T12:00:00+01:00"), Bucket: "1h"},
			[]string{
				"2026-10-25T02:00:00+02:00 2026-10-25T03:00:00+02:00 1 of 1, grain 60, " + watch,
				"2026-10-25T02:00:00+01:00 2026-10-25T03:00:00+01:00 2 of 1, grain 60, " + watch,
			},
		},
		"a day summary stays on its date": {
			&memory{samples: []health.Sample{steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 9900)}},
			query.SeriesRequest{Start: clock(t, "2026-03-10T00:00:00Z"), End: clock(t, "2026-03-11T00:00:00Z"), TZ: "UTC"},
			[]string{"2026-03-10T00:00:00Z 2026-03-11T00:00:00Z 9900 of 1, grain 86400, " + merged},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.request.Metric = "step_count"
			if diff := cmp.Diff(test.want, series(t, test.m, test.request)); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
		})
	}
}

// A summary longer than the bucket is no part of it: nobody knows when in its time it was measured.
func TestSeriesOfSummariesLongerThanTheBucket(t *testing.T) {
	t.Parallel()
	m := &memory{samples: []health.Sample{
		steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 9000), // has hours
		steps(t, 3600, merged, "2026-03-10T08:00:00+02:00", 700),             // has minutes
		steps(t, 60, merged, "2026-03-10T08:10:00+02:00", 30),
		steps(t, 3600, merged, "2026-03-10T09:00:00+02:00", 800),             // has none
		steps(t, health.GrainDay, merged, "2026-03-11T00:00:00+02:00", 5000), // has none
		steps(t, health.GrainWeek, merged, "2026-03-09T00:00:00+02:00", 20_000),
		steps(t, health.GrainWeek, merged, "2026-03-16T00:00:00+02:00", 30_000), // has none
		steps(t, health.GrainWeek, merged, "2026-03-23T00:00:00+02:00", 40_000),
		steps(t, 3600, merged, "2026-03-28T10:00:00+02:00", 1), // far behind the range that is asked for
	}}
	request := query.SeriesRequest{Metric: "step_count", Start: clock(t, "2026-03-09T00:00:00+02:00"), End: clock(t, "2026-03-24T00:00:00+02:00")}
	for bucket, want := range map[string][]string{
		"30m": {
			"2026-03-10T08:00:00+02:00 2026-03-10T08:30:00+02:00 30 of 1, grain 60, " + merged,
		},
		"1h": {
			"2026-03-10T08:00:00+02:00 2026-03-10T09:00:00+02:00 700 of 1, grain 3600, " + merged,
			"2026-03-10T09:00:00+02:00 2026-03-10T10:00:00+02:00 800 of 1, grain 3600, " + merged,
		},
		"1d": {
			"2026-03-10T00:00:00+02:00 2026-03-11T00:00:00+02:00 9000 of 1, grain 86400, " + merged,
			"2026-03-11T00:00:00+02:00 2026-03-12T00:00:00+02:00 5000 of 1, grain 86400, " + merged,
		},
		"1w": {
			"2026-03-09T00:00:00+02:00 2026-03-16T00:00:00+02:00 20000 of 1, grain 604800, " + merged,
			"2026-03-16T00:00:00+02:00 2026-03-23T00:00:00+02:00 30000 of 1, grain 604800, " + merged,
			"2026-03-23T00:00:00+02:00 2026-03-30T00:00:00+02:00 40000 of 1, grain 604800, " + merged,
		},
	} {
		t.Run(bucket, func(t *testing.T) {
			t.Parallel()
			request := request
			request.Bucket = bucket
			if diff := cmp.Diff(want, series(t, &memory{samples: m.samples}, request)); diff != "" {
				t.Errorf("points (-want +got):\n%s", diff)
			}
		})
	}
}

// A finer sample may come before or after a long summary in the order of a store.
func TestSeriesFindsWhatIsFinerInAnyOrder(t *testing.T) {
	t.Parallel()
	m := &memory{samples: []health.Sample{
		steps(t, 3600, merged, "2026-03-10T00:00:00+02:00", 700), // before the date's midnight in UTC
		steps(t, health.GrainDay, merged, "2026-03-10T00:00:00+02:00", 9000),
		steps(t, health.GrainWeek, merged, "2026-03-16T00:00:00-08:00", 30_000),
		steps(t, health.GrainDay, merged, "2026-03-23T00:00:00-08:00", 5), // not in that week
	}}
	request := query.SeriesRequest{
		Metric: "step_count", Bucket: "1h", Start: clock(t, "2026-03-09T00:00:00+02:00"), End: clock(t, "2026-03-25T00:00:00+02:00"),
	}
	want := []string{
		"2026-03-10T00:00:00+02:00 2026-03-10T01:00:00+02:00 700 of 1, grain 3600, " + merged,
	}
	if diff := cmp.Diff(want, series(t, m, request)); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

func TestSeriesOfHeartRates(t *testing.T) {
	t.Parallel()
	rates := func(grain health.Grain, start string, low, mean, high float64) health.Sample {
		s := point(t, "heart_rate", "count/min", grain, watch, start, mean)
		s.Min, s.Max = low, high
		return s
	}
	m := &memory{samples: []health.Sample{
		rates(60, "2026-03-10T08:00:00+02:00", 55, 60, 65), rates(60, "2026-03-10T08:01:00+02:00", 60, 66, 99),
		rates(60, "2026-03-11T08:00:00+02:00", 70, 96, 120),
		rates(health.GrainDay, "2026-03-10T00:00:00+02:00", 40, 70, 180),
	}}
	known := query.SeriesRequest{Metric: "heart_rate", Start: clock(t, "2026-03-10T00:00:00+02:00"), End: clock(t, "2026-03-12T00:00:00+02:00")}
	for aggregation, want := range map[string][2]float64{
		"": {63, 96}, "avg": {63, 96}, "min": {55, 70}, "max": {99, 120}, "count": {2, 1}, "last": {66, 96},
	} {
		t.Run("by "+aggregation, func(t *testing.T) {
			t.Parallel()
			request := known
			request.Aggregation = aggregation
			answer, err := newService(t, m).Series(t.Context(), anna, request)
			if err != nil {
				t.Fatal(err)
			}
			if len(answer.Points) != 2 || *answer.Points[0].Value != want[0] || *answer.Points[1].Value != want[1] {
				t.Errorf("points %v, want values %v", lines(answer.Points), want)
			}
			if answer.Points[0].Sum != nil {
				t.Error("heart rates have a sum")
			}
		})
	}
	week := known
	week.Bucket = "1w"
	want := []string{"2026-03-09T00:00:00+02:00 2026-03-16T00:00:00+02:00 74 of 3, grain 60, " + watch}
	if diff := cmp.Diff(want, series(t, m, week)); diff != "" {
		t.Errorf("the mean of the week is weighted by the count of samples (-want +got):\n%s", diff)
	}
}

func TestWeeksBeginOnTheDayAskedFor(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for _, day := range []string{"2026-03-13", "2026-03-14", "2026-03-15", "2026-03-16"} { // Friday to Monday
		m.samples = append(m.samples, steps(t, 0, phone, day+"T10:00:00+02:00", 1))
	}
	for weekStart, want := range map[string][]float64{
		"": {3, 1}, "monday": {3, 1}, "sunday": {2, 2}, "saturday": {1, 3}, "friday": {4},
	} {
		for _, tz := range []string{"", "Europe/Athens"} {
			answer, err := newService(t, m).Series(t.Context(), anna, query.SeriesRequest{
				Metric: "step_count", Bucket: "1w", WeekStart: weekStart, TZ: tz,
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []float64
			for _, p := range answer.Points {
				got = append(got, *p.Sum)
				if name := strings.ToLower(p.Start.Weekday().String()); weekStart != "" && name != weekStart {
					t.Errorf("a week from %s begins on %s", weekStart, name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("weeks from %q (-want +got):\n%s", weekStart, diff)
			}
		}
	}
	for _, request := range []query.SeriesRequest{
		{Metric: "step_count", Bucket: "1w", WeekStart: "Montag"},
		{Metric: "step_count", Bucket: "1d", WeekStart: "sunday"},
		{Metric: "step_count", Bucket: "1mo", WeekStart: "monday"},
	} {
		_, err := newService(t, m).Series(t.Context(), anna, request)
		checkRefusal(t, err, "invalid_week_start", "week_start")
	}
}

func TestSeriesFillsGaps(t *testing.T) {
	t.Parallel()
	m := &memory{samples: []health.Sample{
		steps(t, 3600, merged, "2026-03-29T01:00:00+02:00", 4), steps(t, 3600, merged, "2026-03-29T12:00:00+03:00", 5),
	}}
	got := series(t, m, query.SeriesRequest{
		Metric: "step_count", Gaps: true,
		Start: clock(t, "2026-03-28T00:00:00+02:00"), End: clock(t, "2026-04-01T00:00:00+03:00"),
	})
	want := []string{
		"2026-03-28T00:00:00+02:00 2026-03-29T00:00:00+02:00 -",
		"2026-03-29T00:00:00+02:00 2026-03-30T00:00:00+03:00 9 of 2, grain 3600, " + merged,
		"2026-03-30T00:00:00+03:00 2026-03-31T00:00:00+03:00 -", // by the clock that was last seen
		"2026-03-31T00:00:00+03:00 2026-04-01T00:00:00+03:00 -",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

func TestSeriesDefaultsToTheLastThirtyDays(t *testing.T) {
	t.Parallel()
	m := &memory{samples: []health.Sample{
		steps(t, health.GrainDay, merged, "2026-02-17T00:00:00+02:00", 1),
		steps(t, health.GrainDay, merged, "2026-02-18T00:00:00+02:00", 2),
		steps(t, health.GrainDay, merged, "2026-03-20T00:00:00+02:00", 4),
		steps(t, health.GrainDay, merged, "2026-03-21T00:00:00+02:00", 8),
	}}
	answer, err := newService(t, m).Series(t.Context(), anna, query.SeriesRequest{Metric: "step_count"})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(answer.Points); len(got) != 2 || *answer.Points[0].Sum != 2 || *answer.Points[1].Sum != 4 {
		t.Errorf("points %v, want those of 18 February and 20 March", got)
	}
	if answer.Bucket != "1d" || answer.TZ != "local" || answer.Aggregation != "sum" || answer.Unit != "count" {
		t.Errorf("defaults are %+v", answer)
	}
}

func TestSeriesPages(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range 40 { // every second day, and none for a while
		if i >= 10 && i < 30 {
			continue
		}
		at := clock(t, "2026-03-20T10:00:00+02:00").AddDate(0, 0, 2*i)
		m.samples = append(m.samples, steps(t, 0, phone, at.Format(time.RFC3339), float64(i)))
	}
	for _, tz := range []string{"local", "Europe/Athens"} {
		request := query.SeriesRequest{
			Metric: "step_count", TZ: tz, Start: clock(t, "2026-03-01T00:00:00+02:00"), End: clock(t, "2026-07-01T00:00:00+02:00"),
		}
		want := series(t, m, request)
		service := newService(t, m)
		var got []string
		for range 100 {
			request.Limit = 7
			page, err := service.Series(t.Context(), anna, request)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Points) > 7 {
				t.Fatalf("a page of %d points", len(page.Points))
			}
			got = append(got, lines(page.Points)...)
			if page.NextCursor == nil {
				break
			}
			if len(page.Points) == 0 {
				t.Error("a page without points that is not the last")
			}
			request.Cursor = *page.NextCursor
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages (-at once +in pages):\n%s", diff)
		}
	}
}

func TestSeriesUnits(t *testing.T) {
	t.Parallel()
	distance := func(unit, start string, value float64) health.Sample {
		return point(t, "walking_running_distance", unit, 0, phone, start, value)
	}
	strange := func(unit, start string, value float64) health.Sample {
		return point(t, "aura", unit, 0, phone, start, value)
	}
	m := &memory{samples: []health.Sample{
		distance("km", "2026-03-10T08:00:00+02:00", 1.609344), distance("leagues", "2026-03-10T09:00:00+02:00", 3),
		strange("kcal", "2026-03-10T08:00:00+02:00", 10), strange("sparks", "2026-03-11T08:00:00+02:00", 7),
		strange("kcal", "2026-03-10T09:00:00+02:00", 12),
		point(t, "weight_body_mass", "catty", 0, phone, "2026-03-11T08:00:00+02:00", 140),
		point(t, "ghost", "", 0, phone, "2026-03-11T08:00:00+02:00", 1), point(t, "ghost", "", 0, phone, "2026-03-11T09:00:00+02:00", 3),
		point(t, "ghost", "x", 0, phone, "2026-03-11T10:00:00+02:00", 50),
		point(t, "apple_stand_hour", "count", 0, phone, "2026-03-11T10:00:00+02:00", 1),
		point(t, "blood_glucose", "mg/dL", 0, phone, "2026-03-11T08:00:00+02:00", 180.15588),
	}}
	for _, test := range []struct {
		metric, unit, wantUnit string
		want                   float64
	}{
		{"walking_running_distance", "", "km", 1.609344},
		{"HKQuantityTypeIdentifierDistanceWalkingRunning", "mi", "mi", 1},
		{"walking_running_distance", "leagues", "leagues", 3},
		{"aura", "", "kcal", 11},
		{"aura", "kJ", "kJ", 11 * 4.184},
		{"aura", "sparks", "sparks", 7},
		{"weight_body_mass", "", "catty", 140}, // all of it came in a unit nobody knows
		{"blood_glucose", "mmol/L", "mmol/L", 10},
		{"apple_stand_hour", "hr", "hr", 1},
		{"ghost", "", "", 2},
	} {
		answer, err := newService(t, m).Series(t.Context(), anna, query.SeriesRequest{Metric: test.metric, Unit: test.unit})
		if err != nil {
			t.Errorf("%s in %q: %v", test.metric, test.unit, err)
			continue
		}
		if len(answer.Points) != 1 || answer.Unit != test.wantUnit || !health.SameValue(*answer.Points[0].Value, test.want) {
			t.Errorf("%s in %q: %v %s, want %v %s", test.metric, test.unit, lines(answer.Points), answer.Unit, test.want, test.wantUnit)
		}
	}
}

func TestSeriesRefuses(t *testing.T) {
	t.Parallel()
	m := &memory{samples: []health.Sample{steps(t, 0, phone, "2026-03-10T08:00:00+02:00", 1)}}
	year := query.SeriesRequest{Metric: "step_count", Start: clock(t, "2025-01-01T00:00:00Z"), End: clock(t, "2026-01-01T00:00:00Z")}
	change := func(set func(*query.SeriesRequest)) query.SeriesRequest {
		request := year
		set(&request)
		return request
	}
	for name, test := range map[string]struct {
		request     query.SeriesRequest
		code, field string
	}{
		"no such metric":          {change(func(r *query.SeriesRequest) { r.Metric = "stepcount" }), "unknown_metric", "name"},
		"no such bucket":          {change(func(r *query.SeriesRequest) { r.Bucket = "7h" }), "invalid_bucket", "bucket"},
		"bucket of nothing":       {change(func(r *query.SeriesRequest) { r.Bucket = "0d" }), "invalid_bucket", "bucket"},
		"bucket without a number": {change(func(r *query.SeriesRequest) { r.Bucket = "d" }), "invalid_bucket", "bucket"},
		"negative bucket":         {change(func(r *query.SeriesRequest) { r.Bucket = "-1d" }), "invalid_bucket", "bucket"},
		"endless bucket":          {change(func(r *query.SeriesRequest) { r.Bucket = "99999999999999999999d" }), "invalid_bucket", "bucket"},
		"five months":             {change(func(r *query.SeriesRequest) { r.Bucket = "5mo" }), "invalid_bucket", "bucket"},
		"no such zone":            {change(func(r *query.SeriesRequest) { r.TZ = "Mars/Olympus" }), "invalid_tz", "tz"},
		"the zone of the server":  {change(func(r *query.SeriesRequest) { r.TZ = "Local" }), "invalid_tz", "tz"},
		"a path as zone":          {change(func(r *query.SeriesRequest) { r.TZ = "../../etc/passwd" }), "invalid_tz", "tz"},
		"no such aggregation":     {change(func(r *query.SeriesRequest) { r.Aggregation = "median" }), "invalid_aggregation", "agg"},
		"heart rates summed":      {change(func(r *query.SeriesRequest) { r.Metric, r.Aggregation = "heart_rate", "sum" }), "invalid_aggregation", "agg"},
		"no such unit":            {change(func(r *query.SeriesRequest) { r.Unit = "km" }), "invalid_unit", "unit"},
		"backwards":               {change(func(r *query.SeriesRequest) { r.Start, r.End = r.End, r.Start }), "invalid_range", "end"},
		"a century of minutes":    {change(func(r *query.SeriesRequest) { r.Bucket, r.Start = "1m", clock(t, "1926-01-01T00:00:00Z") }), "range_too_large", "bucket"},
		"eight thousand years":    {change(func(r *query.SeriesRequest) { r.End = clock(t, "9999-12-31T00:00:00Z") }), "range_too_large", "bucket"},
		"limit":                   {change(func(r *query.SeriesRequest) { r.Limit = 100_001 }), "invalid_limit", "limit"},
		"negative limit":          {change(func(r *query.SeriesRequest) { r.Limit = -1 }), "invalid_limit", "limit"},
		"cursor":                  {change(func(r *query.SeriesRequest) { r.Cursor = "!" }), "invalid_cursor", "cursor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newService(t, m).Series(t.Context(), anna, test.request)
			checkRefusal(t, err, test.code, test.field)
		})
	}
	if got := series(t, m, query.SeriesRequest{Metric: "heart_rate"}); got != nil {
		t.Errorf("a metric without data has points: %v", got)
	}
}

// For any samples, the hours of a day and the day itself use one grain each, and the sum of raw samples of one source
// over a range does not depend on the bucket.
func TestSeriesOfOneSourceAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &memory{}
		sum := 0.0
		base := clock(t, "2026-10-20T00:00:00Z")
		starts := map[int]bool{}
		for range rapid.IntRange(1, 30).Draw(rt, "n") {
			minute := rapid.IntRange(0, 14*1440).Draw(rt, "minute")
			if starts[minute] {
				continue
			}
			starts[minute] = true
			s := steps(t, 0, phone, base.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339), float64(rapid.IntRange(0, 500).Draw(rt, "steps")))
			s.Offset = int32(rapid.SampledFrom([]int{0, 3600, 7200, -18_000, 20_700}).Draw(rt, "offset"))
			s.End += health.Instant(rapid.IntRange(0, 600).Draw(rt, "length")) * 60 * health.Second
			sum += s.Value
			m.samples = append(m.samples, s)
		}
		request := query.SeriesRequest{
			Metric: "step_count", Start: base.AddDate(0, 0, -7), End: base.AddDate(0, 0, 21),
			Bucket: rapid.SampledFrom([]string{"1m", "5m", "1h", "6h", "1d", "1w", "1mo", "1y"}).Draw(rt, "bucket"),
			TZ:     rapid.SampledFrom([]string{"local", "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}).Draw(rt, "tz"),
			Limit:  100_000,
		}
		answer, err := newService(t, m).Series(t.Context(), anna, request)
		if err != nil {
			rt.Fatal(err)
		}
		got := 0.0
		for i, p := range answer.Points {
			got += *p.Sum
			if !p.Start.Before(p.End) {
				rt.Fatalf("a bucket from %s to %s", p.Start, p.End)
			}
			if i > 0 && request.TZ != "local" && p.Start.Before(answer.Points[i-1].End) {
				rt.Fatalf("the bucket of %s begins before that of %s ends", p.Start, answer.Points[i-1].Start)
			}
		}
		if math.Abs(got-sum) > 1e-6 {
			rt.Fatalf("the points make %v, the samples %v", got, sum)
		}
	})
}

func checkRefusal(t testing.TB, err error, code, field string) {
	t.Helper()
	refusal, ok := err.(*problem.Error)
	if !ok || refusal.Code != code || refusal.Field != field {
		t.Errorf("error %#v, want %s in %s", err, code, field)
	}
}

// Where the day of a traveller begins in an hour of their day before, its summary is no better for that hour than what
// was measured in it: the larger of the two answers, as it does from the summaries that the store keeps.
func TestSeriesOfAnHourInWhichTheNextDayBegins(t *testing.T) {
	t.Parallel()
	day := steps(t, health.GrainDay, phone, "2026-03-29T00:00:00+14:00", 330)
	day.Order = day.Start + 2*health.Day
	day.AsOf = day.Order // so that it is final
	m := &memory{samples: []health.Sample{steps(t, health.GrainRaw, "", "2026-03-28T10:00:00Z", 595), day}}
	request := query.SeriesRequest{Metric: "step_count", Bucket: "1h", Start: clock(t, "2026-03-28T00:00:00Z"), End: clock(t, "2026-03-29T00:00:00Z")}
	got := series(t, m, request)
	if len(got) != 1 || !strings.Contains(got[0], " 595 of 1, grain 0, ") {
		t.Errorf("the hour is %q", got)
	}
}
