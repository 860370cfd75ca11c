package assemble

import "github.com/health-export/health-export/internal/health"

// spanBuilder collects what a body speaks for with the samples of a partition: the summaries of each series and grain, from
// the first to the last, and which were absent in between. Samples are added in the order of the merger.
type spanBuilder struct {
	// ends has, of the present series, the end of the last bucket of each grain.
	series uint32
	ends   map[health.Grain]health.Instant
	spans  []health.Span // of the present batch
}

// add adds a sample. gaps is set where absent buckets are zeros.
func (b *spanBuilder) add(series uint32, s *health.Sample, gaps bool) {
	if s.Grain <= health.GrainRaw {
		return
	}
	if b.ends == nil || b.series != series {
		b.series, b.ends = series, map[health.Grain]health.Instant{}
	}
	key := s.KeyTime()
	end := key + health.Instant(s.Grain)*health.Second
	if s.Grain >= health.GrainDay {
		end = health.Instant(s.LastDate()+1) * health.Day
	}
	last, goesOn := b.ends[s.Grain]
	b.ends[s.Grain] = max(end, last)
	span := b.open(s)
	if span == nil {
		from := key
		if goesOn { // in the batch before
			from = min(last, key)
		}
		b.spans = append(b.spans, health.Span{
			Metric: s.Metric, Unit: s.Unit, Grain: s.Grain, Interval: health.Interval{From: from, To: from},
			Order: s.Order, AsOf: s.AsOf, FirstOffset: s.Offset,
		})
		span = &b.spans[len(b.spans)-1]
	}
	if gaps && key > span.To {
		span.Gaps = append(span.Gaps, health.Interval{From: span.To, To: key})
	}
	span.To, span.LastOffset = max(span.To, end), s.Offset
}

// open returns the span that a sample goes on with; nil where it begins one.
func (b *spanBuilder) open(s *health.Sample) *health.Span {
	for i := len(b.spans) - 1; i >= 0; i-- {
		span := &b.spans[i]
		if span.Metric != s.Metric || span.Unit != s.Unit {
			return nil
		}
		if span.Grain == s.Grain {
			return span
		}
	}
	return nil
}

// take returns the spans of the batch.
func (b *spanBuilder) take() []health.Span {
	spans := b.spans
	b.spans = nil
	return spans
}
