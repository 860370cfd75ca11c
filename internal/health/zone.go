package health

import "time"

// Zone returns the offsets of a time zone, fast for instants that are near each other. It is not safe for concurrent use; a
// copy is another Zone.
type Zone struct {
	location *time.Location
	// offset is in force in [from, to), the interval of the last look-up.
	offset   int32
	from, to Instant
}

// NewZone returns the Zone of a location; nil is UTC.
func NewZone(location *time.Location) Zone {
	if location == nil {
		location = time.UTC
	}
	return Zone{location: location}
}

// Location returns the location of the zone.
func (z *Zone) Location() *time.Location { return z.location }

// OffsetAt returns the offset in force at an instant, in seconds east of UTC.
func (z *Zone) OffsetAt(at Instant) int32 {
	if at >= z.from && at < z.to {
		return z.offset
	}
	local := at.Time().In(z.location)
	_, offset := local.Zone()
	z.offset, z.from, z.to = int32(offset), MinInstant, MaxInstant
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		z.from = InstantOf(start)
	}
	if !end.IsZero() {
		z.to = InstantOf(end)
	}
	return z.offset
}

// Around returns the offset of the last look-up, and whether it is in force for a day before and after an instant.
func (z *Zone) Around(at Instant) (offset int32, ok bool) {
	return z.offset, at-Day > z.from && at+Day < z.to
}

// Place returns the offset to keep for what was sent in UTC, with the offset 0: that of the zone at the instant. assumed
// reports that it is not the sender's own: the person's clocks may have shown another time. Where they show UTC by the zone,
// as in London in winter, the offset that was sent may well be theirs, and is kept.
func (z *Zone) Place(at Instant) (offset int32, assumed bool) {
	offset = z.OffsetAt(at)
	return offset, offset != 0 || z.location == time.UTC || z.location.String() == "UTC"
}
