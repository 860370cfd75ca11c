package health

import (
	"cmp"
	"slices"
)

// HourLength is the length of an Hour.
const HourLength = 3600 * Second

// Hour is what the samples of one metric and unit, recorded on one local day, come to that begin in one hour by the clock
// they were recorded with. Where clocks differ by less than an hour, or days overlap after travel, hours do too: two that
// have the same Start are one, see Join.
type Hour struct {
	Start Instant
	Extent
	// Tallies are the grains that may answer. A summary longer than the hour is among them where it counts in the hour it
	// begins in, see Reaching.
	Tallies Tallies
}

// hourOf returns when the hour begins that a sample belongs to. A summary of a day or more begins with its date.
func hourOf(s *Sample) Instant {
	if s.Grain >= GrainDay {
		return s.LocalDate().Midnight(s.Offset)
	}
	return s.Start - pastTheHour(s)
}

func pastTheHour(s *Sample) Instant {
	past := (s.Start + Instant(s.Offset)*Second) % HourLength
	if past < 0 {
		past += HourLength
	}
	return past
}

// reachesBeyondHour reports whether a summary ends after the hour it begins in.
func reachesBeyondHour(s *Sample) bool {
	return s.Grain > GrainHour || s.Grain > GrainRaw && pastTheHour(s)+Instant(s.Grain)*Second > HourLength
}

// Join adds to h what the same hour has of another local day.
func (h *Hour) Join(o *Hour) {
	h.Extent.Join(o.Extent)
	for i := range o.Tallies {
		h.Tallies.merge(&o.Tallies[i])
	}
}

// merge adds a tally to that of the same grain.
func (t *Tallies) merge(o *Tally) {
	i := slices.IndexFunc(*t, func(have Tally) bool { return have.Grain == o.Grain })
	if i < 0 {
		copied := *o
		copied.Sources = slices.Clone(o.Sources)
		*t = append(*t, copied)
		return
	}
	(*t)[i].merge(o)
}

// hoursOf are the hours of one local day.
type hoursOf struct {
	hours []Hour
	last  int // index of the hour of the last sample
}

// count counts a sample in its hour. room is where new tallies are made.
func (h *hoursOf) count(s *Sample, share float64, room *[]Tally) {
	start := hourOf(s)
	if h.last >= len(h.hours) || h.hours[h.last].Start != start {
		h.last = slices.IndexFunc(h.hours, func(have Hour) bool { return have.Start == start })
		if h.last < 0 {
			h.last = len(h.hours)
			h.hours = append(h.hours, Hour{Start: start, Extent: ExtentOf(s), Tallies: h.begin(s, room)})
		}
	}
	in := &h.hours[h.last]
	in.Extent.Join(ExtentOf(s))
	in.Tallies.Add(s, share)
}

// begin returns a tally of nothing for an hour that begins with a sample, made in one piece with others. Its source is
// nearly always that of the hour before.
func (h *hoursOf) begin(s *Sample, room *[]Tally) Tallies {
	if len(*room) == 0 {
		*room = make([]Tally, 16)
	}
	tallies := (*room)[:1:1]
	*room = (*room)[1:]
	tallies[0] = NewTally(s.Grain)
	if len(h.hours) > 0 {
		if before := h.hours[len(h.hours)-1].Tallies[0].Sources; len(before) == 1 && before[0] == s.Source {
			tallies[0].Sources = slices.Clip(before)
		}
	}
	return tallies
}

// finish puts the hours in order, and the grains of each.
func (h *hoursOf) finish() []Hour {
	slices.SortFunc(h.hours, func(a, b Hour) int { return cmp.Compare(a.Start, b.Start) })
	for i := range h.hours {
		slices.SortFunc(h.hours[i].Tallies, func(a, b Tally) int { return cmp.Compare(a.Grain, b.Grain) })
	}
	return h.hours
}

// WholeHour returns the hour that says all of the day, if one does: that of a day whose samples are of one grain and
// begin in one hour.
func (d *DaySummary) WholeHour() Hour {
	h := Hour{Extent: d.Extent, Tallies: Tallies{d.Tally}}
	h.Start = hourOf(&Sample{Grain: d.Grain, Start: d.Earliest, Offset: d.EarliestOffset})
	return h
}

// Same reports whether two hours say the same, but for noise in the last digits.
func (h *Hour) Same(o *Hour) bool {
	return h.Start == o.Start && h.Extent == o.Extent && slices.EqualFunc(h.Tallies, o.Tallies, func(a, b Tally) bool { return a.same(&b) })
}
