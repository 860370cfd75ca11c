package aggregate

import "github.com/health-export/health-export/internal/health"

// Placement knows the offset at which the person was at a time, where samples were sent with several. The app writes every
// sample with the phone's present offset, so one hour may come with that of home and again with that of a journey: it
// belongs to the day as it was sent first, or it would count on two.
type Placement struct{ slots map[health.Instant]slot }

type slot struct {
	order  health.Instant
	offset int32
}

const (
	slotLength = hourLength
	// placedAfter is how long after a sample its offset is still taken for that of the person.
	placedAfter = 6 * 3600 * health.Second
)

// NewPlacement returns a placement that knows nothing.
func NewPlacement() *Placement { return &Placement{map[health.Instant]slot{}} }

// Add takes note of a sample, for an hour at most. Summaries of a day or more, and samples whose zone was assumed, say nothing.
func (p *Placement) Add(s *health.Sample) {
	if s.Grain >= health.GrainDay || s.ZoneAssumed {
		return
	}
	from, to := countedSpan(s)
	for at := from - from%slotLength; at < max(min(to, from+hourLength), from+1); at += slotLength {
		if have, ok := p.slots[at]; !ok || s.Order < have.order || s.Order == have.order && s.Offset < have.offset {
			p.slots[at] = slot{s.Order, s.Offset}
		}
	}
}

// offset returns the offset by which what a sample says of an instant is placed: that which was sent first for any part of
// the hour it speaks for.
func (p *Placement) offset(s *health.Sample, at health.Instant) int32 {
	_, to := countedSpan(s)
	to = max(min(to, at+hourLength), at+1)
	var first *slot
	for t := at - at%slotLength; t < to; t += slotLength {
		if have, ok := p.slots[t]; ok && (first == nil || have.order < first.order) {
			first = &have
		}
	}
	for t := at - at%slotLength; first == nil && s.ZoneAssumed && t > at-placedAfter; t -= slotLength {
		if have, ok := p.slots[t]; ok {
			first = &have
		}
	}
	if first == nil {
		return s.Offset
	}
	return first.offset
}
