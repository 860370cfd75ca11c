package aggregate_test

import (
	"testing"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// BenchmarkSumUpDays computes a week, in nanoseconds a sample: every written sample is computed this way.
func BenchmarkSumUpDays(b *testing.B) {
	for _, bench := range []struct {
		name  string
		rule  aggregate.Rule
		grain health.Grain
	}{
		{"minutes that add up", cumulative, health.GrainMinute},
		{"raw samples that add up", cumulative, health.GrainRaw},
		{"minutes of a mean", aggregate.Rule{}, health.GrainMinute},
		{"minutes weighted by time", aggregate.Rule{Style: catalog.StyleTimeWeighted, Hold: 40 * health.Second}, health.GrainMinute},
		{"hours that add up", cumulative, health.GrainHour},
		{"days that add up", cumulative, health.GrainDay},
	} {
		b.Run(bench.name, func(b *testing.B) {
			every := max(1, int(bench.grain)/60)
			var samples []health.Sample
			var dates []health.Date
			for minute := 0; minute < 7*1440; minute += every {
				s := at(watch, minute, minute+1, 60+float64(minute%40))
				if s.Grain = bench.grain; s.Grain > health.GrainRaw {
					s.End = s.Start
				}
				samples = append(samples, s)
			}
			for date := range health.Date(7) {
				dates = append(dates, date)
			}
			for b.Loop() {
				if days, _, err := bench.rule.SumUpDays(dates, aggregate.Reader{Spans: noSpans, Samples: func(_ aggregate.Window, add func(*health.Sample)) error {
					for i := range samples {
						add(&samples[i])
					}
					return nil
				}}); err != nil || len(days) != 7 {
					b.Fatalf("%d days, error %v", len(days), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(len(samples)), "ns/sample")
		})
	}
}
