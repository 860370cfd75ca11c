package backend

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// SpanChange is how the stored spans of one metric change.
type SpanChange struct {
	// After are all spans as they are then.
	After          []health.Span
	Added, Removed []health.Span
	// Dates are the local days whose figures may change, in no order and possibly repeated.
	Dates []health.Date
}

// AddSpans adds what a body spoke for to the stored spans of one metric. others reports whether the metric has samples of
// another grain than the given one: only then does it matter when a bucket was said last.
func AddSpans(stored []health.Span, said []health.Span, rule aggregate.Rule, others func(health.Grain) bool) (c SpanChange) {
	c.After = slices.Clone(stored)
	for i := range said {
		before := slices.Clone(c.After)
		whole := c.add(said[i])
		c.Dates = append(c.Dates, affectedDates(before, c.After, &whole, rule, others)...)
	}
	return c
}

// add adds a span, and returns it with the other parts of its session.
func (c *SpanChange) add(said health.Span) (whole health.Span) {
	drop := func(i int) {
		if j := slices.IndexFunc(c.Added, func(a health.Span) bool { return sameSpan(&a, &c.After[i]) }); j >= 0 {
			c.Added = slices.Delete(c.Added, j, j+1)
		} else {
			c.Removed = append(c.Removed, c.After[i])
		}
		c.After = slices.Delete(c.After, i, i+1)
	}
	for i := len(c.After) - 1; i >= 0; i-- {
		if part := &c.After[i]; part.Grain == said.Grain && part.Session == said.Session {
			said.Join(part)
			drop(i)
		}
	}
	for i := len(c.After) - 1; i >= 0; i-- {
		switch other := &c.After[i]; {
		case other.Grain != said.Grain:
		case said.Supersedes(other):
			drop(i)
		case other.Supersedes(&said):
			return said
		}
	}
	c.After, c.Added = append(c.After, said), append(c.Added, said)
	return said
}

func sameSpan(a, b *health.Span) bool {
	return a.Grain == b.Grain && a.Session == b.Session && a.Interval == b.Interval
}

// affectedDates returns the days of a span whose figures it may change: those of which it is now said otherwise which
// buckets are zero, and, where something else is known of the metric, those that were not final before.
func affectedDates(before, after []health.Span, said *health.Span, rule aggregate.Rule, others func(health.Grain) bool) (dates []health.Date) {
	first, last := said.Dates()
	settling := max(rule.SettlingDay, rule.SettlingShorter)
	for date := first; date <= last; date++ {
		day := health.Interval{From: date.Midnight(said.FirstOffset), To: (date + 1).Midnight(said.LastOffset)}
		if said.Grain >= health.GrainDay {
			day = health.Interval{From: date.Midnight(0), To: (date + 1).Midnight(0)}
		}
		in := health.Interval{From: max(day.From, said.From), To: min(day.To, said.To)}
		covered, gaps := statements(before, said.Grain, in)
		coveredNow, gapsNow := statements(after, said.Grain, in)
		final := func() bool {
			return slices.ContainsFunc(before, func(s health.Span) bool {
				return s.Grain == said.Grain && s.From <= in.From && in.To <= s.To && s.AsOf >= day.To+settling+dayUncertainty
			})
		}
		if !slices.Equal(covered, coveredNow) || !slices.Equal(gaps, gapsNow) || !final() && others(said.Grain) {
			dates = append(dates, date)
		}
	}
	return dates
}

// statements returns of which parts of an interval something was said, and which of those were said to be zero last.
func statements(all []health.Span, grain health.Grain, in health.Interval) (covered, gaps []health.Interval) {
	inOrder := slices.SortedFunc(slices.Values(all), func(a, b health.Span) int { return cmp.Compare(a.Order, b.Order) })
	for i := range inOrder {
		s := &inOrder[i]
		part := health.Interval{From: max(s.From, in.From), To: min(s.To, in.To)}
		if s.Grain != grain || part.From >= part.To {
			continue
		}
		covered = union(covered, part)
		var kept []health.Interval
		for _, gap := range gaps {
			if gap.From < min(gap.To, part.From) {
				kept = append(kept, health.Interval{From: gap.From, To: min(gap.To, part.From)})
			}
			if max(gap.From, part.To) < gap.To {
				kept = append(kept, health.Interval{From: max(gap.From, part.To), To: gap.To})
			}
		}
		gaps = kept
		for _, gap := range s.GapsIn(part) {
			gaps = union(gaps, gap)
		}
	}
	return covered, gaps
}

// union adds an interval to disjoint ones, which are and stay in order.
func union(all []health.Interval, more health.Interval) (joined []health.Interval) {
	placed := false
	for _, in := range all {
		switch {
		case in.To < more.From:
			joined = append(joined, in)
		case more.To < in.From:
			if !placed {
				joined, placed = append(joined, more), true
			}
			joined = append(joined, in)
		default:
			more = health.Interval{From: min(in.From, more.From), To: max(in.To, more.To)}
		}
	}
	if !placed {
		joined = append(joined, more)
	}
	return joined
}

// dayUncertainty is how much later than that of the same date in UTC a local day may end, with a change of the clock.
const dayUncertainty = 26 * 3600 * health.Second

// PackGaps encodes the gaps of a span as varints: how many seconds each begins after the one before has ended, and its
// length. It is nil where there are none.
func PackGaps(s *health.Span) (packed []byte) {
	last := s.From
	for _, gap := range s.Gaps {
		packed = binary.AppendVarint(packed, int64((gap.From-last)/health.Second))
		packed = binary.AppendVarint(packed, int64((gap.To-gap.From)/health.Second))
		last = gap.To
	}
	return packed
}

// UnpackGaps sets the gaps of a span, which has all other fields, from what PackGaps returned.
func UnpackGaps(packed []byte, s *health.Span) error {
	last := s.From
	for len(packed) > 0 {
		skip, n := binary.Varint(packed)
		length, m := binary.Varint(packed[max(n, 0):])
		if n <= 0 || m <= 0 {
			return errors.New("the gaps of a span cannot be read")
		}
		packed = packed[n+m:]
		from := last + health.Instant(skip)*health.Second
		last = from + health.Instant(length)*health.Second
		s.Gaps = append(s.Gaps, health.Interval{From: from, To: last})
	}
	return nil
}

// SpansOf returns the spans of one metric.
func SpansOf(all []health.Span, of store.Series) (some []health.Span) {
	for i := range all {
		if all[i].Metric == of.Metric && all[i].Unit == of.Unit {
			some = append(some, all[i])
		}
	}
	return some
}

// Around returns an interval that contains the spans and whatever may be joined with them: the next part of a session
// begins some days later at most.
func Around(said []health.Span) health.Interval {
	in := said[0].Interval
	for i := range said {
		in.From, in.To = min(in.From, said[i].From), max(in.To, said[i].To)
	}
	return health.Interval{From: in.From - sessionGap, To: in.To + sessionGap}
}

const sessionGap = 3 * health.Day
