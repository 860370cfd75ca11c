package assemble

import (
	"cmp"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// SetZone sets where the person lives. What the body has in UTC, and of which the format does not say where the person was,
// is placed on the days of that zone. Call it before the first record is added; without it every offset is kept.
func (c *Collector) SetZone(location *time.Location) {
	zone := health.NewZone(location)
	c.zone = &zone
}

// placeSample sets the offset of a sample that was sent in UTC. A summary of a day or more stays on the date that was sent:
// its sender has decided which day it is of.
func placeSample(zone *health.Zone, s *health.Sample) {
	if zone != nil && s.Offset == 0 && s.Grain < health.GrainDay {
		s.Offset, s.ZoneAssumed = zone.Place(s.Start)
	}
}

// placeOther sets the offsets of an element that is no sample and that was sent in UTC.
func (c *Collector) placeOther(r *health.Record) {
	if c.zone == nil {
		return
	}
	switch {
	case r.Night != nil:
		placeNight(c.zone, r.Night)
	case r.Segment != nil:
		place(c.zone, r.Segment.Start, &r.Segment.Offset)
	case r.Workout != nil:
		w := r.Workout
		place(c.zone, w.Start, &w.Offset)
		for _, points := range w.Series {
			for i := range points {
				place(c.zone, points[i].Time, &points[i].Offset)
			}
		}
	case r.Event != nil:
		place(c.zone, r.Event.Start, &r.Event.Offset)
	case r.ECG != nil:
		place(c.zone, r.ECG.Start, &r.ECG.Offset)
	}
}

func place(zone *health.Zone, at health.Instant, offset *int32) {
	if *offset == 0 && at != 0 {
		*offset, _ = zone.Place(at)
	}
}

// placeNight also moves the night to the local day of waking, unless its date was sent by itself.
func placeNight(zone *health.Zone, n *health.Night) {
	at := cmp.Or(n.SleepEnd, n.InBedEnd, n.SleepStart, n.InBedStart)
	if n.Offset != 0 || at == 0 {
		return
	}
	place(zone, at, &n.Offset)
	if n.Date == at.Date(0) {
		n.Date = at.Date(n.Offset)
	}
}
