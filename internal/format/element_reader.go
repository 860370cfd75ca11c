package format

import (
	"fmt"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// elementDecoder decodes one element of a top-level array: raw is one complete JSON value, which need not be an object.
// The error, if any, is a *health.Rejection of this element alone.
type elementDecoder func(raw []byte, at health.Position, o Options) (health.Record, error)

// elementDecoders has the decoders of the known top-level arrays but metrics, by their names.
var elementDecoders = map[string]elementDecoder{
	"workouts":               decodeWorkout,
	"ecg":                    decodeECG,
	"symptoms":               symptoms.decode,
	"cycleTracking":          cycleTracking.decode,
	"stateOfMind":            stateOfMind.decode,
	"medications":            medications.decode,
	"heartRateNotifications": heartRateNotifications.decode,
}

// elementType returns the Position.Type of the elements of the top-level array key: their kind, in the singular.
func elementType(key string) string {
	switch key {
	case "workouts":
		return "workout"
	case "symptoms":
		return symptoms.kind
	case "cycleTracking":
		return cycleTracking.kind
	case "stateOfMind":
		return stateOfMind.kind
	case "medications":
		return medications.kind
	case "heartRateNotifications":
		return heartRateNotifications.kind
	}
	return key
}

// elementReader reads the fields of one object of a body. It keeps the first rejection for finish to return, so that
// its methods need not return errors.
type elementReader struct {
	object
	at        health.Position // its Type may change while the element is read
	times     *timeReader
	warnings  []health.Warning
	rejection *health.Rejection

	pointCount int // of the points read from all its arrays

	inner object            // buffer for a nested object
	texts map[string]string // the texts of internText
}

func newElementReader(at health.Position, o Options) *elementReader {
	e := &elementReader{at: at, times: o.timeReader()}
	return e
}

// readElement reads raw. Where that fails the element is rejected, and has no fields.
func readElement(raw []byte, at health.Position, o Options) *elementReader {
	e := newElementReader(at, o)
	if err := e.read(raw); err != nil {
		e.members = nil
		e.rejectUnreadable(err)
	}
	return e
}

// reject rejects the element because of a field, unless it is rejected already.
func (e *elementReader) reject(field, message, suggestion string) {
	if e.rejection == nil {
		e.rejection = newRejection(e.at, field, message, suggestion)
	}
}

func (e *elementReader) rejectUnreadable(err error) {
	field := ""
	if fault, ok := err.(*fieldError); ok {
		field = fault.field
	}
	e.reject(field, "This element cannot be read: "+err.Error()+".",
		"Send each element as one JSON object in which every field name is there once.")
}

// warn adds a warning about the element.
func (e *elementReader) warn(code, message string, details map[string]any) {
	e.warnings = append(e.warnings, health.Warning{Code: code, Message: message, Details: details})
}

// finish returns the record with its position and warnings, or the rejection.
func (e *elementReader) finish(record health.Record) (health.Record, error) {
	if e.rejection != nil {
		e.rejection.Position = e.at
		return health.Record{}, e.rejection
	}
	record.Position, record.Warnings = e.at, e.warnings
	return record, nil
}

// text uses the first of the named fields that is a string and not empty.
func (e *elementReader) text(names ...string) string {
	text, _ := e.textOf(names...)
	return text
}

// textOf is text that returns the member as well, nil where there is none.
func (e *elementReader) textOf(names ...string) (string, *member) {
	for _, name := range names {
		m := e.find(name)
		if m == nil {
			continue
		}
		if text, ok := unquoted(m.value); ok {
			m.used = true
			e.checkText(name, text)
			return string(text), m
		}
	}
	return "", nil
}

func (e *elementReader) checkText(field string, text []byte) {
	if reason := unstorable(text); reason != "" {
		e.reject(field, fmt.Sprintf("The field %q %s.", field, reason),
			fmt.Sprintf("Send at most %d bytes of plain text.", maxText))
	}
}

// id uses the first of the named fields that is a string or a number.
func (e *elementReader) id(names ...string) string {
	m := e.find(names...)
	if m != nil && m.value.Kind() == '0' && len(m.value) <= maxText {
		m.used = true
		return string(m.value)
	}
	return e.text(names...)
}

// requireText is text that rejects the element where there is none.
func (e *elementReader) requireText(names ...string) string {
	text := e.text(names...)
	if strings.TrimSpace(text) == "" {
		e.rejectMissing(names[0])
	}
	return text
}

func (e *elementReader) rejectMissing(field string) {
	e.reject(field, fmt.Sprintf("The field %q is missing.", field),
		fmt.Sprintf("Send %q as text with something in it.", field))
}

// source uses the field with the source of the element: text, or an object with a name. An object with other members
// becomes an attribute as well.
func (e *elementReader) source() string {
	if m := e.find("source"); m != nil && m.value.Kind() == '{' {
		return e.objectName(m)
	}
	return e.text("source", "source_device", "sourceName")
}

// objectName returns the name in an object such as {"name": "Watch", "identifier": "com.apple.health"}. It uses m where
// that has no other member.
func (e *elementReader) objectName(m *member) string {
	if e.inner.read(m.value) != nil {
		return ""
	}
	named := e.inner.find("name")
	if named == nil {
		return ""
	}
	name, ok := e.internText(named)
	m.used = ok && len(e.inner.members) == 1
	return name
}

// instant uses the first of the named fields that is present. One that cannot be read as a time rejects the element.
func (e *elementReader) instant(names ...string) (at health.Instant, offset int32, ok bool) {
	m := e.find(names...)
	if m == nil {
		return 0, 0, false
	}
	if at, offset, ok = e.times.parseValue(m.value); !ok {
		message, suggestion := e.times.explainValue(string(m.name), m.value)
		e.reject(string(m.name), message, suggestion)
		return 0, 0, false
	}
	m.used = true
	return at, offset, true
}

// requireInstant is instant that rejects the element where there is none.
func (e *elementReader) requireInstant(names ...string) (at health.Instant, offset int32) {
	at, offset, ok := e.instant(names...)
	if !ok {
		e.rejectWithoutTime(names[0])
	}
	return at, offset
}

func (e *elementReader) rejectWithoutTime(field string) {
	e.reject(field, fmt.Sprintf("The field %q is missing.", field), timeSuggestion)
}

// checkSpan rejects an element that ends before it starts.
func (e *elementReader) checkSpan(field string, start, end health.Instant) {
	if end != 0 && end < start {
		e.reject(field, fmt.Sprintf("The time in %q is before the start.", field),
			"Send an end that is not before the start, or none.")
	}
}

// quantity reads {"qty": 1, "units": "km"}, a number, or a string that holds one. It uses m, unless m is an object with
// other members: that becomes an attribute as well.
func (e *elementReader) quantity(m *member) (q health.Quantity, ok bool) {
	switch m.value.Kind() {
	case '{':
		if q, ok = e.objectQuantity(m); !ok {
			return health.Quantity{}, false
		}
	default:
		if q.Value, ok = parseNumberValue(m.value); !ok {
			return health.Quantity{}, false
		}
		m.used = true
	}
	e.checkFinite(string(m.name), q.Value)
	return q, true
}

func (e *elementReader) objectQuantity(m *member) (q health.Quantity, ok bool) {
	if e.inner.read(m.value) != nil {
		return q, false
	}
	value := e.inner.find("qty", "value", "quantity")
	if value == nil {
		return q, false
	}
	if q.Value, ok = parseNumberValue(value.value); !ok {
		return q, false
	}
	value.used = true
	if unit := e.inner.find("units", "unit"); unit != nil {
		if q.Unit, ok = e.internText(unit); !ok {
			return q, false
		}
	}
	m.used = true
	for range e.inner.unused() {
		m.used = false
	}
	return q, true
}

// internText uses m where it is text that can be stored. Equal texts are allocated once: units and sources of points.
func (e *elementReader) internText(m *member) (text string, ok bool) {
	sent, ok := unquoted(m.value)
	if !ok {
		return "", false
	}
	text, known := e.texts[string(sent)]
	if !known {
		if unstorable(sent) != "" {
			return "", false
		}
		if e.texts == nil {
			e.texts = map[string]string{}
		}
		text = string(sent)
		e.texts[text] = text
	}
	m.used = true
	return text, true
}

func (e *elementReader) checkFinite(field string, v float64) {
	if !finite(v) {
		e.reject(field, fmt.Sprintf("The number in %q is too large.", field), "Send a number that a computer can hold: at most 1.7e308.")
	}
}

// attributes returns the unused fields as canonical JSON.
func (e *elementReader) attributes() string {
	unused, err := e.unusedJSON()
	if err != nil {
		e.reject("", "A field of this element holds an object in which a name is there twice, or text that is not valid UTF-8.",
			"Send JSON objects in which every name is there once, as UTF-8.")
	}
	return unused
}
