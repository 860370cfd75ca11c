package format

import (
	"bytes"
	"unicode"
	"unicode/utf8"
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
	plain := plainWord(word)
	if len(plain) == 0 {
		return am | pm, len(bytes.Trim(word, " .,")) == 0
	}
	hours, known = dayPeriods[string(plain)]
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
	words := bytes.TrimSpace(before)
	if len(words) == 0 {
		words = bytes.TrimSpace(after)
	} else if len(bytes.TrimSpace(after)) > 0 {
		return wordFault
	}
	if len(words) == 0 {
		return noFault
	}
	hours, known := hoursOf(words)
	switch early, late := w.hour%12, w.hour%12+12; {
	case !known || utf8.RuneCount(words) == 0:
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
