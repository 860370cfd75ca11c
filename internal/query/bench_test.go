package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

// BenchmarkSeries computes a year from samples in memory, so that it measures the rules and not a store; scan is the
// same without them.
func BenchmarkSeries(b *testing.B) {
	first := clock(b, "2025-01-01T00:00:00+02:00")
	for _, bench := range []struct {
		name   string
		grain  health.Grain
		every  time.Duration
		metric string
	}{
		{"day summaries", health.GrainDay, 24 * time.Hour, "step_count"},
		{"hour summaries", health.GrainHour, time.Hour, "step_count"},
		{"minute summaries", health.GrainMinute, time.Minute, "step_count"},
		{"raw heart rates", health.GrainRaw, time.Minute, "heart_rate"},
	} {
		m := &memory{}
		for at := first; at.Before(first.AddDate(1, 0, 0)); at = at.Add(bench.every) {
			s := steps(b, bench.grain, watch, first.Format(time.RFC3339), 1)
			s.Metric, s.Start, s.End = bench.metric, health.InstantOf(at), health.InstantOf(at)
			if bench.metric == "heart_rate" {
				s.Unit = "count/min"
			}
			m.samples = append(m.samples, s)
		}
		service := newService(b, m)
		request := query.SeriesRequest{Metric: bench.metric, Start: first, End: first.AddDate(1, 0, 0)}
		b.Run(fmt.Sprintf("%s/by day", bench.name), func(b *testing.B) {
			for b.Loop() {
				if answer, err := service.Series(b.Context(), anna, request); err != nil || len(answer.Points) != 365 {
					b.Fatalf("%d points, error %v", len(answer.Points), err)
				}
			}
			b.ReportMetric(float64(len(m.samples))*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
		if bench.grain < health.GrainDay {
			hourly := request
			hourly.Bucket = "1h"
			b.Run(fmt.Sprintf("%s/by hour", bench.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if answer, err := service.Series(b.Context(), anna, hourly); err != nil || len(answer.Points) != 365*24 {
						b.Fatalf("%d points, error %v", len(answer.Points), err)
					}
				}
				b.ReportMetric(float64(len(m.samples))*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
			})
		}
		b.Run(fmt.Sprintf("%s/scan", bench.name), func(b *testing.B) {
			for b.Loop() {
				if _, err := service.Samples(b.Context(), anna, query.SamplesRequest{Metric: bench.metric, Limit: 1}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(m.samples))*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}
