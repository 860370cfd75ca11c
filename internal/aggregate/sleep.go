package aggregate

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// DefaultSleepGap is the gap of a SleepRule that nobody has set.
const DefaultSleepGap = 3 * hour

const hour = 3600 * health.Second

// shortGap is how long somebody may be awake in the middle of a sleep of any time of day.
const shortGap = hour

// SleepRule decides which parts are one sleep.
//
// A part belongs to the sleep before it if no more than Gap lies between them. That is for the night: where one of the two
// began in the afternoon, from noon to 18:00 by its own clock, no more than an hour may lie between them, so that a nap
// stays a nap. A sleep is never joined to more than a day. Examples, with a gap of 3 hours:
//
//   - 23:35–02:05 and 02:21–06:25 are one night, and so are 21:30–22:10 and 00:30–07:00.
//   - 22:00–11:00 and 13:30–18:20 are two: the second began in the afternoon. It is a nap of its day, although it ended in
//     the evening, and is not joined to a night that begins at 20:30 either.
//   - 14:00–14:40 and 15:00–15:30 are one nap.
type SleepRule struct {
	// Gap is the longest time awake within a night. With 0 only what touches or overlaps is joined.
	Gap health.Instant
}

// period is a time of sleep, or the joined parts of one.
type period struct {
	start, end  health.Instant
	startOffset int32
}

// joins reports whether a part that begins later belongs to the sleep so far.
func (r SleepRule) joins(sleep, part period) bool {
	gap := r.Gap
	if sleep.inAfternoon() || part.inAfternoon() {
		gap = min(gap, shortGap)
	}
	return part.start-sleep.end <= gap && max(sleep.end, part.end)-sleep.start <= health.Day
}

// inAfternoon reports whether it began between noon and 18:00.
func (p period) inAfternoon() bool {
	clock := p.start - p.start.Date(p.startOffset).Midnight(p.startOffset)
	return 12*hour <= clock && clock < 18*hour
}

// group splits parts, in order of start, into sleeps.
func group[T any](r SleepRule, parts []T, of func(*T) period) [][]T {
	var groups [][]T
	var sleep period
	for i := range parts {
		part := of(&parts[i])
		if len(groups) == 0 || !r.joins(sleep, part) {
			groups, sleep = append(groups, nil), part
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], parts[i])
		sleep.end = max(sleep.end, part.end)
	}
	return groups
}

func periodOfSegment(s *health.Segment) period { return period{s.Start, s.End, s.Offset} }

// stagesByDepth is the order in which stages win where a source recorded several at once. Sleep of unknown stage comes
// last: a source that records stages may write the whole night as asleep besides.
var stagesByDepth = []health.Stage{health.StageDeep, health.StageREM, health.StageCore, health.StageAwake, health.StageAsleep}

// SumSegments sums segments into nights, for sources that do not: one night for each period of sleep of each source, in
// order of source and date. Time that several segments cover counts once. Time in bed is separate from sleep, and makes
// a night of its own only where the source recorded no sleep with it. A night's date is that of health.DateOfSleep.
// Segments of unknown stages are ignored. SumSegments sorts the slice.
func (r SleepRule) SumSegments(segments []health.Segment) []health.Night {
	slices.SortFunc(segments, func(a, b health.Segment) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Start, b.Start))
	})
	var nights []health.Night
	for len(segments) > 0 {
		n := 1
		for n < len(segments) && segments[n].Source == segments[0].Source {
			n++
		}
		nights = append(nights, r.sumSource(segments[:n])...)
		segments = segments[n:]
	}
	return nights
}

// sumSource sums the segments of one source, which are in order of start.
func (r SleepRule) sumSource(segments []health.Segment) []health.Night {
	var inBed, sleep []health.Segment
	for _, s := range segments {
		switch {
		case s.End <= s.Start:
		case s.Stage == health.StageInBed:
			inBed = append(inBed, s)
		case slices.Contains(stagesByDepth, s.Stage):
			sleep = append(sleep, s)
		}
	}
	periods := group(r, sleep, periodOfSegment)
	var inBedOnly []health.Segment
	for _, bed := range inBed {
		i := slices.IndexFunc(periods, func(period []health.Segment) bool {
			return bed.Start < endOf(period) && period[0].Start < bed.End
		})
		if i < 0 {
			inBedOnly = append(inBedOnly, bed)
			continue
		}
		periods[i] = append(periods[i], bed)
	}
	periods = append(periods, group(r, inBedOnly, periodOfSegment)...)
	nights := make([]health.Night, len(periods))
	for i, period := range periods {
		nights[i] = sumPeriod(period)
	}
	slices.SortStableFunc(nights, func(a, b health.Night) int { return cmp.Compare(a.Date, b.Date) })
	return nights
}

func endOf(segments []health.Segment) health.Instant {
	end := segments[0].End
	for _, s := range segments {
		end = max(end, s.End)
	}
	return end
}

func sumPeriod(segments []health.Segment) health.Night {
	night := health.NewNight()
	night.Source = segments[0].Source
	spans := map[health.Stage][]span{}
	for _, s := range segments {
		spans[s.Stage] = append(spans[s.Stage], span{s.Start, s.End})
		begin, end := &night.SleepStart, &night.SleepEnd
		if s.Stage == health.StageInBed {
			begin, end = &night.InBedStart, &night.InBedEnd
		}
		if *begin == 0 || s.Start < *begin {
			*begin = s.Start
		}
		if s.End > *end {
			*end = s.End
		}
	}
	start, end, _ := night.Span()
	startOffset := segments[0].Offset
	for _, s := range segments {
		if s.Start == start {
			startOffset = s.Offset
		}
		if s.End == end {
			night.Offset = s.EndOffset()
		}
	}
	night.OffsetChange = night.Offset - startOffset
	night.SetDate()
	night.InBed = hours(union(spans[health.StageInBed]))
	durations := map[health.Stage]*float64{
		health.StageDeep: &night.Deep, health.StageREM: &night.REM, health.StageCore: &night.Core,
		health.StageAwake: &night.Awake, health.StageAsleep: &night.Asleep,
	}
	var covered []span
	var total health.Instant
	for _, stage := range stagesByDepth {
		wider := append(slices.Clone(covered), spans[stage]...)
		added := union(wider) - union(covered)
		covered = wider
		*durations[stage] = hours(added)
		if stage != health.StageAwake {
			total += added
		}
	}
	night.Total = hours(total)
	return night
}

// hours returns a duration in hours, absent (NaN) for none: no recorded sleep is not a sleep of zero hours.
func hours(d health.Instant) float64 {
	if d == 0 {
		return health.Absent()
	}
	return float64(d) / float64(hour)
}

type span struct{ from, to health.Instant }

// union returns how much time spans cover together.
func union(spans []span) health.Instant {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var covered, end health.Instant
	for i, s := range sorted {
		if i == 0 || s.from > end {
			end = s.from
		}
		if s.to > end {
			covered += s.to - end
			end = s.to
		}
	}
	return covered
}

// MainSleep selects, among the nights of one date, the one that answers for it, and the naps: the other nights of the
// same source. Sleep is preferred to mere time in bed; then the sources in the user's order; then a night with stages
// to one without; then by CompareSources. ok is false when there are no nights.
func (r Ranking) MainSleep(nights []health.Night) (night health.Night, naps []health.Night, ok bool) {
	if len(nights) == 0 {
		return health.Night{}, nil, false
	}
	best := slices.MinFunc(nights, func(a, b health.Night) int {
		return cmp.Or(
			cmp.Compare(detailRank(&a)/2, detailRank(&b)/2),
			cmp.Compare(r.position(a.Source), r.position(b.Source)),
			cmp.Compare(detailRank(&a), detailRank(&b)),
			CompareSources(a.Source, b.Source),
		)
	})
	for i := range nights {
		switch {
		case nights[i].Source != best.Source:
		case IsNap(&nights[i], nights):
			naps = append(naps, nights[i])
		default:
			night = nights[i]
		}
	}
	return night, naps, true
}

// IsNap reports whether another of the nights has the same date and source and is the longer sleep. Time in bed without
// sleep is shorter than any sleep. The night itself may be among nights.
func IsNap(night *health.Night, nights []health.Night) bool {
	return slices.ContainsFunc(nights, func(other health.Night) bool {
		return other.Source == night.Source && other.Date == night.Date && compareLengths(&other, night) < 0
	})
}

// compareLengths orders the longer sleep first. It is 0 only for a night and itself.
func compareLengths(a, b *health.Night) int {
	asleep := func(n *health.Night) int { return detailRank(n) / 2 }
	aStart, _, _ := a.Span()
	bStart, _, _ := b.Span()
	return cmp.Or(
		cmp.Compare(asleep(a), asleep(b)),
		cmp.Compare(length(b), length(a)),
		cmp.Compare(aStart, bStart),
		bytes.Compare(a.ID[:], b.ID[:]),
	)
}

// withoutSleep is the detailRank of a night in which no sleep was recorded.
const withoutSleep = 2

// detailRank is 0 for a night with stages, 1 for one with sleep, withoutSleep for one with time in bed only.
func detailRank(n *health.Night) int {
	recorded := func(hours ...float64) bool {
		return slices.ContainsFunc(hours, func(h float64) bool { return h > 0 })
	}
	switch {
	case recorded(n.Core, n.Deep, n.REM):
		return 0
	case recorded(n.TotalSleep()):
		return 1
	default:
		return withoutSleep
	}
}

// length returns the length of the night: of its span, or else of the hours that were sent.
func length(n *health.Night) health.Instant {
	if start, end, ok := n.Span(); ok {
		return end - start
	}
	longest := 0.0
	for _, h := range []float64{n.TotalSleep(), n.InBed} {
		if h > longest {
			longest = h
		}
	}
	return health.Instant(longest * float64(hour))
}
