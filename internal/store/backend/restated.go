package backend

import (
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// Summaries are the summaries of one metric that a batch writes, to be compared with stored inferred readings: those that
// they restate are removed. See health.Sample.Restates. The zero value has none.
type Summaries struct {
	all   []*health.Sample
	times map[health.Instant][]*health.Sample // by key time; nil until it is needed
}

// Add adds a sample that is written, if it is a summary.
func (s *Summaries) Add(sample *health.Sample) {
	if sample.Grain > health.GrainRaw && !sample.PerSource {
		s.all, s.times = append(s.all, sample), nil
	}
}

// Readings returns from which start to which the readings are that they may restate. ok is false where there is no summary.
func (s *Summaries) Readings() (first, last health.Instant, ok bool) {
	if len(s.all) == 0 {
		return 0, 0, false
	}
	byTime := func(a, b *health.Sample) int { return int(min(max(a.KeyTime()-b.KeyTime(), -1), 1)) }
	first, last = slices.MinFunc(s.all, byTime).KeyTime(), slices.MaxFunc(s.all, byTime).KeyTime()
	return first - health.Day, last + health.Day, true // the local midnight may be that of any offset
}

// Restate reports whether one of them restates a reading.
func (s *Summaries) Restate(reading *health.Sample) bool {
	times, ok := reading.RestatedAt()
	if !ok {
		return false
	}
	if s.times == nil {
		s.times = make(map[health.Instant][]*health.Sample, len(s.all))
		for _, summary := range s.all {
			s.times[summary.KeyTime()] = append(s.times[summary.KeyTime()], summary)
		}
	}
	return slices.ContainsFunc(times[:], func(at health.Instant) bool {
		return slices.ContainsFunc(s.times[at], func(summary *health.Sample) bool { return summary.Restates(reading) })
	})
}
