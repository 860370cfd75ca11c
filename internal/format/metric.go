package format

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

var (
	timeFields       = setOf(fieldDate, fieldStart, fieldEnd)
	valueFields      = setOf(fieldQty, fieldMin, fieldAvg, fieldMax, fieldSystolic, fieldDiastolic)
	consumedBySample = timeFields | valueFields | setOf(fieldSource)
)

// maxPoint bounds the bytes of one point of a metric: the memory to decode it grows with its fields.
const maxPoint = 1 << 20

// countNames are the fields, in lower case, of a point that has named counts instead of a qty.
var countNames = []string{"unspecified", "protection used", "protection not used"}

// decodePoint decodes one point of a metric and emits it.
func (d *jsonDecoder) decodePoint(p *metricPoint, entry *metricEntry) error {
	switch {
	case len(p.text) > maxPoint:
		return d.reject(p.entry, newRejection(p.at, "", fmt.Sprintf("The point is longer than %d bytes.", maxPoint),
			"Send less with each point."))
	case p.rejection != nil:
		return d.reject(p.entry, p.rejection)
	case isSegment(p, entry):
		return d.decodeSegment(p)
	case isNight(p, entry):
		return d.decodeNight(p, entry)
	}
	return d.decodeSample(p)
}

func (d *jsonDecoder) decodeSample(p *metricPoint) error {
	s := &d.samples[0]
	*s = d.emptySample
	consumed := consumedBySample
	p.setAsideNested()
	s.Start, s.End, s.Offset = p.span(&consumed)
	var warnings []health.Warning
	if p.present&valueFields != 0 {
		s.Value, s.Min, s.Max = p.number(fieldQty), p.number(fieldMin), p.number(fieldMax)
		s.Systolic, s.Diastolic = p.number(fieldSystolic), p.number(fieldDiastolic)
	} else if sum, counted := p.sumNamedCounts(); counted {
		s.Value = sum
	} else {
		s.Grain = health.GrainRaw
		warnings = p.keepParts()
	}
	if p.present.has(fieldAvg) {
		s.Value = p.number(fieldAvg)
		consumed &^= setOf(fieldQty)
	}
	s.Source = d.pointSource(p, fieldSource, &consumed)
	p.addAttributes(consumed)
	s.Attributes = d.pointAttributes(p)
	if p.rejection != nil {
		return d.reject(p.entry, p.rejection)
	}
	return d.emit(health.Record{Position: p.at, Entry: p.entry, Samples: d.samples[:], Warnings: warnings})
}

// setAsideNested makes attributes of fields of a value that hold an object or a list: a form of the point that is not
// known.
func (p *metricPoint) setAsideNested() {
	for f := fieldQty; f <= fieldDiastolic; f++ {
		if p.present.has(f) && (p.raw(f)[0] == '{' || p.raw(f)[0] == '[') {
			p.present &^= setOf(f)
			p.attributes = append(p.attributes, p.index[f])
		}
	}
}

// keepParts returns the warning about a point without a value that is known, whose parts become attributes. It rejects
// the point where it has no parts.
func (p *metricPoint) keepParts() []health.Warning {
	names := p.parts()
	if len(names) == 0 {
		p.reject("qty", "The point has no value.",
			"Send qty as a number; or Min, Avg and Max; or systolic and diastolic.")
	}
	return []health.Warning{{
		Position: p.at, Code: health.UnknownShape,
		Message: "The point has no value in a form that is known. It is stored with its parts, without a value.",
		Details: map[string]any{"fields": names},
	}}
}

// annotations are fields that say something about a value, and are none themselves.
var annotations = []string{"metadata", "context", "source_uuid"}

// parts returns the names of the fields, up to maxListedNames, that may hold the value of a point of unknown shape.
func (p *metricPoint) parts() (names []string) {
	add := func(i int) {
		name := printable(p.members[i].nameIn(p.text))
		if !p.isEmpty(i) && !slices.Contains(annotations, name) && len(names) < maxListedNames {
			names = append(names, name)
		}
	}
	for _, i := range p.attributes {
		add(i)
	}
	if p.present.has(fieldValue) {
		add(p.index[fieldValue])
	}
	return names
}

// span returns the start and end of the point: date, or start and end where they were sent. A date that differs from
// start says where the point belongs, such as the day of a night's temperature; then it is the time of the point, and
// start and end are removed from consumed, which makes them attributes.
func (p *metricPoint) span(consumed *fieldSet) (start, end health.Instant, offset int32) {
	if p.present&timeFields == setOf(fieldDate) {
		start, offset, _ = p.time(fieldDate)
		return start, start, offset
	}
	date, dateOffset, dated := p.time(fieldDate)
	start, offset, started := p.time(fieldStart)
	switch {
	case started && dated && date != start:
		*consumed &^= setOf(fieldStart, fieldEnd)
		return date, date, dateOffset
	case !started && dated:
		start, offset = date, dateOffset
	case !started:
		p.reject("date", "The point has no date.", timeSuggestion)
	}
	end, _, ended := p.time(fieldEnd)
	if !ended {
		end = start
	}
	if end < start {
		name := p.nameOf(fieldEnd)
		p.reject(name, fmt.Sprintf("The time in %q is before the start.", name), "Send an end that is not before the start, or none.")
	}
	return start, end, offset
}

// sumNamedCounts returns the sum of the named counts of a point, which also become attributes; counted is false where
// there is none.
func (p *metricPoint) sumNamedCounts() (sum float64, counted bool) {
	for _, i := range p.attributes {
		m := &p.members[i]
		name := strings.ToLower(string(m.nameIn(p.text)))
		for _, count := range countNames {
			if v, ok := parseNumberValue(p.value(m)); ok && name == count {
				sum, counted = sum+v, true
			}
		}
	}
	return sum, counted
}

// pointSource returns the source in a field: text, or the name in an object. A field that is not text is removed from
// consumed, which makes it an attribute as well.
func (d *jsonDecoder) pointSource(p *metricPoint, f field, consumed *fieldSet) string {
	if !p.present.has(f) {
		return ""
	}
	raw := p.raw(f)
	if raw[0] != '"' {
		*consumed &^= setOf(f)
	}
	if source, ok := d.sources.get(raw); ok {
		return source
	}
	text := sourceText(raw)
	if reason := unstorable(text); reason != "" {
		name := p.nameOf(f)
		p.reject(name, fmt.Sprintf("The field %q %s.", name, reason), fmt.Sprintf("Send at most %d bytes of plain text.", maxText))
	}
	return d.sources.put(raw, string(text))
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

// pointAttributes returns the members that become attributes as canonical JSON, "" where there are none.
func (d *jsonDecoder) pointAttributes(p *metricPoint) string {
	if len(p.attributes) == 0 || p.rejection != nil {
		return ""
	}
	text := d.scratch[:0]
	for _, i := range p.attributes {
		m := &p.members[i]
		text = append(text, ',')
		text = append(text, p.text[m.name-1:m.valueEnd]...)
	}
	text[0] = '{'
	text = append(text, '}')
	d.scratch = text
	if canonical, ok := d.objects.get(text); ok {
		return canonical
	}
	canonical, err := health.CanonicalJSON(text)
	if err != nil {
		p.reject("", "The point has an object in which a name is there twice.", "Send each field once.")
		return ""
	}
	if name, ok := findTooLarge(text); ok {
		p.rejectTooLarge(name)
		return ""
	}
	return d.objects.put(text, canonical)
}

// findTooLarge returns the name of the member of a JSON object that holds a number too large for a float64.
func findTooLarge(object []byte) (name string, found bool) {
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
			return printable(name), true
		}
	}
}
