package format

import (
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// timeFault says why a text cannot be read as a time.
type timeFault uint8

const (
	noFault            timeFault = iota
	formFault                    // it is of no known form
	dayFault                     // there is no such day
	calendarFault                // in no calendar it is a day of the time that health data can be of
	wordFault                    // a word beside the time is none for a part of the day, or not for that hour
	ambiguousWordFault           // a word beside the time means the morning in one language and the evening in another
)

const (
	timeSuggestion = "Send a time such as 2026-05-19 07:30:00 -0700 or 2026-05-19T07:30:00-07:00, from 1900 on."
	setCalendar    = "On the phone, set Settings > General > Language & Region > Calendar to Gregorian, and send again."
	setClock       = "On the phone, turn on Settings > General > Date & Time > 24-Hour Time, and send again."
	setBoth        = "On the phone, set Settings > General > Language & Region > Calendar to Gregorian, turn on Settings > General > Date & Time > 24-Hour Time, and send again; or send a time such as 2026-05-19 07:30:00 -0700."
)

// explain returns why the text in a field is not a time, and what to do about it: which setting of the phone to change
// where that would help.
func (r *timeReader) explain(field string, text []byte) (message, suggestion string) {
	_, fault := r.parseWallTime(text)
	sent := fmt.Sprintf("The field %q is not a time that can be read: %q", field, printable(text))
	switch fault {
	case calendarFault:
		return sent + " is in no known calendar a day between 1900 and now.", setCalendar
	case wordFault:
		return sent + " has a word that is not known, or not for that hour, as the name of a part of the day.", setClock
	case ambiguousWordFault:
		return sent + " has a word that is the morning in one language and the afternoon in another.", setClock
	case dayFault:
		return sent + " is a day that does not exist.", timeSuggestion
	}
	if isForeign(text) {
		return sent + ".", setBoth
	}
	return sent + ".", timeSuggestion
}

// explainValue is explain for a value of JSON.
func (r *timeReader) explainValue(field string, value []byte) (message, suggestion string) {
	if text, ok := unquoted(value); ok {
		return r.explain(field, text)
	}
	return fmt.Sprintf("The field %q is not a time that can be read.", field), timeSuggestion
}

// reject returns the rejection of an element because of the text of its time.
func (r *timeReader) reject(at health.Position, field string, text []byte) *health.Rejection {
	message, suggestion := r.explain(field, text)
	return newRejection(at, field, message, suggestion)
}

// isForeign reports whether a text has characters beyond ASCII, as those that phones write in some regions.
func isForeign(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
