package format

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// field is a field of a metric's point that has a meaning of its own; every other one becomes an attribute.
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

// fieldOf tells a field by its name. Only the names of summaries come in more than one case.
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

var (
	timeFields    = setOf(fieldDate, fieldStart, fieldEnd)
	valueFields   = setOf(fieldQty, fieldMin, fieldAvg, fieldMax, fieldSystolic, fieldDiastolic)
	namedByItem   = setOf(fieldName, fieldUnits)
	sampleConsume = timeFields | valueFields | setOf(fieldSource)
)

// countNames are the fields of a point that counts by name instead of having a qty, in lower case.
var countNames = []string{"unspecified", "protection used", "protection not used"}

// metricPoint is one point of a metric while it is decoded. The first fault that refuses it is remembered, so that a
// decoder reads as a list of what it takes.
type metricPoint struct {
	rawObject
	at       health.Position
	item     *health.Item
	location *time.Location
	// has are the fields that say something: neither null nor "". Where they are, index has.
	has   fieldSet
	index [fieldCount]int
	rest  []int // the members that become attributes
	// flat points say the name and unit of their metric themselves.
	flat    bool
	refusal *health.Rejection
}

// take sorts the members of o into the fields that are known and the rest.
func (p *metricPoint) take(o rawObject, at health.Position, item *health.Item) {
	p.rawObject, p.at, p.item, p.refusal = o, at, item, nil
	p.has, p.rest, p.flat = 0, p.rest[:0], false
	var seen fieldSet
	for i := range p.members {
		name := p.members[i].nameIn(p.text)
		f := fieldOf(name)
		switch {
		case f == fieldOther || seen.has(f):
			p.rest = append(p.rest, i)
			if f != fieldOther && bytes.Equal(name, p.members[p.index[f]].nameIn(p.text)) {
				p.refuse(string(name), fmt.Sprintf("The field %q is there twice.", name), "Send each field of a point once.")
			}
			continue
		case !p.silent(i):
			p.has |= 1 << f
		}
		seen |= 1 << f
		p.index[f] = i
	}
}

// silent reports whether a member says nothing: its absence would say the same.
func (p *metricPoint) silent(i int) bool {
	m := &p.members[i]
	return p.text[m.value] == 'n' || m.valueEnd == m.value+2 && p.text[m.value] == '"'
}

// refuse refuses the point because of a field.
func (p *metricPoint) refuse(field, message, suggestion string) {
	if p.refusal == nil {
		p.refusal = refusal(p.at, field, message, suggestion)
	}
}

// raw returns the value of a field that is there.
func (p *metricPoint) raw(f field) jsontext.Value { return p.value(&p.members[p.index[f]]) }

// nameOf returns the name that a field was sent under.
func (p *metricPoint) nameOf(f field) string { return string(p.members[p.index[f]].nameIn(p.text)) }

// number returns the value of a field, absent where the field is not there or refuses the point.
func (p *metricPoint) number(f field) float64 {
	if !p.has.has(f) {
		return health.Absent()
	}
	raw := p.raw(f)
	if raw[0] == '"' {
		text, _ := unquoted(raw)
		if raw = bytes.TrimSpace(text); !raw.IsValid() {
			raw = jsontext.Value("null")
		}
	}
	if raw.Kind() != '0' {
		name := p.nameOf(f)
		p.refuse(name, fmt.Sprintf("The field %q is not a number.", name), "Send a number such as 72.5.")
		return health.Absent()
	}
	v, ok := parseNumber(raw)
	if !ok {
		p.refuseTooLarge(p.nameOf(f))
		return health.Absent()
	}
	return v
}

func (p *metricPoint) refuseTooLarge(name string) {
	p.refuse(name, fmt.Sprintf("The number in %q is too large.", name), "Send a number that a computer can hold: at most 1.7e308.")
}

// time returns the value of a field. ok is false where the field is not there, or refuses the point.
func (p *metricPoint) time(f field) (at health.Instant, offset int32, ok bool) {
	if !p.has.has(f) {
		return 0, 0, false
	}
	raw := p.raw(f)
	if at, offset, ok = parseStandard(raw[1 : len(raw)-1]); ok {
		return at, offset, true
	}
	if at, offset, ok = instantOf(raw, p.location); !ok {
		name := p.nameOf(f)
		p.refuse(name, fmt.Sprintf("The field %q is not a time that can be read.", name), timeSuggestion)
	}
	return at, offset, ok
}

// keep makes attributes of the fields that are there and in neither of the sets.
func (p *metricPoint) keep(consumed fieldSet) {
	if p.flat {
		consumed |= namedByItem
	}
	left := p.has &^ consumed
	for f := fieldDate; left != 0 && f < fieldCount; f++ {
		if left.has(f) {
			p.rest = append(p.rest, p.index[f])
			left &^= 1 << f
		}
	}
}

// point decodes one point of a metric and yields it.
func (d *decoder) point(p *metricPoint, it *item) error {
	switch {
	case p.refusal != nil:
		return d.emitRefusal(p)
	case isSegment(p, it):
		return d.sleepSegment(p)
	case isNight(p, it):
		return d.sleepNight(p, it)
	}
	return d.sample(p)
}

func (d *decoder) sample(p *metricPoint) error {
	s := &d.samples[0]
	*s = d.blank
	consumed := sampleConsume
	s.Start, s.End, s.Offset = p.span(&consumed)
	if p.has&valueFields == 0 {
		s.Value = p.countByName()
	} else {
		s.Value, s.Min, s.Max = p.number(fieldQty), p.number(fieldMin), p.number(fieldMax)
		s.Systolic, s.Diastolic = p.number(fieldSystolic), p.number(fieldDiastolic)
	}
	if p.has.has(fieldAvg) {
		s.Value = p.number(fieldAvg)
		consumed &^= setOf(fieldQty)
	}
	s.Source = d.source(p, fieldSource, &consumed)
	p.keep(consumed)
	s.Attributes = d.attributes(p)
	if p.refusal != nil {
		return d.emitRefusal(p)
	}
	return d.emit(health.Record{Position: p.at, Item: p.item, Samples: d.samples[:]})
}

// span returns when the point begins and ends: date, or start and end where they were sent. A date that then says
// something else is taken out of consumed, to become an attribute.
func (p *metricPoint) span(consumed *fieldSet) (start, end health.Instant, offset int32) {
	if p.has&timeFields == setOf(fieldDate) {
		start, offset, _ = p.time(fieldDate)
		return start, start, offset
	}
	date, dateOffset, dated := p.time(fieldDate)
	start, offset, started := p.time(fieldStart)
	switch {
	case started && dated && date != start:
		*consumed &^= setOf(fieldDate)
	case !started && dated:
		start, offset = date, dateOffset
	case !started:
		p.refuse("date", "The point has no date.", timeSuggestion)
	}
	end, _, ended := p.time(fieldEnd)
	if !ended {
		end = start
	}
	if end < start {
		name := p.nameOf(fieldEnd)
		p.refuse(name, fmt.Sprintf("The time in %q is before the start.", name), "Send an end that is not before the start, or none.")
	}
	return start, end, offset
}

// countByName returns the sum of the counts that a point has by name; the counts stay attributes.
func (p *metricPoint) countByName() float64 {
	sum, counted := 0.0, false
	for _, i := range p.rest {
		m := &p.members[i]
		name := strings.ToLower(string(m.nameIn(p.text)))
		for _, count := range countNames {
			if v, ok := numberOf(p.value(m)); ok && name == count {
				sum, counted = sum+v, true
			}
		}
	}
	if !counted {
		p.refuse("qty", "The point has no value.",
			"Send qty as a number; or Min, Avg and Max; or systolic and diastolic.")
	}
	return sum
}

// source returns the source that a field says: text, or an object with a name. Where it says more than that it is
// taken out of consumed, to become an attribute.
func (d *decoder) source(p *metricPoint, f field, consumed *fieldSet) string {
	if !p.has.has(f) {
		return ""
	}
	raw := p.raw(f)
	if raw[0] != '"' {
		*consumed &^= setOf(f)
	}
	if source, ok := d.sources.find(raw); ok {
		return source
	}
	text := sourceText(raw)
	if problem := kept(text); problem != "" {
		name := p.nameOf(f)
		p.refuse(name, fmt.Sprintf("The field %q %s.", name, problem), fmt.Sprintf("Send at most %d bytes of plain text.", maxText))
	}
	return d.sources.keep(raw, string(text))
}

func sourceText(raw jsontext.Value) []byte {
	if raw[0] == '{' {
		o, _, _, err := scanMembers(raw, 0, nil, false)
		if err != nil {
			return nil
		}
		raw = o.find("name")
	}
	text, _ := unquoted(raw)
	return text
}

// attributes returns what is left of the point as canonical JSON.
func (d *decoder) attributes(p *metricPoint) string {
	if len(p.rest) == 0 || p.refusal != nil {
		return ""
	}
	text := d.scratch[:0]
	for _, i := range p.rest {
		m := &p.members[i]
		text = append(text, ',')
		text = append(text, p.text[m.name-1:m.valueEnd]...)
	}
	text[0] = '{'
	text = append(text, '}')
	d.scratch = text
	if canonical, ok := d.objects.find(text); ok {
		return canonical
	}
	canonical, err := health.CanonicalJSON(text)
	if err != nil {
		p.refuse("", "The point has an object in which a name is there twice.", "Send each field once.")
		return ""
	}
	if name, ok := tooLargeIn(text); ok {
		p.refuseTooLarge(name)
		return ""
	}
	return d.objects.keep(text, canonical)
}

// tooLargeIn looks in a JSON object for a number that no float64 holds, and returns the name it stands under.
func tooLargeIn(object []byte) (name string, found bool) {
	decoder := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return "", false
		}
		if token.Kind() != '0' {
			continue
		}
		if _, err := strconv.ParseFloat(token.String(), 64); err != nil {
			for name = range decoder.StackPointer().Tokens() {
				break
			}
			return shown([]byte(name)), true
		}
	}
}
