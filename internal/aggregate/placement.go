package aggregate

import "github.com/health-export/health-export/internal/health"

// Placement knows the offset at which the person was at a time, where samples were sent with several. The app writes every
// sample with the phone's present offset, so one hour may come with that of home and again with that of a journey: it
// belongs to the day as it was sent first, or it would count on two.
type Placement struct{ slots map[health.Instant]slot }

type slot struct {
	order  health.Instant
	offset int32
	// low and high are the least and the largest offset of all samples.
	low, high int32
}

const slotLength = hourLength

// NewPlacement returns a placement that knows nothing.
func NewPlacement() *Placement { return &Placement{map[health.Instant]slot{}} }

// Add takes note of a sample, for an hour at most. Summaries of a day or more, and samples whose zone was assumed, say nothing.
func (p *Placement) Add(s *health.Sample) {
	if s.Grain >= health.GrainDay || s.ZoneAssumed {
		return
	}
	from, to := countedSpan(s)
	for at := from - from%slotLength; at < max(min(to, from+hourLength), from+1); at += slotLength {
		have, ok := p.slots[at]
		if !ok {
			have = slot{s.Order, s.Offset, s.Offset, s.Offset}
		} else if s.Order < have.order || s.Order == have.order && s.Offset < have.offset {
			have.order, have.offset = s.Order, s.Offset
		}
		have.low, have.high = min(have.low, s.Offset), max(have.high, s.Offset)
		p.slots[at] = have
	}
}

// offset returns the offset by which what a sample says of an instant is placed: that which was sent first for any part of
// the hour it speaks for. low and high are the least and the largest by which it was sent, or was placed before.
func (p *Placement) offset(s *health.Sample, at health.Instant) (offset, low, high int32) {
	low, high = s.Offset, s.Offset
	_, to := countedSpan(s)
	to = max(min(to, at+hourLength), at+1)
	var first *slot
	for t := at - at%slotLength; t < to; t += slotLength {
		have, ok := p.slots[t]
		if !ok {
			continue
		}
		low, high = min(low, have.low), max(high, have.high)
		if first == nil || have.order < first.order {
			first = &have
		}
	}
	if first == nil {
		return s.Offset, low, high
	}
	return first.offset, low, high
}
