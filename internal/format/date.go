package format

import (
	"bytes"
	"math"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// timeReader reads the times of one body, in any of the forms that the app, similar apps and Apple write:
//
//	2026-05-19 07:30:00 -0700       the app
//	2026-05-19 7:30:00 AM -0700     the app on a phone with a 12-hour clock
//	2026-05-19T07:30:00.25+02:00    ISO 8601, with Z, ±hh:mm, ±hhmm or ±hh
//	2026-05-19 07:30                without seconds, or without a zone
//	2026-05-19                      the beginning of the day
//
// The app formats times with the settings of the phone, so that each part may be that of a region: any decimal digits
// of Unicode, any calendar of calendars, the words of any language for the halves and parts of a day, before or after
// the time, other signs, and marks and spaces around them. docs/import.md lists what is read.
type timeReader struct {
	location *time.Location
	// latest is the latest time that a body received now can be about, latestDate the last local day.
	latest     health.Instant
	latestDate health.Date
	// told is the family of calendars that an earlier date of the body was certainly in.
	told calendarFamily
}

func newTimeReader(o Options) *timeReader {
	r := &timeReader{location: o.Location, latest: o.Received}
	if r.location == nil {
		r.location = time.UTC
	}
	if r.latest == 0 {
		r.latest = health.InstantOf(time.Now())
	}
	r.latest += health.MaxFuture
	r.latestDate = health.DateOf(r.latest.Time()) + 1
	return r
}

// parse reads a time. offset is the one that was sent, in seconds east of UTC; where none was, the one in force at the
// reader's location. Fractions are truncated to microseconds. ok is false for any other text, for a date or an hour
// that does not exist, and for a time outside health.MinInstant and MaxInstant; explain says why.
func (r *timeReader) parse(text []byte) (at health.Instant, offset int32, ok bool) {
	if at, offset, ok = r.parseStandard(text); ok {
		return at, offset, true
	}
	wall, fault := r.parseWallTime(text)
	if fault != noFault {
		return 0, 0, false
	}
	if !wall.zoned {
		wall.offset = wall.offsetIn(r.location)
	}
	at = wall.instant()
	return at, wall.offset, inRange(at)
}

// parseStandard reads the form of nearly all times, 2026-05-19 07:30:00 -0700, of the years that only the Gregorian
// calendar can mean. ok is false for any other form and year.
func (r *timeReader) parseStandard(b []byte) (at health.Instant, offset int32, ok bool) {
	if len(b) != 25 || b[10] != ' ' || b[13] != ':' || b[16] != ':' || b[19] != ' ' {
		return 0, 0, false
	}
	date, dateOK := readGregorian(b)
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
	if date < firstSureGregorian || at > r.latest {
		return 0, 0, false
	}
	r.told = gregorian
	return at, offset, true
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

// offsetIn returns the offset in force in loc when clocks there show w.
func (w wallTime) offsetIn(loc *time.Location) int32 {
	year, month, day := w.date.Time().Date()
	_, offset := time.Date(year, month, day, w.hour, w.minute, w.second, 0, loc).Zone()
	return int32(offset)
}

// parseWallTime reads a time of any form but that of a number.
func (r *timeReader) parseWallTime(text []byte) (w wallTime, fault timeFault) {
	var plain [maxTimeText]byte
	b, ok := plainTime(plain[:0], text)
	if !ok {
		return w, formFault
	}
	date, b, ok := readWrittenDate(b)
	if !ok {
		return w, formFault
	}
	if len(b) > 0 {
		if fault = w.readClock(b); fault != noFault {
			return w, fault
		}
	}
	w.date, fault = r.resolve(date, w)
	return w, fault
}

// readClock reads the time of day and the zone, from what stands between the date and them on.
func (w *wallTime) readClock(b []byte) timeFault {
	switch {
	case b[0]|0x20 == 't' && len(b) > 1 && isDigit(b[1]):
		b = b[1:]
	case b[0] != ' ' && !bytes.HasPrefix(b, []byte(", ")):
		return formFault
	}
	first := 0
	for !isDigit(b[first]) {
		if first++; first == len(b) {
			return formFault
		}
	}
	before := b[:first]
	b, ok := w.readTimeOfDay(b[first:])
	if !ok {
		return formFault
	}
	if len(b) == 0 && first == 1 {
		return noFault
	}
	after, zone := cutZone(b)
	if !w.readZone(zone) {
		return formFault
	}
	return w.setPeriod(before, after)
}

// readTimeOfDay reads hours, minutes, seconds and a fraction, from h:mm on. Some languages separate them by a point, or
// name them, as in 7 h 30 min 05 s.
func (w *wallTime) readTimeOfDay(b []byte) (rest []byte, ok bool) {
	digits := 1
	if len(b) > 1 && isDigit(b[1]) {
		digits = 2
	}
	w.hour = number(b[:digits])
	b = b[digits:]
	if named, ok := cutUnit(b, "h"); ok {
		return w.readNamedMinutes(named)
	}
	if len(b) == 0 || !isTimeSeparator(b[0]) {
		return nil, false
	}
	b = b[1:]
	if w.minute = twoDigits(b); w.hour > 23 || w.minute > 59 {
		return nil, false
	}
	if b = b[2:]; len(b) < 2 || !isTimeSeparator(b[0]) || !isDigit(b[1]) {
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

func isTimeSeparator(c byte) bool { return c == ':' || c == '.' }

// readNamedMinutes reads what follows the hours in 7 h 30 min 05 s.
func (w *wallTime) readNamedMinutes(b []byte) (rest []byte, ok bool) {
	if w.minute = twoDigits(b); w.hour > 23 || w.minute > 59 {
		return nil, false
	}
	rest, ok = cutUnit(b[2:], "min")
	if !ok {
		return b[2:], true
	}
	if w.second = twoDigits(rest); w.second > 59 {
		w.second = 0
		return rest, true
	}
	rest, _ = cutUnit(rest[2:], "s")
	return rest, true
}

// cutUnit removes the name of a unit of time and the spaces around it from the beginning of b. No letter may follow it.
func cutUnit(b []byte, name string) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(b, " "), []byte(name))
	if !ok || len(rest) > 0 && rest[0] != ' ' && !isDigit(rest[0]) {
		return b, false
	}
	return bytes.TrimLeft(rest, " "), true
}

func (w *wallTime) readFraction(b []byte) (rest []byte) {
	for unit := 100_000; len(b) > 0 && isDigit(b[0]); unit /= 10 {
		w.microsecond += digit(b[0]) * unit
		b = b[1:]
	}
	return b
}

var utcZone = []byte("+0000")

// cutZone returns what is written before the zone, and the zone without the letters that say that it is one.
func cutZone(b []byte) (before, zone []byte) {
	end := len(b)
	for i := 0; i+1 < len(b); i++ {
		if (b[i] == '+' || b[i] == '-') && isDigit(b[i+1]) {
			end = i
			break
		}
	}
	before, zone = b[:end], b[end:]
	for _, utc := range []string{"UTC", "GMT", "Z"} {
		word := bytes.TrimRight(before, " ")
		start := len(word) - len(utc)
		if start < 0 || !bytes.EqualFold(word[start:], []byte(utc)) || !isPeriod(word[:start]) {
			continue
		}
		if before = word[:start]; len(zone) == 0 {
			zone = utcZone
		}
		break
	}
	return before, zone
}

// readZone reads the offset, up to the end of the text. Empty text has none.
func (w *wallTime) readZone(b []byte) (ok bool) {
	if len(b) == 0 {
		return true
	}
	w.zoned = true
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

// readGregorian reads the YYYY-MM-DD that b begins with as a date of the Gregorian calendar.
func readGregorian(b []byte) (health.Date, bool) {
	year, month, day, ok := readISODate(b)
	if !ok {
		return 0, false
	}
	return gregorianDate(year, month, day)
}

// readISODate reads the YYYY-MM-DD that b begins with. Whether there is such a day depends on the calendar.
func readISODate(b []byte) (year, month, day int, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, 0, 0, false
	}
	century, year := twoDigits(b), twoDigits(b[2:])
	month, day = twoDigits(b[5:]), twoDigits(b[8:])
	return year + century*100, month, day, century <= 99 && year <= 99 && month <= 99 && day <= 99
}

func gregorianDate(year, month, day int) (health.Date, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return dateOf(year, month, day), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if isLeap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

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
