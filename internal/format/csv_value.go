package format

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/health"
)

// cellNumber reads a number in the only form the app writes: digits, perhaps with a decimal point. A decimal comma is
// no number, since nobody can tell 1,234 from 1.234.
func cellNumber(text string) (v float64, ok bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// cellDuration reads HH:MM:SS as seconds; the hours may have any number of digits.
func cellDuration(text string) (seconds float64, ok bool) {
	parts := strings.Split(text, ":")
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

// localTimeParser reads the times of a table. It remembers a stretch of time in which the offset of the zone does not change: to
// ask the zone for each row would take longer than all the rest.
type localTimeParser struct {
	zone     *time.Location
	offset   int32
	from, to health.Instant // in between, the offset holds and no time is shown twice
}

// parse returns the moment that text names. after is the row before, for times that clocks show twice: rows are in order.
func (c *localTimeParser) parse(text []byte, after health.Instant) (at health.Instant, offset int32, ok bool) {
	shown, ok := parseWallTime(text)
	if !ok {
		return 0, 0, false
	}
	if shown.zoned {
		at = shown.instant()
		return at, shown.offset, inRange(at)
	}
	shown.offset = c.offset
	if at = shown.instant(); at > c.from && at < c.to {
		return at, c.offset, inRange(at)
	}
	if at, offset, ok = parseTime(text, c.zone); !ok {
		return 0, 0, false
	}
	if first, second, twice := ambiguousInstants(at, c.zone); twice {
		if at = first; first <= after {
			at = second
		}
		_, east := at.Time().In(c.zone).Zone()
		return at, int32(east), true
	}
	c.cacheOffset(at, offset)
	return at, offset, true
}

// cacheOffset takes the stretch around at in which the offset holds, a day less at either end.
func (c *localTimeParser) cacheOffset(at health.Instant, offset int32) {
	start, end := at.Time().In(c.zone).ZoneBounds()
	c.offset, c.from, c.to = offset, health.MinInstant, health.MaxInstant
	if !start.IsZero() {
		c.from = health.InstantOf(start) + health.Day
	}
	if !end.IsZero() {
		c.to = health.InstantOf(end) - health.Day
	}
}

// ambiguousInstants returns the two moments at which clocks in loc show what they show at a given one, because they are put back in
// between. ok is false where there is only one.
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

// clockSetBack is by how much clocks are put back between two moments; negative where they are put forward.
func clockSetBack(before, after time.Time) time.Duration {
	_, then := before.Zone()
	_, now := after.Zone()
	return time.Duration(then-now) * time.Second
}

// marshalAttributes makes attributes of texts and numbers by their names; "" where there are none.
func marshalAttributes(values map[string]any) string {
	if len(values) == 0 {
		return ""
	}
	text, err := json.Marshal(values)
	if err != nil {
		return ""
	}
	canonical, err := health.CanonicalJSON(text)
	if err != nil {
		return ""
	}
	return canonical
}
