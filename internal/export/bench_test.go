package export_test

import (
	"context"
	"io"
	"iter"
	"testing"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
)

const minutesOfAYear = 365 * 24 * 60

// yearSource yields a heart rate for every minute of a year.
type yearSource struct{ memorySource }

func (*yearSource) Samples(context.Context) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		s := health.NewSample()
		s.Metric, s.Unit, s.Source, s.Grain, s.Offset = "heart_rate", "count/min", "Apple Watch", health.GrainRaw, 3600
		for i := range minutesOfAYear {
			s.Start = noon + health.Instant(i)*60*health.Second + health.Instant(i%60)*health.Second
			s.End, s.Value = s.Start, 60+float64(i%700)/7
			if !yield(s, nil) {
				return
			}
		}
	}
}

// BenchmarkWrite measures the formats with a year of samples in memory: rows/s and allocations.
func BenchmarkWrite(b *testing.B) {
	for _, format := range export.Formats() {
		b.Run(format, func(b *testing.B) {
			r := request(b, export.Format(format), "samples")
			for b.Loop() {
				if err := export.Write(b.Context(), io.Discard, &yearSource{}, r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(minutesOfAYear*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
