package format

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// cellNumber reads a number: digits, perhaps with a decimal point, or as people of any region write it.
func cellNumber(text string) (v float64, ok bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return regionalNumber([]byte(text))
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// cellDuration reads HH:MM:SS as seconds; the hours may have any number of digits.
func cellDuration(text string) (seconds float64, ok bool) {
	var buffer [maxTimeText]byte
	plain, ok := plainTime(buffer[:0], []byte(text))
	if !ok {
		return 0, false
	}
	parts := strings.Split(string(plain), ":")
	if len(parts) != 3 {
		return 0, false
	}
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return 0, false
		}
		seconds = seconds*60 + float64(n)
	}
	return seconds, true
}

// localTimeParser parses the times of a table. It caches the offset of the zone, which would take longer to look up for
// each row than everything else.
type localTimeParser struct {
	times *timeReader
	zone  health.Zone
}

// parse returns the instant and the offset of a time. after is that of the row before: rows are in order, which decides
// between the two instants of a time that occurs twice because clocks are set back.
func (p *localTimeParser) parse(text []byte, after health.Instant) (at health.Instant, offset int32, ok bool) {
	wall, fault := p.times.parseWallTime(text)
	if fault != noFault {
		return 0, 0, false
	}
	if wall.zoned {
		at = wall.instant()
		return at, wall.offset, inRange(at)
	}
	wall.offset, _ = p.zone.Around(0)
	at = wall.instant()
	if _, ok := p.zone.Around(at); ok { // far from any change of the offset
		return at, wall.offset, inRange(at)
	}
	if at, offset, ok = p.times.parse(text); !ok {
		return 0, 0, false
	}
	if first, second, ambiguous := ambiguousInstants(at, p.zone.Location()); ambiguous {
		if at = first; first <= after {
			at = second
		}
		return at, p.zone.OffsetAt(at), true
	}
	p.zone.OffsetAt(at) // caches it
	return at, offset, true
}

// ambiguousInstants returns the two instants at which clocks in loc show what they show at a given one, because they
// are set back in between. ok is false where there is only one.
func ambiguousInstants(at health.Instant, loc *time.Location) (first, second health.Instant, ok bool) {
	t := at.Time().In(loc)
	change, next := t.ZoneBounds()
	if !change.IsZero() {
		before := change.Add(-time.Second)
		if earlier := t.Add(-clockSetBack(before, t)); earlier.Before(change) {
			return health.InstantOf(earlier), at, earlier != t
		}
	}
	if !next.IsZero() {
		if later := t.Add(clockSetBack(t, next)); !later.Before(next) {
			return at, health.InstantOf(later), true
		}
	}
	return at, at, false
}

// clockSetBack returns by how much clocks are set back between two times; it is negative where they are set forward.
func clockSetBack(before, after time.Time) time.Duration {
	_, then := before.Zone()
	_, now := after.Zone()
	return time.Duration(then-now) * time.Second
}
