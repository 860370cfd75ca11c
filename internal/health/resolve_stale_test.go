package health

import "testing"

// A day that was first sent as one bucket and later per source must not stay at the first number, and the other way
// round.
func TestLaterSummariesOvertake(t *testing.T) {
	t.Parallel()
	bucket := func(source string, perSource bool, value float64, received string) Sample {
		s := NewSample()
		s.Grain, s.Start, s.End, s.Value = GrainDay, instant("2026-03-10T00:00:00Z"), instant("2026-03-10T00:00:00Z"), value
		s.Source, s.PerSource, s.Received = source, perSource, instant(received)
		return s
	}
	for name, c := range map[string]struct {
		samples []Sample
		want    float64
	}{
		"per source after merged": {[]Sample{
			bucket("Watch", false, 100, "2026-03-10T08:00:00Z"),
			bucket("Watch", true, 200, "2026-03-10T20:00:00Z"),
			bucket("iPhone", true, 90, "2026-03-10T20:00:00Z"),
		}, 200},
		"merged after per source": {[]Sample{
			bucket("Watch|iPhone", false, 250, "2026-03-10T21:00:00Z"),
			bucket("Watch", true, 200, "2026-03-10T20:00:00Z"),
			bucket("iPhone", true, 90, "2026-03-10T20:00:00Z"),
		}, 250},
	} {
		total := 0.0
		r := NewResolver(Rule{Cumulative: true}, func(s *Sample, share float64) { total += s.Value * share })
		for i := range c.samples {
			r.Add(&c.samples[i])
		}
		r.Finish()
		if total != c.want {
			t.Errorf("%s: %v, want %v", name, total, c.want)
		}
	}
}
