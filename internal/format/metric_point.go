package format

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// field is a known field of a point of a metric. Every other field becomes an attribute.
type field uint8

const (
	fieldOther field = iota
	fieldDate
	fieldStart
	fieldEnd
	fieldQty
	fieldMin
	fieldAvg
	fieldMax
	fieldSystolic
	fieldDiastolic
	fieldSource
	fieldValue
	fieldName
	fieldUnits
	fieldTotalSleep
	fieldAsleep
	fieldCore
	fieldDeep
	fieldREM
	fieldAwake
	fieldInBed
	fieldSleepStart
	fieldSleepEnd
	fieldInBedStart
	fieldInBedEnd
	fieldSleepSource
	fieldCount
)

// fieldOf returns the field of a name, fieldOther for one that is not known. Only min, avg and max come in several
// cases.
func fieldOf(name []byte) field {
	switch string(name) {
	case "date":
		return fieldDate
	case "qty":
		return fieldQty
	case "source":
		return fieldSource
	case "start", "startDate":
		return fieldStart
	case "end", "endDate":
		return fieldEnd
	case "systolic":
		return fieldSystolic
	case "diastolic":
		return fieldDiastolic
	case "value":
		return fieldValue
	case "name":
		return fieldName
	case "units":
		return fieldUnits
	}
	if len(name) == 3 {
		return summaryField(name)
	}
	return sleepField(name)
}

func summaryField(name []byte) field {
	switch {
	case bytes.EqualFold(name, []byte("min")):
		return fieldMin
	case bytes.EqualFold(name, []byte("avg")):
		return fieldAvg
	case bytes.EqualFold(name, []byte("max")):
		return fieldMax
	case string(name) == "rem":
		return fieldREM
	}
	return fieldOther
}

// fieldSet is a set of fields, one bit each.
type fieldSet uint32

func setOf(fields ...field) (s fieldSet) {
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

func (s fieldSet) has(f field) bool { return s>>f&1 == 1 }

var entryFields = setOf(fieldName, fieldUnits)

// metricPoint is one point of a metric while it is decoded. It keeps the first rejection, so that its methods need not
// return errors.
type metricPoint struct {
	rawObject
	at    health.Position
	entry *health.MetricEntry
	times *timeReader
	// present are the fields that are neither null nor "", index their places in members.
	present    fieldSet
	index      [fieldCount]int
	attributes []int // places in members of those that become attributes
	// flat points have the name and unit of their metric in themselves.
	flat      bool
	rejection *health.Rejection
}

// classify sets the point to the object o, and sorts its members into known fields and attributes.
func (p *metricPoint) classify(o rawObject, at health.Position, item *health.MetricEntry) {
	p.rawObject, p.at, p.entry, p.rejection = o, at, item, nil
	p.present, p.attributes, p.flat = 0, p.attributes[:0], false
	var seen fieldSet
	for i := range p.members {
		name := p.members[i].nameIn(p.text)
		f := fieldOf(name)
		switch {
		case f == fieldOther || seen.has(f):
			p.attributes = append(p.attributes, i)
			if f != fieldOther && bytes.Equal(name, p.members[p.index[f]].nameIn(p.text)) {
				p.reject(string(name), fmt.Sprintf("The field %q is there twice.", name), "Send each field of a point once.")
			}
			continue
		case !p.isEmpty(i):
			p.present |= 1 << f
		}
		seen |= 1 << f
		p.index[f] = i
	}
}

// isEmpty reports whether member i is null or "", which mean the same as its absence.
func (p *metricPoint) isEmpty(i int) bool {
	m := &p.members[i]
	return p.text[m.value] == 'n' || m.valueEnd == m.value+2 && p.text[m.value] == '"'
}

// reject rejects the point because of a field, unless it is rejected already.
func (p *metricPoint) reject(field, message, suggestion string) {
	if p.rejection == nil {
		p.rejection = newRejection(p.at, field, message, suggestion)
	}
}

// raw returns the value of a field that is present.
func (p *metricPoint) raw(f field) jsontext.Value { return p.value(&p.members[p.index[f]]) }

// nameOf returns the name that a field was sent under.
func (p *metricPoint) nameOf(f field) string { return string(p.members[p.index[f]].nameIn(p.text)) }

// number returns the value of a field, absent where the field is. One that is not a number rejects the point.
func (p *metricPoint) number(f field) float64 {
	if !p.present.has(f) {
		return health.Absent()
	}
	raw := p.raw(f)
	if raw[0] == '"' {
		text, _ := unquoted(raw)
		if raw = bytes.TrimSpace(text); !raw.IsValid() {
			if v, ok := regionalNumber(text); ok {
				return v
			}
			raw = jsontext.Value("null")
		}
	}
	if raw.Kind() != '0' {
		name := p.nameOf(f)
		p.reject(name, fmt.Sprintf("The field %q is not a number.", name), "Send a number such as 72.5.")
		return health.Absent()
	}
	v, ok := parseNumber(raw)
	if !ok {
		p.rejectTooLarge(p.nameOf(f))
		return health.Absent()
	}
	return v
}

func (p *metricPoint) rejectTooLarge(name string) {
	p.reject(name, fmt.Sprintf("The number in %q is too large.", name), "Send a number that a computer can hold: at most 1.7e308.")
}

// time returns the value of a field. ok is false where the field is absent, or is not a time, which rejects the point.
func (p *metricPoint) time(f field) (at health.Instant, offset int32, ok bool) {
	if !p.present.has(f) {
		return 0, 0, false
	}
	raw := p.raw(f)
	if raw[0] == '"' {
		if at, offset, ok = p.times.parseStandard(raw[1 : len(raw)-1]); ok {
			return at, offset, true
		}
	}
	if at, offset, ok = p.times.parseValue(raw); !ok {
		name := p.nameOf(f)
		message, suggestion := p.times.explainValue(name, raw)
		p.reject(name, message, suggestion)
	}
	return at, offset, ok
}

// addAttributes makes attributes of the fields that are present and not consumed.
func (p *metricPoint) addAttributes(consumed fieldSet) {
	if p.flat {
		consumed |= entryFields
	}
	remaining := p.present &^ consumed
	for f := fieldDate; remaining != 0 && f < fieldCount; f++ {
		if remaining.has(f) {
			p.attributes = append(p.attributes, p.index[f])
			remaining &^= 1 << f
		}
	}
}
