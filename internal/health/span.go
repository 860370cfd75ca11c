package health

import (
	"cmp"
	"slices"

	"github.com/google/uuid"
)

// Interval is an interval of time: From is in it, To is not.
type Interval struct{ From, To Instant }

// Span is what a body spoke for of one metric and grain: from the first to the last bucket that it had. A bucket of a
// cumulative metric that is absent in between is a zero as of the body: the app leaves out buckets in which nothing was
// recorded. The parts of one session make one span.
//
// A store keeps a span until another one Supersedes it.
type Span struct {
	Metric, Unit string
	Grain        Grain
	// Interval is in key times, see SampleKey.Time: of days and longer those of local dates.
	Interval
	// Gaps are the absent buckets of a cumulative metric, in order.
	Gaps []Interval
	// Order and AsOf are those of the body, see Sample. Of several parts the later Order and the earlier AsOf.
	Order, AsOf Instant
	// Session is the same for the parts of one session of the app, and otherwise of one body only.
	Session string
	// Ingestion is the body, of several parts the last.
	Ingestion uuid.UUID
	// FirstOffset and LastOffset are those of the first and the last bucket, of a span that is written. They are not stored.
	FirstOffset, LastOffset int32
}

// Dates returns the first and the last local date of a span that is written.
func (s *Span) Dates() (first, last Date) {
	if s.Grain >= GrainDay {
		return s.From.Date(0), (s.To - 1).Date(0)
	}
	return s.From.Date(s.FirstOffset), (s.To - 1).Date(s.LastOffset)
}

// GapsIn returns the gaps in an interval, cut at its ends.
func (s *Span) GapsIn(in Interval) (gaps []Interval) {
	for _, gap := range s.Gaps {
		if from, to := max(gap.From, in.From), min(gap.To, in.To); from < to {
			gaps = append(gaps, Interval{from, to})
		}
	}
	return gaps
}

// Covers reports whether a bucket that begins at a key time is in the span.
func (s *Span) Covers(key Instant) bool { return s.From <= key && key < s.To }

// Gap reports whether a bucket of the span was absent.
func (s *Span) Gap(key Instant) bool {
	i, _ := slices.BinarySearchFunc(s.Gaps, key, func(gap Interval, key Instant) int {
		if gap.To <= key {
			return -1
		}
		return 1
	})
	return i < len(s.Gaps) && s.Gaps[i].From <= key
}

// Supersedes reports whether nothing that o says is valid any more beside s, a span of the same metric and grain: s covers
// it and was received later.
func (s *Span) Supersedes(o *Span) bool {
	return s.From <= o.From && o.To <= s.To && s.Order >= o.Order && s.AsOf >= o.AsOf
}

// Join extends s by another part of its session. A bucket is absent where it is in no part.
func (s *Span) Join(o *Span) {
	present := append(s.present(), o.present()...)
	slices.SortFunc(present, func(a, b Interval) int { return cmp.Compare(a.From, b.From) })
	s.From, s.To, s.Gaps = min(s.From, o.From), max(s.To, o.To), nil
	end := s.From
	for _, p := range present {
		if p.From > end {
			s.Gaps = append(s.Gaps, Interval{end, p.From})
		}
		end = max(end, p.To)
	}
	s.AsOf = min(s.AsOf, o.AsOf)
	if o.Order > s.Order {
		s.Order, s.Ingestion = o.Order, o.Ingestion
	}
}

// present returns the intervals between the gaps.
func (s *Span) present() (all []Interval) {
	from := s.From
	for _, gap := range s.Gaps {
		all = append(all, Interval{from, gap.From})
		from = gap.To
	}
	return append(all, Interval{from, s.To})
}
