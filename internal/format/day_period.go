package format

import (
	"bytes"
	"unicode"
)

// hourSet is a set of hours of the day, one bit each.
type hourSet uint32

const (
	am hourSet = 1<<12 - 1
	pm hourSet = am << 12
)

// has reports whether an hour is in the set.
func (s hourSet) has(hour int) bool { return s>>hour&1 == 1 }

// plainWord returns the letters and marks of a word in lower case, which is how words are kept in dayPeriods.
func plainWord(word []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, word)
}

// hoursOf returns the hours that a word is said of, and all where there is no word. known is false for a word of no
// language.
func hoursOf(word []byte) (hours hourSet, known bool) {
	word = bytes.Trim(word, " ,")
	if len(word) == 0 {
		return am | pm, true
	}
	hours, known = dayPeriods[string(plainWord(word))]
	return hours, known
}

// isPeriod reports whether text is empty or a word for a half or a part of the day.
func isPeriod(text []byte) bool {
	_, known := hoursOf(text)
	return known
}

// setPeriod converts the hour from a 12-hour clock by the words before and after the time. The 12-hour clock of Japan
// counts from 0 to 11.
func (w *wallTime) setPeriod(before, after []byte) timeFault {
	word, other := bytes.Trim(before, " ,"), bytes.Trim(after, " ,")
	if len(word) == 0 {
		word, other = other, nil
	}
	if len(word) == 0 {
		return noFault
	}
	hours, known := hoursOf(word)
	switch early, late := w.hour%12, w.hour%12+12; {
	case !known || len(other) > 0:
		return wordFault
	case w.hour > 12:
		return formFault
	case hours.has(early) && hours.has(late):
		return ambiguousWordFault
	case hours.has(early):
		w.hour = early
	case hours.has(late):
		w.hour = late
	default:
		return wordFault
	}
	return noFault
}
