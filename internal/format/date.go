package format

import (
	"bytes"
	"math"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// parseTime reads a time in any of the forms that the app, its imitators and Apple write:
//
//	2026-05-19 07:30:00 -0700       the app
//	2026-05-19 7:30:00 AM -0700     the app on a phone with a 12-hour clock; am, PM, a.m., p. m. …, before them any
//	                                space, U+00A0 and U+202F among them; or before the time, as in 上午7:30:00
//	2026-05-19T07:30:00.25+02:00    ISO 8601, with Z, ±hh:mm, ±hhmm or ±hh
//	2026-05-19 07:30                without seconds, or without a zone
//	2026-05-19                      the beginning of the day
//
// offset is what was sent, in seconds east of UTC; where none was, the one in force at loc (nil: UTC). What is finer
// than a microsecond is cut off. ok is false for any other text, for a day or an hour that does not exist, and for a
// time outside health.MinInstant and MaxInstant.
func parseTime(text []byte, loc *time.Location) (at health.Instant, offset int32, ok bool) {
	if at, offset, ok = parseStandard(text); ok {
		return at, offset, true
	}
	clock, ok := parseWallTime(text)
	if !ok {
		return 0, 0, false
	}
	if !clock.zoned {
		clock.offset = offsetIn(loc, clock)
	}
	at = clock.instant()
	return at, clock.offset, inRange(at)
}

// parseStandard reads the form that nearly every time has, 2026-05-19 07:30:00 -0700. The other forms are not ok.
func parseStandard(b []byte) (at health.Instant, offset int32, ok bool) {
	if len(b) != 25 || b[10] != ' ' || b[13] != ':' || b[16] != ':' || b[19] != ' ' {
		return 0, 0, false
	}
	date, dateOK := readDate(b)
	hour, minute, second := twoDigits(b[11:]), twoDigits(b[14:]), twoDigits(b[17:])
	hours, minutes := twoDigits(b[21:]), twoDigits(b[23:])
	if !dateOK || hour > 23 || minute > 59 || second > 59 || hours > maxOffsetHours || minutes > 59 {
		return 0, 0, false
	}
	offset = int32(hours*3600 + minutes*60)
	switch b[20] {
	case '-':
		offset = -offset
	case '+':
	default:
		return 0, 0, false
	}
	at = date.Midnight(offset) + health.Instant(hour*3600+minute*60+second)*health.Second
	return at, offset, inRange(at)
}

// epochTime reads a time that was sent as a number: seconds since 1970, or milliseconds where it is so large that
// seconds would mean the year 5000.
func epochTime(v float64) (health.Instant, bool) {
	const largestSeconds = 1e11
	microseconds := v * 1e6
	if math.Abs(v) >= largestSeconds {
		microseconds = v * 1e3
	}
	if !(microseconds >= float64(health.MinInstant) && microseconds <= float64(health.MaxInstant)) {
		return 0, false
	}
	return health.Instant(math.Floor(microseconds)), true
}

// maxOffsetHours is the largest offset that is in use, that of Kiritimati.
const maxOffsetHours = 14

// wallTime is a time as it is written down.
type wallTime struct {
	date                 health.Date
	hour, minute, second int
	microsecond          int
	offset               int32
	zoned                bool // the offset was written, too
}

func (c wallTime) instant() health.Instant {
	second := health.Instant(c.hour*3600 + c.minute*60 + c.second)
	return c.date.Midnight(c.offset) + second*health.Second + health.Instant(c.microsecond)
}

// offsetIn returns the offset in force in loc when clocks there show c.
func offsetIn(loc *time.Location, c wallTime) int32 {
	if loc == nil {
		return 0
	}
	year, month, day := c.date.Time().Date()
	_, offset := time.Date(year, month, day, c.hour, c.minute, c.second, 0, loc).Zone()
	return int32(offset)
}

// parseWallTime takes a time apart, from left to right.
func parseWallTime(text []byte) (c wallTime, ok bool) {
	b := plainSpaces(text)
	if c.date, ok = readDate(b); !ok {
		return c, false
	}
	if b = b[10:]; len(b) == 0 {
		return c, true
	}
	if b[0] != ' ' && b[0]|0x20 != 't' {
		return c, false
	}
	half, b := readDayPeriod(b[1:])
	if b, ok = c.readTimeOfDay(b); !ok {
		return c, false
	}
	if half == wholeDay {
		half, b = readDayPeriod(b)
	}
	if !c.setHalf(half) {
		return c, false
	}
	return c, c.readZone(bytes.TrimLeft(b, " "))
}

// plainSpaces makes every kind of space that phones put between the parts of a time the plain one.
func plainSpaces(text []byte) []byte {
	text = bytes.TrimSpace(text)
	for _, space := range []string{"\u202f", "\u00a0", "\u2009"} {
		if bytes.Contains(text, []byte(space)) {
			text = bytes.ReplaceAll(text, []byte(space), []byte(" "))
		}
	}
	return bytes.TrimSpace(text)
}

// readTimeOfDay reads hours, minutes, seconds and a fraction, from h:mm on.
func (c *wallTime) readTimeOfDay(b []byte) (rest []byte, ok bool) {
	colon := bytes.IndexByte(b, ':')
	switch colon {
	case 1:
		c.hour = digit(b[0])
	case 2:
		c.hour = twoDigits(b)
	default:
		return nil, false
	}
	b = b[colon+1:]
	if c.minute = twoDigits(b); c.hour > 23 || c.minute > 59 {
		return nil, false
	}
	if b = b[2:]; len(b) == 0 || b[0] != ':' {
		return b, true
	}
	b = b[1:]
	if c.second = twoDigits(b); c.second > 59 {
		return nil, false
	}
	if b = b[2:]; len(b) > 1 && (b[0] == '.' || b[0] == ',') && isDigit(b[1]) {
		b = c.readFraction(b[1:])
	}
	return b, true
}

func (c *wallTime) readFraction(b []byte) (rest []byte) {
	for unit := 100_000; len(b) > 0 && isDigit(b[0]); unit /= 10 {
		c.microsecond += digit(b[0]) * unit
		b = b[1:]
	}
	return b
}

// dayPeriods are the words for the halves of the day, without dots and spaces: first those before noon.
var dayPeriods = [2][]string{
	{"am", "上午", "午前", "오전"},
	{"pm", "下午", "午後", "오후"},
}

// wholeDay says that the half of the day was not written.
const wholeDay = -1

// readDayPeriod reads a word for the half of the day, an index of dayPeriods, if one comes next.
func readDayPeriod(b []byte) (half int, rest []byte) {
	end := bytes.IndexAny(b, "+-0123456789Zz")
	if end < 0 {
		end = len(b)
	}
	word := bytes.Map(func(r rune) rune {
		if r == '.' || r == ' ' {
			return -1
		}
		return r
	}, bytes.ToLower(b[:end]))
	for half, words := range dayPeriods {
		if slices.Contains(words, string(word)) {
			return half, b[end:]
		}
	}
	return wholeDay, b
}

// setHalf corrects the hour by the half of the day. ok is false where the hour is not one of a 12-hour clock.
func (c *wallTime) setHalf(half int) (ok bool) {
	if half == wholeDay {
		return true
	}
	if c.hour < 1 || c.hour > 12 {
		return false
	}
	c.hour = c.hour%12 + 12*half
	return true
}

// readZone reads the offset to the end of the text; nothing at all means that none was sent.
func (c *wallTime) readZone(b []byte) (ok bool) {
	if len(b) == 0 {
		return true
	}
	c.zoned = true
	if len(b) == 1 {
		return b[0]|0x20 == 'z'
	}
	if b[0] != '+' && b[0] != '-' {
		return false
	}
	hours, minutes := twoDigits(b[1:]), 0
	switch {
	case len(b) == 5:
		minutes = twoDigits(b[3:])
	case len(b) == 6 && b[3] == ':':
		minutes = twoDigits(b[4:])
	case len(b) != 3:
		return false
	}
	if hours > maxOffsetHours || minutes > 59 {
		return false
	}
	c.offset = int32(hours*3600 + minutes*60)
	if b[0] == '-' {
		c.offset = -c.offset
	}
	return true
}

// readDate reads the YYYY-MM-DD that b begins with.
func readDate(b []byte) (health.Date, bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	century, year := twoDigits(b), twoDigits(b[2:])
	month, day := twoDigits(b[5:]), twoDigits(b[8:])
	if century > 99 || year > 99 || month < 1 || month > 12 || day < 1 {
		return 0, false
	}
	year += century * 100
	if year < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return dateOf(year, month, day), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// dateOf counts the days since 1970-01-01 in the Gregorian calendar, years beginning in March so that the leap day is
// the last day of one.
func dateOf(year, month, day int) health.Date {
	const beforeEpoch = 719468 // days from 0000-03-01 to 1970-01-01
	month -= 3
	if month < 0 {
		month += 12
		year--
	}
	dayOfYear := (153*month+2)/5 + day - 1
	return health.Date(year*365 + year/4 - year/100 + year/400 + dayOfYear - beforeEpoch)
}

// impossible is what twoDigits and digit return for anything else.
const impossible = 1 << 10

func twoDigits(b []byte) int {
	if len(b) < 2 {
		return impossible
	}
	return 10*digit(b[0]) + digit(b[1])
}

func digit(c byte) int {
	if !isDigit(c) {
		return impossible
	}
	return int(c - '0')
}
