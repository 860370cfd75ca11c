package format

import (
	"math/bits"

	"github.com/health-export/health-export/internal/health"
)

// julianEpoch is the Julian day number of 1970-01-01.
const julianEpoch = 2440588

// monthAndDay reports whether a month and a day are within the lengths of the months of a year.
func monthAndDay(month, day int, lengths []int) (dayOfYear int, ok bool) {
	if month < 1 || month > len(lengths) || day < 1 || day > lengths[month-1] {
		return 0, false
	}
	for _, length := range lengths[:month-1] {
		dayOfYear += length
	}
	return dayOfYear + day - 1, true
}

// persianDate reads a date of the calendar of Iran and Afghanistan. Eight years of each 33 are leap years, which agrees
// with the equinox from 1206 to 1501 (1827 to 2123).
func persianDate(year, month, day int) (health.Date, bool) {
	if year < 1206 || year > 1501 {
		return 0, false
	}
	last := 29
	if (25*year+11)%33 < 8 {
		last = 30
	}
	dayOfYear, ok := monthAndDay(month, day, []int{31, 31, 31, 31, 31, 31, 30, 30, 30, 30, 30, last})
	const epoch = 1948320 - julianEpoch
	return health.Date(epoch + 365*(year-1) + (8*year+21)/33 + dayOfYear), ok
}

// ummAlQuraDate reads a date of the calendar of Saudi Arabia, as published.
func ummAlQuraDate(year, month, day int) (health.Date, bool) {
	i := year - ummAlQuraFirst
	if i < 0 || i >= len(ummAlQuraLong) || month < 1 || month > 12 {
		return 0, false
	}
	days := ummAlQuraStart
	for _, long := range ummAlQuraLong[:i] {
		days += 12*29 + bits.OnesCount16(long)
	}
	long := ummAlQuraLong[i]
	days += (month-1)*29 + bits.OnesCount16(long&(1<<(month-1)-1))
	return health.Date(days + day - 1), day >= 1 && day <= 29+int(long>>(month-1)&1)
}

// islamicCivilDate reads a date of the Islamic calendar by rule: 11 years of each 30 are leap years, from Friday, 16 July
// 622 on.
func islamicCivilDate(year, month, day int) (health.Date, bool) {
	last := 29
	if (14+11*year)%30 < 11 {
		last = 30
	}
	dayOfYear, ok := monthAndDay(month, day, []int{30, 29, 30, 29, 30, 29, 30, 29, 30, 29, 30, last})
	const epoch = 1948440 - julianEpoch
	return health.Date(epoch + (year-1)*354 + (3+11*year)/30 + dayOfYear), ok && year > 0
}

// sakaDate reads a date of the Indian national calendar.
func sakaDate(year, month, day int) (health.Date, bool) {
	start, first := dateOf(year+78, 3, 22), 30
	if isLeap(year + 78) {
		start, first = start-1, 31
	}
	dayOfYear, ok := monthAndDay(month, day, []int{first, 31, 31, 31, 31, 31, 30, 30, 30, 30, 30, 30})
	return start + health.Date(dayOfYear), ok
}

// copticDate reads a date of the Coptic calendar: 12 months of 30 days, and one of 5, or 6 in each fourth year.
func copticDate(year, month, day int) (health.Date, bool) {
	last := 5
	if year%4 == 3 {
		last = 6
	}
	dayOfYear, ok := monthAndDay(month, day, []int{30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, last})
	const epoch = 1825030 - julianEpoch
	return health.Date(epoch + 365*(year-1) + year/4 + dayOfYear), ok && year > 0
}

// hebrewDate reads a date of the Hebrew calendar, with months counted from Tishri on.
func hebrewDate(year, month, day int) (health.Date, bool) {
	if year < 1 {
		return 0, false
	}
	start := hebrewNewYear(year)
	length := hebrewNewYear(year+1) - start
	heshvan, kislev := 29, 30
	switch length % 10 {
	case 3:
		kislev = 29
	case 5:
		heshvan = 30
	}
	months := []int{30, heshvan, kislev, 29, 30, 29, 30, 29, 30, 29, 30, 29}
	if length > 360 { // a leap year, with a second Adar
		months = []int{30, heshvan, kislev, 29, 30, 30, 29, 30, 29, 30, 29, 30, 29}
	}
	dayOfYear, ok := monthAndDay(month, day, months)
	return health.Date(start + dayOfYear), ok
}

// hebrewNewYear returns the day of 1 Tishri, in days since 1970-01-01.
func hebrewNewYear(year int) int {
	const epoch = 347998 - julianEpoch
	before, this, next := hebrewElapsed(year-1), hebrewElapsed(year), hebrewElapsed(year+1)
	switch {
	case next-this == 356: // too long
		this += 2
	case this-before == 382: // too short before
		this++
	}
	return epoch + this
}

// hebrewElapsed returns the days from the epoch to the new moon that begins a year, by the mean length of months, and
// put off so that the new year is on none of three days of the week.
func hebrewElapsed(year int) int {
	months := (235*year - 234) / 19
	parts := 12084 + 13753*months
	day := 29*months + parts/25920
	if 3*(day+1)%7 < 3 {
		day++
	}
	return day
}
