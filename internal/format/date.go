package format

import (
	"bytes"
	"math"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// parseTime reads a time in any of the forms that the app, similar apps and Apple write:
//
//	2026-05-19 07:30:00 -0700       the app
//	2026-05-19 7:30:00 AM -0700     the app on a phone with a 12-hour clock; am, PM, a.m., p. m. …, before them any
//	                                space, U+00A0 and U+202F among them; or before the time, as in 上午7:30:00
//	2026-05-19T07:30:00.25+02:00    ISO 8601, with Z, ±hh:mm, ±hhmm or ±hh
//	2026-05-19 07:30                without seconds, or without a zone
//	2026-05-19                      the beginning of the day
//
// offset is the one that was sent, in seconds east of UTC; where none was, the one in force at loc (nil: UTC).
// Fractions are truncated to microseconds. ok is false for any other text, for a date or an hour that does not exist,
// and for a time outside health.MinInstant and MaxInstant.
func parseTime(text []byte, loc *time.Location) (at health.Instant, offset int32, ok bool) {
	if at, offset, ok = parseStandard(text); ok {
		return at, offset, true
	}
	wall, ok := parseWallTime(text)
	if !ok {
		return 0, 0, false
	}
	if !wall.zoned {
		wall.offset = wall.offsetIn(loc)
	}
	at = wall.instant()
	return at, wall.offset, inRange(at)
}

// parseStandard reads the form of nearly all times, 2026-05-19 07:30:00 -0700. ok is false for any other form.
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

// epochTime returns the instant of a number: seconds since 1970, or milliseconds where it is so large that seconds
// would be after the year 5000.
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

// maxOffsetHours is the largest offset in use, that of Kiritimati.
const maxOffsetHours = 14

// wallTime is a date and time of day as written.
type wallTime struct {
	date                 health.Date
	hour, minute, second int
	microsecond          int
	offset               int32
	zoned                bool // the offset is written, too
}

func (w wallTime) instant() health.Instant {
	second := health.Instant(w.hour*3600 + w.minute*60 + w.second)
	return w.date.Midnight(w.offset) + second*health.Second + health.Instant(w.microsecond)
}

// offsetIn returns the offset in force in loc (nil: UTC) when clocks there show w.
func (w wallTime) offsetIn(loc *time.Location) int32 {
	if loc == nil {
		return 0
	}
	year, month, day := w.date.Time().Date()
	_, offset := time.Date(year, month, day, w.hour, w.minute, w.second, 0, loc).Zone()
	return int32(offset)
}

// parseWallTime parses a time of any form but that of a number.
func parseWallTime(text []byte) (w wallTime, ok bool) {
	b := plainSpaces(text)
	if w.date, ok = readDate(b); !ok {
		return w, false
	}
	if b = b[10:]; len(b) == 0 {
		return w, true
	}
	if b[0] != ' ' && b[0]|0x20 != 't' {
		return w, false
	}
	half, b := readDayPeriod(b[1:])
	if b, ok = w.readTimeOfDay(b); !ok {
		return w, false
	}
	if half == wholeDay {
		half, b = readDayPeriod(b)
	}
	if !w.setHalf(half) {
		return w, false
	}
	return w, w.readZone(bytes.TrimLeft(b, " "))
}

// plainSpaces replaces the kinds of space that phones put between the parts of a time by the ASCII one.
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
func (w *wallTime) readTimeOfDay(b []byte) (rest []byte, ok bool) {
	colon := bytes.IndexByte(b, ':')
	switch colon {
	case 1:
		w.hour = digit(b[0])
	case 2:
		w.hour = twoDigits(b)
	default:
		return nil, false
	}
	b = b[colon+1:]
	if w.minute = twoDigits(b); w.hour > 23 || w.minute > 59 {
		return nil, false
	}
	if b = b[2:]; len(b) == 0 || b[0] != ':' {
		return b, true
	}
	b = b[1:]
	if w.second = twoDigits(b); w.second > 59 {
		return nil, false
	}
	if b = b[2:]; len(b) > 1 && (b[0] == '.' || b[0] == ',') && isDigit(b[1]) {
		b = w.readFraction(b[1:])
	}
	return b, true
}

func (w *wallTime) readFraction(b []byte) (rest []byte) {
	for unit := 100_000; len(b) > 0 && isDigit(b[0]); unit /= 10 {
		w.microsecond += digit(b[0]) * unit
		b = b[1:]
	}
	return b
}

// dayPeriods are the words for the halves of the day, without dots and spaces: first those for the one before noon.
var dayPeriods = [2][]string{
	{"am", "上午", "午前", "오전"},
	{"pm", "下午", "午後", "오후"},
}

// wholeDay is the half of the day where none is written.
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

// setHalf converts the hour from a 12-hour clock. ok is false where it is not one of those.
func (w *wallTime) setHalf(half int) (ok bool) {
	if half == wholeDay {
		return true
	}
	if w.hour < 1 || w.hour > 12 {
		return false
	}
	w.hour = w.hour%12 + 12*half
	return true
}

// readZone reads the offset, up to the end of the text. Empty text has none.
func (w *wallTime) readZone(b []byte) (ok bool) {
	if len(b) == 0 {
		return true
	}
	w.zoned = true
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
	w.offset = int32(hours*3600 + minutes*60)
	if b[0] == '-' {
		w.offset = -w.offset
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

// dateOf counts the days since 1970-01-01 in the Gregorian calendar, with years that begin in March, so that the leap
// day is the last of a year.
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

// impossible is returned by twoDigits and digit for bytes that are not digits.
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
