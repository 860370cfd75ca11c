package backend

import (
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// RestatedWithin is by how much the key time of a summary and of a reading that it restates may differ: that of a day is
// midnight in UTC, and the reading begins at a local one.
const RestatedWithin = health.Day

// Summaries are the summaries of one metric that a batch writes, to be compared with stored inferred readings: those that
// they restate are removed. See health.Sample.Restates. The zero value has none.
type Summaries struct {
	byTime map[health.Instant][]*health.Sample // by key time
}

// Add adds a sample that is written, if it is a summary.
func (s *Summaries) Add(sample *health.Sample) {
	if sample.Grain == health.GrainRaw || sample.PerSource {
		return
	}
	if s.byTime == nil {
		s.byTime = map[health.Instant][]*health.Sample{}
	}
	s.byTime[sample.KeyTime()] = append(s.byTime[sample.KeyTime()], sample)
}

// Restate reports whether one of them restates a reading.
func (s *Summaries) Restate(reading *health.Sample) bool {
	times, ok := reading.RestatedAt()
	return ok && slices.ContainsFunc(times[:], func(at health.Instant) bool {
		return slices.ContainsFunc(s.byTime[at], func(summary *health.Sample) bool { return summary.Restates(reading) })
	})
}

// RestatedAfter reports whether a stored summary restates a reading that comes with a batch, once the batch is written: sent is
// the sample of it with the key of the summary, nil where there is none.
func RestatedAfter(stored, sent, reading *health.Sample) bool {
	if sent == nil {
		return stored.Restates(reading)
	}
	written := *sent
	written.Replaces(stored)
	return written.Restates(reading)
}
