package format

import (
	"bytes"

	"github.com/health-export/health-export/internal/health"
)

// calendarFamily names calendars of which a phone uses one at a time.
type calendarFamily uint8

const (
	unknownCalendar calendarFamily = iota
	gregorian
	buddhist
	japanese
	minguo
	persian
	islamic
	saka
	coptic
	ethiopic
	hebrew
)

// calendar counts years, months and days in its own way.
type calendar struct {
	family calendarFamily
	// date returns the day of a date of the calendar. ok is false where there is none.
	date func(year, month, day int) (date health.Date, ok bool)
}

// calendars are those besides the Gregorian one that a phone can write dates in. Of one family the usual comes first.
//
// The years of most of them that can be in health data, which are those since 1900, are in no other: Buddhist 2443 and
// later, Hebrew 5660, Ethiopic (Amete Alem) 7392, Coptic 1616. Persian years from 1278 and Islamic ones from 1317 on
// overlap. So do the years of the Japanese eras; those of the Republic of China are read from 65 on, since earlier ones
// are years of a Japanese era, and 0001-01-01 is the date that programs write for none. The usual years of Ethiopia, 2018
// for 2025 and 2026, cannot be told from Gregorian ones.
var calendars = []calendar{
	{buddhist, gregorianFrom(-543)},
	{japanese, reiwa.unmarked},
	{japanese, heisei.unmarked},
	{japanese, showa.unmarked},
	{japanese, taisho.unmarked},
	{minguo, func(year, month, day int) (health.Date, bool) {
		date, ok := republic(year, month, day)
		return date, ok && year > 64
	}},
	{persian, persianDate},
	{islamic, ummAlQuraDate},
	{islamic, islamicCivilDate},
	{saka, sakaDate},
	{coptic, copticDate},
	{ethiopic, func(year, month, day int) (health.Date, bool) { return copticDate(year-5776, month, day) }},
	{hebrew, hebrewDate},
}

// earliestDate is the first local day of what health data can be about.
var earliestDate = dateOf(1900, 1, 1) - 1

// writtenDate is a date as written.
type writtenDate struct {
	era              func(year, month, day int) (health.Date, bool) // nil where none is written
	year, month, day int
}

// firstSureGregorian is the day from which on a Gregorian date cannot be one of the Indian national calendar, whose year
// 1970 begins in 2048.
const firstSureGregorian health.Date = 0

// indiaOffset is the offset of India in seconds, the one country with the Indian national calendar.
const indiaOffset = 5*3600 + 1800

// resolve returns the day of a date of which the calendar is not known, w having the time and the offset beside it.
//
// A date is of the Gregorian calendar if that makes a time since 1900 that is not in the future. Else it is of the
// calendar in which it is such a time: of several, of the one that another date of the body was certainly in, or else
// the one that makes it the latest, since most of what a phone sends is recent. A date before 1970 with the offset of
// India is one of the Indian national calendar, unless the body has certainly Gregorian ones.
func (r *timeReader) resolve(d writtenDate, w wallTime) (health.Date, timeFault) {
	if d.era != nil {
		date, ok := d.era(d.year, d.month, d.day)
		return date, faultUnless(ok && date >= earliestDate && date <= r.latestDate, calendarFault)
	}
	date, isGregorian := gregorianDate(d.year, d.month, d.day)
	isGregorian = isGregorian && date >= earliestDate
	if isGregorian && date <= r.latestDate && (date >= firstSureGregorian || r.told == gregorian || !r.inIndia(w)) {
		r.told = gregorian
		return date, noFault
	}
	if other, ok := r.otherDate(d, w); ok {
		return other, noFault
	}
	switch {
	case isGregorian && date <= r.latestDate+366:
		return date, noFault // a time in the future is refused with those of other forms
	case d.year >= 1900 && d.year <= r.latest.Time().Year() && (d.month != 13 || d.day > 6): // not of Ethiopia
		return 0, dayFault
	}
	return 0, calendarFault
}

// otherDate returns the day of a date that is of one of calendars.
func (r *timeReader) otherDate(d writtenDate, w wallTime) (date health.Date, ok bool) {
	family, certain := unknownCalendar, true
	for _, c := range calendars {
		other, ok := c.date(d.year, d.month, d.day)
		if !ok || other < earliestDate || other > r.latestDate || c.family == saka && !r.inIndia(w) {
			continue
		}
		certain = certain && (family == unknownCalendar || family == c.family)
		if family == unknownCalendar || r.prefers(c.family, other, family, date) {
			date, family = other, c.family
		}
	}
	if certain && family != unknownCalendar {
		r.told = family
	}
	return date, family != unknownCalendar
}

// prefers reports whether a date of a calendar is more likely than another one.
func (r *timeReader) prefers(family calendarFamily, date health.Date, other calendarFamily, otherDate health.Date) bool {
	const days = 31 // by which calendars of one family may differ for the same date
	switch {
	case family == other:
		return date > otherDate+days
	case r.told == family, r.told == other:
		return r.told == family
	}
	return date > otherDate
}

// inIndia reports whether a time has the offset of India.
func (r *timeReader) inIndia(w wallTime) bool {
	if !w.zoned {
		w.offset = w.offsetIn(r.location)
	}
	return w.offset == indiaOffset
}

func faultUnless(ok bool, fault timeFault) timeFault {
	if ok {
		return noFault
	}
	return fault
}

// gregorianFrom returns the calendar that differs from the Gregorian one in its years, of which the year 0 is given.
func gregorianFrom(zero int) func(year, month, day int) (health.Date, bool) {
	return func(year, month, day int) (health.Date, bool) { return gregorianDate(zero+year, month, day) }
}

// republic is the calendar of the Republic of China.
var republic = gregorianFrom(1911)

// era is an era of Japan: the days of an emperor.
type era struct {
	before      int         // the Gregorian year before its first
	first, last health.Date // its first day, and that of the next era
}

var (
	taisho = era{1911, dateOf(1912, 7, 30), dateOf(1926, 12, 24)}
	showa  = era{1925, dateOf(1926, 12, 25), dateOf(1989, 1, 7)}
	heisei = era{1988, dateOf(1989, 1, 8), dateOf(2019, 4, 30)}
	reiwa  = era{2018, dateOf(2019, 5, 1), dateOf(9999, 12, 31)}
)

// unmarked reads a date of which the era is not written, which has to be within it.
func (e era) unmarked(year, month, day int) (health.Date, bool) {
	date, ok := e.marked(year, month, day)
	return date, ok && date >= e.first && date <= e.last
}

// marked reads a date with the name of the era.
func (e era) marked(year, month, day int) (health.Date, bool) {
	return gregorianDate(year+e.before, month, day)
}

// eraMarks are the names of eras that stand before the year.
var eraMarks = []struct {
	mark string
	date func(year, month, day int) (health.Date, bool)
}{
	{"令和", reiwa.marked},
	{"平成", heisei.marked},
	{"昭和", showa.marked},
	{"大正", taisho.marked},
	{"R", reiwa.marked},
	{"H", heisei.marked},
	{"S", showa.marked},
	{"T", taisho.marked},
	{"民國", republic},
	{"民国", republic},
}

// readWrittenDate reads the date that b begins with: YYYY-MM-DD, or, after the name of an era, a date whose parts have
// as many digits as they need, as in 令和8年3月10日 and R8.3.10.
func readWrittenDate(b []byte) (d writtenDate, rest []byte, ok bool) {
	if d.year, d.month, d.day, ok = readISODate(b); ok {
		return d, b[10:], true
	}
	for _, era := range eraMarks {
		if b, ok = bytes.CutPrefix(b, []byte(era.mark)); ok {
			d.era = era.date
			break
		}
	}
	b = bytes.TrimLeft(b, " ")
	if first, named := bytes.CutPrefix(b, []byte("元")); named && d.era != nil { // the first year of an era
		d.year, b, ok = 1, first, true
	} else {
		d.year, b, ok = readNumber(b, 4)
	}
	if !ok {
		return d, nil, false
	}
	years := len(b)
	if b, ok = cutDateSeparator(b, "年"); !ok || d.era == nil && years-len(b) == 1 {
		return d, nil, false
	}
	if d.month, b, ok = readNumber(b, 2); !ok {
		return d, nil, false
	}
	if b, ok = cutDateSeparator(b, "月"); !ok {
		return d, nil, false
	}
	if d.day, b, ok = readNumber(b, 2); !ok {
		return d, nil, false
	}
	if rest, ok = bytes.CutPrefix(b, []byte("日")); ok && len(rest) > 0 && rest[0] != ' ' {
		rest = append([]byte(" "), rest...)
	}
	return d, rest, true
}

// cutDateSeparator removes what stands behind a part of a date: its name, or one of a few characters.
func cutDateSeparator(b []byte, name string) (rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(b, []byte(name)); ok {
		return bytes.TrimLeft(rest, " "), true
	}
	if len(b) > 0 && bytes.IndexByte([]byte("-./"), b[0]) >= 0 {
		return b[1:], true
	}
	return nil, false
}

// readNumber reads a number of up to most digits.
func readNumber(b []byte, most int) (v int, rest []byte, ok bool) {
	n := 0
	for n < len(b) && n < most && isDigit(b[n]) {
		n++
	}
	return number(b[:n]), b[n:], n > 0
}
