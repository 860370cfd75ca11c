package aggregate

import "github.com/health-export/health-export/internal/health"

// spans are what bodies spoke for of one metric in one unit, in no order.
type spans []health.Span

// latest returns the span received last of those that cover a bucket; nil where none does.
func (all spans) latest(grain health.Grain, key health.Instant) (found *health.Span) {
	for i := range all {
		if s := &all[i]; s.Grain == grain && s.Covers(key) && (found == nil || s.Order > found.Order) {
			found = s
		}
	}
	return found
}

// statement returns what was said last of a bucket: the value of its summary row, which may be nil, or zero where a later
// body left the bucket out. asOf is when it was last said. ok is false where nothing was said.
func (all spans) statement(row *health.Sample, grain health.Grain, key health.Instant) (value float64, asOf health.Instant, ok bool) {
	if len(all) > 0 {
		if latest := all.latest(grain, key); latest != nil && latest.Gap(key) && (row == nil || latest.Order > row.Order) {
			return 0, latest.AsOf, true
		}
	}
	if row == nil || health.IsAbsent(row.Value) {
		return 0, 0, false
	}
	asOf = row.AsOf
	for i := range all {
		if s := &all[i]; s.Grain == grain && s.Order >= row.Order && s.AsOf > asOf && s.Covers(key) {
			asOf = s.AsOf
		}
	}
	return row.Value, asOf, true
}

// has reports whether there is a span of a grain in an interval.
func (all spans) has(grain health.Grain, in health.Interval) bool {
	for i := range all {
		if s := &all[i]; s.Grain == grain && s.From < in.To && in.From < s.To {
			return true
		}
	}
	return false
}

// later returns the part of an interval, from its beginning on, that summaries finer than a grain speak for which were
// made after a time, and whether any of those speaks for a part of it. A summary speaks for no time after it was made.
func (all spans) later(grain health.Grain, after health.Instant, in health.Interval) (until health.Instant, any bool) {
	until = in.From
	for extended := true; extended; {
		extended = false
		for i := range all {
			s := &all[i]
			if s.Grain == health.GrainRaw || s.Grain >= grain || s.AsOf <= after {
				continue
			}
			end := min(s.To, s.AsOf)
			any = any || s.From < in.To && in.From < end
			if s.From <= until && end > until {
				until, extended = end, true
			}
		}
	}
	return min(until, in.To), any
}
