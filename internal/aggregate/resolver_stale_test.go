package aggregate

import (
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// A day that was first sent merged and later per source must not keep the first number, and the other way round.
func TestLaterSummariesOvertake(t *testing.T) {
	t.Parallel()
	bucket := func(source string, perSource bool, value float64, received string) health.Sample {
		s := health.NewSample()
		s.Grain, s.Start, s.End, s.Value = health.GrainDay, instant("2026-03-10T00:00:00Z"), instant("2026-03-10T00:00:00Z"), value
		s.Source, s.PerSource, s.Order = source, perSource, instant(received)
		return s
	}
	for name, c := range map[string]struct {
		samples []health.Sample
		want    float64
	}{
		"per source after merged": {[]health.Sample{
			bucket("Watch", false, 100, "2026-03-10T08:00:00Z"),
			bucket("Watch", true, 200, "2026-03-10T20:00:00Z"),
			bucket("iPhone", true, 90, "2026-03-10T20:00:00Z"),
		}, 200},
		"merged after per source": {[]health.Sample{
			bucket("Watch|iPhone", false, 250, "2026-03-10T21:00:00Z"),
			bucket("Watch", true, 200, "2026-03-10T20:00:00Z"),
			bucket("iPhone", true, 90, "2026-03-10T20:00:00Z"),
		}, 250},
	} {
		total := 0.0
		r := NewResolver(Rule{Cumulative: true}, func(s *health.Sample, share float64) { total += s.Value * share })
		for i := range c.samples {
			r.Add(&c.samples[i])
		}
		r.Finish()
		if total != c.want {
			t.Errorf("%s: %v, want %v", name, total, c.want)
		}
	}
}

func instant(text string) health.Instant {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return health.InstantOf(t)
}
