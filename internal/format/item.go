package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// maxName is how many bytes the name or the unit of a metric may have.
const maxName = 200

// item is one entry of the metrics array while its points are decoded. Its members come in any order.
type item struct {
	*health.MetricEntry
	index     int
	unitKnown bool
	sleep     bool // the points are sleep
	// fault is set when the name or the unit is such that the points cannot be kept.
	fault  *itemFault
	nights []pendingNight
}

type itemFault struct{ field, message, suggestion string }

func (it *item) refusal(at health.Position) *health.Rejection {
	return refusal(at, it.fault.field, it.fault.message, it.fault.suggestion)
}

func (it *item) position(point int) health.Position {
	return health.Position{Type: "metric", Entry: it.index, Metric: it.Name, Point: point}
}

// set takes in a member that says something of all the points, if it is one.
func (it *item) set(member string, raw jsontext.Value) {
	switch member {
	case "name":
		it.Name = it.word(member, raw)
		it.sleep = isSleep(it.Name)
	case "units":
		it.Unit = it.word(member, raw)
		it.unitKnown = true
	}
}

// fail remembers the first fault, and takes the name away: a point that was yielded already must not be taken for one of
// a metric, or in a unit, that it has not.
func (it *item) fail(fault itemFault) {
	if it.fault == nil {
		it.fault = &fault
	}
	it.Name = ""
}

// once makes it the item's fault when a member that matters for all of its points is there twice: the two would
// contradict each other.
func (it *item) once(seen *seenNames, member string) {
	if !isItemName(member) {
		return
	}
	if !slices.Contains(*seen, member) {
		*seen = append(*seen, member)
		return
	}
	it.fail(itemFault{
		member, fmt.Sprintf("The field %q of the metric is there twice.", member), "Send each field of a metric once.",
	})
}

// word returns the text of a member. One that cannot be kept is the item's fault.
func (it *item) word(member string, raw jsontext.Value) string {
	if raw.Kind() == 'n' {
		return ""
	}
	text, isText := unquoted(raw)
	reason := unfitName(text)
	if !isText {
		reason = "is not text"
	}
	if reason != "" {
		it.fail(itemFault{
			member, fmt.Sprintf("The field %q of the metric %s.", member, reason),
			fmt.Sprintf("Send name and units of a metric as plain text of at most %d bytes.", maxName),
		})
	}
	if it.fault != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// unfitName says why a text cannot be the name of a metric or a kind of element, "" where it can.
func unfitName(text []byte) (reason string) {
	if len(text) > maxName {
		return fmt.Sprintf("is longer than %d bytes", maxName)
	}
	return kept(text)
}

// entry decodes one entry of a list of metrics: a metric with its points, a flat point that says the name of its metric
// itself, or an object of the typed form.
func (d *decoder) entry(index int) error {
	at := health.Position{Type: "metric", Entry: index, Point: -1}
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return d.skip(at, "The metric is not an object.", "Send each metric as an object with name, units and data.")
	}
	head, data, err := d.readObject(true)
	switch {
	case err == errTooLong:
		return d.reject(nil, tooLong(at))
	case err != nil:
		return err
	case data:
		return d.pointsOf(head, index)
	}
	return d.whole(head, at)
}

// pointsOf decodes a metric from where its data begins; head has the members before that.
func (d *decoder) pointsOf(head rawObject, index int) error {
	it := &item{MetricEntry: &health.MetricEntry{}, index: index}
	names := seenNames{"data"}
	for i := range head.members {
		m := &head.members[i]
		name := string(m.nameIn(head.text))
		it.once(&names, name)
		it.set(name, head.value(m))
	}
	points := 0
	nextPoint := func(int) error {
		points++
		return d.nextPoint(it, points-1)
	}
	if err := d.array(nextPoint); err != nil {
		return err
	}
	err := d.restOfObject(func(text []byte) error {
		name := string(text)
		it.once(&names, name)
		if name == "data" {
			return d.list(nextPoint)
		}
		raw, err := d.value()
		if err == errTooLong {
			raw, err = tooLongText, nil
		}
		if err != nil {
			return err
		}
		it.set(name, raw)
		return nil
	})
	if err != nil {
		return err
	}
	return d.emitNights(it)
}

// tooLongText stands for a text that is too long to be taken in: it is refused as any other that is too long.
var tooLongText = jsontext.Value(`"` + strings.Repeat("-", maxName+1) + `"`)

func isItemName(name string) bool { return name == "name" || name == "units" || name == "data" }

func (d *decoder) nextPoint(it *item, index int) error {
	at := it.position(index)
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return d.skipPoint(it, at)
	}
	o, _, err := d.readObject(false)
	switch {
	case err == errTooLong:
		return d.reject(it.MetricEntry, tooLong(at))
	case err != nil:
		return err
	case it.fault != nil:
		return d.reject(it.MetricEntry, it.refusal(at))
	}
	d.current.take(o, at, it.MetricEntry)
	return d.point(&d.current, it)
}

func (d *decoder) skipPoint(it *item, at health.Position) error {
	if _, err := d.value(); err != nil && err != errTooLong {
		return err
	}
	return d.reject(it.MetricEntry, refusal(at, "", "The point is not an object.", "Send each point as an object with date and qty."))
}

// whole decodes an entry without a list of points.
func (d *decoder) whole(o rawObject, at health.Position) error {
	p := &d.current
	p.take(o, at, nil)
	data := o.find("data")
	name := p.has.has(fieldName) && p.raw(fieldName).Kind() == '"'
	switch {
	case data != nil && data.Kind() != 'n':
		return d.reject(nil, refusal(at, "data", "The data of the metric is not a list.", "Send data as a list of points."))
	case isTyped(o) && !(name && p.has.has(fieldDate) && p.has.has(fieldQty)):
		record, err := decodeTyped(o.text, at, d.options)
		return d.emitElement(record, err)
	case p.has&(timeFields|valueFields|nightFields) != 0 && data == nil:
		return d.flatPoint(p)
	case name:
		return nil // a metric without points
	}
	return d.reject(nil, refusal(at, "name", "The metric has neither a name nor a type.",
		"Send each metric as an object with name, units and data, or each reading as one with type and recorded_at."))
}

// isTyped tells the objects of the typed form by the fields that only they have.
func isTyped(o rawObject) bool {
	return o.find("type") != nil || o.find("recorded_at") != nil || o.find("workout_type") != nil
}

// flatPoint decodes a point that says the name and unit of its metric itself.
func (d *decoder) flatPoint(p *metricPoint) error {
	it := &item{MetricEntry: &health.MetricEntry{}, index: p.at.Entry}
	p.flat = true
	for _, f := range []field{fieldName, fieldUnits} {
		if p.has.has(f) {
			it.set(p.nameOf(f), p.raw(f))
		}
	}
	if it.Name == "" && it.fault == nil {
		p.refuse("name", "The point does not say of which metric it is.", "Send name with each point, or the points in the data of a metric.")
	}
	it.unitKnown = true
	if d.lastFlat == nil || *it.MetricEntry != *d.lastFlat {
		d.lastFlat = it.MetricEntry
	}
	it.MetricEntry = d.lastFlat
	p.item, p.at.Metric = it.MetricEntry, it.Name
	if it.fault != nil {
		return d.reject(it.MetricEntry, it.refusal(p.at))
	}
	return d.point(p, it)
}
