package health

import (
	"fmt"
	"time"
)

// Instant is a point in time: microseconds since 1970-01-01T00:00:00Z. Stores keep and compare it; anything finer is
// truncated when an Instant is made.
type Instant int64

// The range of valid instants: data is not older than 1900, and ingest checks the limit in the future. Year 10000 is
// where RFC 3339 ends.
const (
	MinInstant Instant = -2208988800_000000 // 1900-01-01T00:00:00Z
	MaxInstant Instant = 253402300799_999999
)

// Second and Day are spans of time in the unit of Instant.
const (
	Second Instant = 1_000_000
	Day    Instant = 86_400 * Second
)

// MaxFuture is how far after its receipt a time in a body may be: clocks and zones differ.
const MaxFuture = 2 * Day

// InstantOf returns t as an Instant.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMicro()) }

// Time returns i in UTC.
func (i Instant) Time() time.Time { return time.UnixMicro(int64(i)).UTC() }

// In returns i in a zone that is offset seconds east of UTC.
func (i Instant) In(offset int32) time.Time {
	if offset == 0 {
		return i.Time()
	}
	return time.UnixMicro(int64(i)).In(time.FixedZone("", int(offset)))
}

// Date returns the calendar day of i at an offset of so many seconds east of UTC.
func (i Instant) Date(offset int32) Date {
	return Date(floorDiv(int64(i)+int64(offset)*int64(Second), int64(Day)))
}

// String prints i as RFC 3339 in UTC.
func (i Instant) String() string { return i.Time().Format(time.RFC3339Nano) }

// Date is a calendar day without a zone: days since 1970-01-01.
type Date int32

// DateOf returns the calendar day of t in its zone.
func DateOf(t time.Time) Date {
	_, offset := t.Zone()
	return InstantOf(t).Date(int32(offset))
}

// ParseDate parses YYYY-MM-DD. An impossible day such as 2026-02-31 is an error.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date of the form YYYY-MM-DD", s)
	}
	return DateOf(t), nil
}

// Time returns midnight of d in UTC.
func (d Date) Time() time.Time { return Instant(int64(d) * int64(Day)).Time() }

// Midnight returns the instant at which d begins at an offset of so many seconds east of UTC.
func (d Date) Midnight(offset int32) Instant {
	return Instant(int64(d)*int64(Day)) - Instant(offset)*Second
}

// In returns the first instant of d in a zone: 01:00 where the clocks are put forward at midnight, and the first of two
// midnights where they are put back to it.
func (d Date) In(zone *time.Location) time.Time {
	year, month, day := d.Time().Date()
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if DateOf(t) < d {
		_, t = t.ZoneBounds()
		return t
	}
	changed, _ := t.ZoneBounds()
	if changed.IsZero() {
		return t
	}
	_, before := changed.Add(-time.Second).Zone()
	_, now := t.Zone()
	first := t.Add(-time.Duration(before-now) * time.Second)
	if before > now && first.Before(changed) {
		return first
	}
	return t
}

// After returns the day after the last one of a summary of the given grain, a day or more, that begins on d: months and
// years by the calendar.
func (d Date) After(grain Grain) Date {
	switch grain {
	case GrainMonth:
		return DateOf(d.Time().AddDate(0, 1, 0))
	case GrainYear:
		return DateOf(d.Time().AddDate(1, 0, 0))
	default:
		return d + Date(grain/GrainDay)
	}
}

// String prints d as YYYY-MM-DD.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// MarshalText makes a Date a string in JSON.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText parses the result of MarshalText.
func (d *Date) UnmarshalText(text []byte) error {
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
