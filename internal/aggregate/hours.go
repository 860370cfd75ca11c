package aggregate

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// hourLength is the length of an Hour.
const hourLength = 3600 * health.Second

// Hour has the aggregates of the samples of one metric and unit, recorded on one local day, that begin in one hour of
// their recorded time. Where offsets differ by less than an hour, or days overlap after travel, hours overlap too: two
// that have the same Start are one, see Join.
type Hour struct {
	Start health.Instant
	Extent
	// Aggregates are the grains that may answer. A summary longer than the hour is among them where it counts in the
	// hour it begins in, see LongSummaries.
	Aggregates Aggregates
}

// hourOf returns the start of the hour that a sample belongs to. A summary of a day or more begins with its date.
func hourOf(s *health.Sample) health.Instant {
	if s.Grain >= health.GrainDay {
		return s.LocalDate().Midnight(s.Offset)
	}
	return s.Start - pastTheHour(s)
}

func pastTheHour(s *health.Sample) health.Instant {
	past := (s.Start + health.Instant(s.Offset)*health.Second) % hourLength
	if past < 0 {
		past += hourLength
	}
	return past
}

// reachesBeyondHour reports whether a summary ends after the hour it begins in.
func reachesBeyondHour(s *health.Sample) bool {
	return s.Grain > health.GrainHour || s.Grain > health.GrainRaw && pastTheHour(s)+health.Instant(s.Grain)*health.Second > hourLength
}

// Join adds the same hour of another local day.
func (h *Hour) Join(o *Hour) {
	h.Extent.Join(o.Extent)
	for i := range o.Aggregates {
		h.Aggregates.merge(&o.Aggregates[i])
	}
}

// merge adds an aggregate to that of the same grain.
func (a *Aggregates) merge(o *Aggregate) {
	i := slices.IndexFunc(*a, func(have Aggregate) bool { return have.Grain == o.Grain })
	if i < 0 {
		copied := *o
		copied.Sources = slices.Clone(o.Sources)
		*a = append(*a, copied)
		return
	}
	(*a)[i].merge(o)
}

// hourBuilder has the hours of one local day.
type hourBuilder struct {
	hours []Hour
	last  int // index of the hour of the last sample
}

// add adds a sample to its hour. arena is where new aggregates are allocated.
func (h *hourBuilder) add(s *health.Sample, share float64, arena *[]Aggregate) {
	start := hourOf(s)
	if h.last >= len(h.hours) || h.hours[h.last].Start != start {
		h.last = slices.IndexFunc(h.hours, func(have Hour) bool { return have.Start == start })
		if h.last < 0 {
			h.last = len(h.hours)
			h.hours = append(h.hours, Hour{Start: start, Extent: ExtentOf(s), Aggregates: h.newAggregates(s, arena)})
		}
	}
	in := &h.hours[h.last]
	in.Extent.Join(ExtentOf(s))
	in.Aggregates.Add(s, share)
}

// newAggregates returns an empty aggregate for an hour that begins with a sample, allocated in one piece with others.
// Its source is nearly always that of the hour before.
func (h *hourBuilder) newAggregates(s *health.Sample, arena *[]Aggregate) Aggregates {
	if len(*arena) == 0 {
		*arena = make([]Aggregate, 16)
	}
	aggregates := (*arena)[:1:1]
	*arena = (*arena)[1:]
	aggregates[0] = New(s.Grain)
	if len(h.hours) > 0 {
		if before := h.hours[len(h.hours)-1].Aggregates[0].Sources; len(before) == 1 && before[0] == s.Source {
			aggregates[0].Sources = slices.Clip(before)
		}
	}
	return aggregates
}

// finish sorts the hours, and the grains of each.
func (h *hourBuilder) finish() []Hour {
	slices.SortFunc(h.hours, func(a, b Hour) int { return cmp.Compare(a.Start, b.Start) })
	for i := range h.hours {
		slices.SortFunc(h.hours[i].Aggregates, func(a, b Aggregate) int { return cmp.Compare(a.Grain, b.Grain) })
	}
	return h.hours
}

// WholeHour returns the hour that equals the whole day, if one does: that of a day whose samples are of one grain and
// begin in one hour.
func (d *DaySummary) WholeHour() Hour {
	h := Hour{Extent: d.Extent, Aggregates: Aggregates{d.Aggregate}}
	h.Start = hourOf(&health.Sample{Grain: d.Grain, Start: d.Earliest, Offset: d.EarliestOffset})
	return h
}

// Same reports whether two hours are equal, but for noise in the last digits.
func (h *Hour) Same(o *Hour) bool {
	return h.Start == o.Start && h.Extent == o.Extent && slices.EqualFunc(h.Aggregates, o.Aggregates, func(a, b Aggregate) bool { return a.same(&b) })
}
