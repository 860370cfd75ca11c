package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// maxName bounds the bytes of the name and of the unit of a metric.
const maxName = 200

// metricEntry is one entry of the metrics array while its points are decoded. Its members come in any order.
type metricEntry struct {
	*health.MetricEntry
	index     int
	unitKnown bool
	sleep     bool // the points are sleep
	// invalid is the first member for which all points of the entry are rejected; nil where there is none.
	invalid       *invalidMember
	pendingNights []pendingNight
}

// invalidMember is a member of an entry that is at fault, and why.
type invalidMember struct{ field, message, suggestion string }

func (e *metricEntry) rejection(at health.Position) *health.Rejection {
	return newRejection(at, e.invalid.field, e.invalid.message, e.invalid.suggestion)
}

func (e *metricEntry) position(point int) health.Position {
	return health.Position{Type: "metric", Entry: e.index, Metric: e.Name, Point: point}
}

// setMember sets what a member says about all points of the entry. Other members are ignored.
func (e *metricEntry) setMember(member string, raw jsontext.Value) {
	switch member {
	case "name":
		e.Name = e.textMember(member, raw)
		e.sleep = isSleep(e.Name)
	case "units":
		e.Unit = e.textMember(member, raw)
		e.unitKnown = true
	}
}

// setInvalid marks the entry as invalid; the first member at fault is kept. It clears the name, so that points that
// were yielded already are not stored under a metric or in a unit that may be wrong.
func (e *metricEntry) setInvalid(member invalidMember) {
	if e.invalid == nil {
		e.invalid = &member
	}
	e.Name = ""
}

// checkDuplicate marks the entry as invalid where a member that matters for all points is repeated: the values would
// contradict each other.
func (e *metricEntry) checkDuplicate(seen *seenNames, member string) {
	if !isEntryMember(member) {
		return
	}
	if !slices.Contains(*seen, member) {
		*seen = append(*seen, member)
		return
	}
	e.setInvalid(invalidMember{
		member, fmt.Sprintf("The field %q of the metric is there twice.", member), "Send each field of a metric once.",
	})
}

// textMember returns the text of a member, "" where the entry is invalid. A text that cannot be stored makes it so.
func (e *metricEntry) textMember(member string, raw jsontext.Value) string {
	if raw.Kind() == 'n' {
		return ""
	}
	text, isText := unquoted(raw)
	reason := invalidName(text)
	if !isText {
		reason = "is not text"
	}
	if reason != "" {
		e.setInvalid(invalidMember{
			member, fmt.Sprintf("The field %q of the metric %s.", member, reason),
			fmt.Sprintf("Send name and units of a metric as plain text of at most %d bytes.", maxName),
		})
	}
	if e.invalid != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// invalidName returns why a text cannot be the name of a metric or the kind of an element, "" where it can.
func invalidName(text []byte) (reason string) {
	if len(text) > maxName {
		return fmt.Sprintf("is longer than %d bytes", maxName)
	}
	return unstorable(text)
}

// decodeEntry decodes one entry of a list of metrics: a metric with its points, a flat point (which has the name of its
// metric in itself), or an object of the typed form.
func (d *jsonDecoder) decodeEntry(index int) error {
	at := health.Position{Type: "metric", Entry: index, Point: -1}
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return d.rejectValue(at, "The metric is not an object.", "Send each metric as an object with name, units and data.")
	}
	head, data, err := d.readObject(true)
	switch {
	case err == errTooLong:
		return d.reject(nil, newTooLongRejection(at))
	case err != nil:
		return err
	case data:
		return d.decodePoints(head, index)
	}
	return d.decodeEntryWithoutPoints(head, at)
}

// decodePoints decodes a metric from the beginning of its "data"; head has the members before that.
func (d *jsonDecoder) decodePoints(head rawObject, index int) error {
	entry := &metricEntry{MetricEntry: &health.MetricEntry{}, index: index}
	names := seenNames{"data"}
	for i := range head.members {
		m := &head.members[i]
		name := string(m.nameIn(head.text))
		entry.checkDuplicate(&names, name)
		entry.setMember(name, head.value(m))
	}
	points := 0
	nextPoint := func(int) error {
		points++
		return d.decodeNextPoint(entry, points-1)
	}
	if err := d.eachElement(nextPoint); err != nil {
		return err
	}
	err := d.eachRemainingMember(func(text []byte) error {
		name := string(text)
		entry.checkDuplicate(&names, name)
		if name == "data" {
			return d.eachElementOrSingle(nextPoint)
		}
		raw, err := d.value()
		if err == errTooLong {
			raw, err = tooLongText, nil
		}
		if err != nil {
			return err
		}
		entry.setMember(name, raw)
		return nil
	})
	if err != nil {
		return err
	}
	return d.emitNights(entry)
}

// tooLongText stands for a text that is too long to be read into memory. It is rejected like any name that is too long.
var tooLongText = jsontext.Value(`"` + strings.Repeat("-", maxName+1) + `"`)

func isEntryMember(name string) bool { return name == "name" || name == "units" || name == "data" }

func (d *jsonDecoder) decodeNextPoint(entry *metricEntry, index int) error {
	at := entry.position(index)
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return d.rejectNonObject(entry, at)
	}
	o, _, err := d.readObject(false)
	switch {
	case err == errTooLong:
		return d.reject(entry.MetricEntry, newTooLongRejection(at))
	case err != nil:
		return err
	case entry.invalid != nil:
		return d.reject(entry.MetricEntry, entry.rejection(at))
	}
	d.point.classify(o, at, entry.MetricEntry)
	return d.decodePoint(&d.point, entry)
}

func (d *jsonDecoder) rejectNonObject(entry *metricEntry, at health.Position) error {
	if _, err := d.value(); err != nil && err != errTooLong {
		return err
	}
	return d.reject(entry.MetricEntry, newRejection(at, "", "The point is not an object.", "Send each point as an object with date and qty."))
}

// decodeEntryWithoutPoints decodes an entry that has no list of points.
func (d *jsonDecoder) decodeEntryWithoutPoints(o rawObject, at health.Position) error {
	p := &d.point
	p.classify(o, at, nil)
	data := o.find("data")
	name := p.present.has(fieldName) && p.raw(fieldName).Kind() == '"'
	switch {
	case data != nil && data.Kind() != 'n':
		return d.reject(nil, newRejection(at, "data", "The data of the metric is not a list.", "Send data as a list of points."))
	case isTyped(o) && !(name && p.present.has(fieldDate) && p.present.has(fieldQty)):
		record, err := decodeTyped(o.text, at, d.options)
		return d.emitDecoded(record, err)
	case p.present&(timeFields|valueFields|nightFields) != 0 && data == nil:
		return d.decodeFlatPoint(p)
	case name:
		return nil // a metric without points
	}
	return d.reject(nil, newRejection(at, "name", "The metric has neither a name nor a type.",
		"Send each metric as an object with name, units and data, or each reading as one with type and recorded_at."))
}

// isTyped reports whether an object is one of the typed form: it has a field that only those have.
func isTyped(o rawObject) bool {
	return o.find("type") != nil || o.find("recorded_at") != nil || o.find("workout_type") != nil
}

// decodeFlatPoint decodes a point that has the name and unit of its metric in itself.
func (d *jsonDecoder) decodeFlatPoint(p *metricPoint) error {
	entry := &metricEntry{MetricEntry: &health.MetricEntry{}, index: p.at.Entry}
	p.flat = true
	for _, f := range []field{fieldName, fieldUnits} {
		if p.present.has(f) {
			entry.setMember(p.nameOf(f), p.raw(f))
		}
	}
	if entry.Name == "" && entry.invalid == nil {
		if ok, err := d.decodeBarePoint(p); ok {
			return err
		}
		p.reject("name", "The point does not say of which metric it is.", "Send name with each point, or the points in the data of a metric.")
	}
	entry.unitKnown = true
	if d.lastFlat == nil || *entry.MetricEntry != *d.lastFlat {
		d.lastFlat = entry.MetricEntry
	}
	entry.MetricEntry = d.lastFlat
	p.entry, p.at.Metric = entry.MetricEntry, entry.Name
	if entry.invalid != nil {
		return d.reject(entry.MetricEntry, entry.rejection(p.at))
	}
	return d.decodePoint(p, entry)
}
