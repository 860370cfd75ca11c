package format

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
)

// appleRecord is what one Record says, in buffers that the next one uses again.
type appleRecord struct {
	typ                    *appleType
	source, unit           string
	value, start, end      []byte
	hasValue, hasStart     bool
	hasEnd, tooLong        bool
	zone                   []byte
	metadata, beats, other []byte // each "name\x00value\x00" again and again
}

// appleType is what is known of a type of record.
type appleType struct {
	name     string
	short    string // without the beginning that all quantities, or all categories, have
	form     appleForm
	fraction bool // its % is a fraction
}

type appleForm uint8

const (
	formQuantity appleForm = iota
	formSystolic
	formDiastolic
	formStage
	formStandHour
	formDuration
	formEvent
	formUnknown // a quantity if it has a number and a unit, else an event
)

// typeOf returns what is known of a type.
func (a *apple) typeOf(identifier []byte) *appleType {
	if t, ok := a.types[string(identifier)]; ok {
		return t
	}
	t := newAppleType(clean(identifier))
	if len(a.types) < maxRemembered {
		a.types[t.name] = t
	}
	return t
}

func newAppleType(name string) *appleType {
	if quantity, ok := strings.CutPrefix(name, hkQuantity); ok {
		t := &appleType{name: name, short: quantity, fraction: fromCatalog().fractions[quantity]}
		switch quantity {
		case "BloodPressureSystolic":
			t.form = formSystolic
		case "BloodPressureDiastolic":
			t.form = formDiastolic
		}
		return t
	}
	category, ok := strings.CutPrefix(name, hkCategory)
	t := &appleType{name: name, short: category, form: formEvent}
	switch {
	case !ok:
		t.form = formUnknown
	case category == "SleepAnalysis":
		t.form = formStage
	case category == "AppleStandHour":
		t.form = formStandHour
	case fromCatalog().durations[category]:
		t.form = formDuration
	}
	return t
}

// readRecord reads the Record whose Start has just come.
func (a *apple) readRecord() error {
	r := &a.record
	a.begin(r)
	attrs := a.scan.Attrs()
	for i := range attrs {
		if !isLeft(attrs[i].Name) {
			a.take(r, attrs[i].Name, a.scan.Value(&attrs[i]))
		}
	}
	inside := a.scan.Depth()
	for {
		kind, err := a.scan.Next()
		if err != nil {
			return err
		}
		switch {
		case kind == xmlscan.End && a.scan.Depth() < inside:
			return a.emitRecord(r, a.position("Record", "metric"), false)
		case kind == xmlscan.Start:
			a.child(r)
		}
	}
}

func (a *apple) begin(r *appleRecord) {
	*r = appleRecord{
		value: r.value[:0], start: r.start[:0], end: r.end[:0], zone: r.zone[:0],
		metadata: r.metadata[:0], beats: r.beats[:0], other: r.other[:0],
	}
}

// isLeft reports whether an attribute of a record is left: what belongs to the export rather than to the person, the
// version and the device that recorded, and when the sample was written.
func isLeft(name []byte) bool {
	switch string(name) {
	case "sourceVersion", "device", "creationDate":
		return true
	}
	return false
}

// take takes an attribute of a record. Of one that is there twice the first counts.
func (a *apple) take(r *appleRecord, name, value []byte) {
	switch string(name) {
	case "type":
		if r.typ == nil {
			r.typ = a.typeOf(value)
		}
	case "sourceName":
		if r.source == "" {
			r.source = a.text(value)
		}
	case "unit":
		if r.unit == "" {
			r.unit = a.text(value)
		}
	case "value":
		if !r.hasValue {
			r.value, r.hasValue = append(r.value, value...), true
		}
	case "startDate":
		if !r.hasStart {
			r.start, r.hasStart = append(r.start, value...), true
		}
	case "endDate":
		if !r.hasEnd {
			r.end, r.hasEnd = append(r.end, value...), true
		}
	default:
		r.other = appendPair(r.other, name, value)
	}
	r.tooLong = r.tooLong || len(value) > maxElement
}

// maxRecord bounds what is kept of the elements within one record.
const maxRecord = 1 << 20

// child takes an element within a record: metadata, a heart beat, or something new, whose attributes are kept.
func (a *apple) child(r *appleRecord) {
	if len(r.metadata)+len(r.beats)+len(r.other) > maxRecord {
		r.tooLong = true
		return
	}
	switch string(a.scan.Name()) {
	case "MetadataEntry":
		key, value := a.pair("key", "value")
		if string(key) == "HKTimeZone" {
			r.zone = append(r.zone[:0], value...)
		}
		r.metadata = appendPair(r.metadata, key, value)
	case "InstantaneousBeatsPerMinute":
		bpm, time := a.pair("bpm", "time")
		r.beats = appendPair(r.beats, bpm, time)
	default:
		for _, attr := range a.scan.Attrs() {
			r.other = appendPair(r.other, attr.Name, a.scan.Value(&attr))
		}
	}
}

// pair returns two attributes of the present element.
func (a *apple) pair(first, second string) (x, y []byte) {
	for _, attr := range a.scan.Attrs() {
		switch {
		case x == nil && string(attr.Name) == first:
			x = a.scan.Value(&attr)
		case y == nil && string(attr.Name) == second:
			y = a.scan.Value(&attr)
		}
	}
	return x, y
}

func appendPair(list, name, value []byte) []byte {
	list = appendWithoutNUL(list, name)
	list = append(list, 0)
	list = appendWithoutNUL(list, value)
	return append(list, 0)
}

func appendWithoutNUL(list, text []byte) []byte {
	if bytes.IndexByte(text, 0) < 0 {
		return append(list, text...)
	}
	for _, c := range text {
		if c != 0 {
			list = append(list, c)
		}
	}
	return list
}

// emitRecord yields what a record is: a sample, a stretch of sleep, or an event. component says that it is part of a
// Correlation.
func (a *apple) emitRecord(r *appleRecord, at health.Position, component bool) error {
	if r.typ == nil || r.typ.name == "" {
		return a.reject(at, "Record", "type", "The record has no type.", "Export again: the file may be damaged.")
	}
	t := r.typ
	at.Metric = t.name
	refuse := func(field, message, suggestion string) error { return a.reject(at, t.name, field, message, suggestion) }
	if r.tooLong || max(len(t.name), len(r.source), len(r.unit)) > maxText {
		return refuse("", "A text of the record is too long.", "Export again: the file may be damaged.")
	}
	if !r.hasStart {
		return refuse("startDate", `The field "startDate" is missing.`, timeSuggestion)
	}
	start, _, ok := parseTime(r.start, a.zones.home.location)
	if !ok {
		return refuse("startDate", `The field "startDate" is not a time that can be read.`, timeSuggestion)
	}
	end := start
	if r.hasEnd {
		if end, _, ok = parseTime(r.end, a.zones.home.location); !ok {
			return refuse("endDate", `The field "endDate" is not a time that can be read.`, timeSuggestion)
		}
	}
	if end < start {
		return refuse("endDate", `The time in "endDate" is before the start.`, "Check the clock of the device that recorded it.")
	}
	s := &a.sample[0]
	*s = health.NewSample()
	s.Metric, s.Unit, s.Source, s.Grain = t.name, r.unit, r.source, health.GrainRaw
	s.Start, s.End, s.Offset, s.Component = start, end, a.zones.offset(start, r.zone), component
	record := health.Record{Position: at, Type: t.name, Samples: a.sample[:]}

	form := t.form
	number, isNumber := xmlNumber(r.value)
	if form == formUnknown {
		form = formEvent
		if isNumber && r.unit != "" {
			form = formQuantity
		}
	}
	switch form {
	case formStage:
		stage := a.stage(r.value)
		if stage == "" || kept(r.value) != "" {
			return refuse("value", "The stretch of sleep does not say its stage.", "Export again: the file may be damaged.")
		}
		a.segment = health.Segment{
			Source: s.Source, Start: start, End: end, Offset: s.Offset, Stage: stage, Attributes: a.attributes(r, false),
		}
		return a.emit(health.Record{Position: at, Type: t.name, Segment: &a.segment})
	case formEvent:
		return a.emit(health.Record{Position: at, Type: t.name, Event: &health.Event{
			Kind: hkKindOf(t.short), Name: t.name, Start: start, End: end, Offset: s.Offset, Source: s.Source,
			Attributes: a.attributes(r, true),
		}})
	case formStandHour:
		s.Value, s.Unit = 0, "count"
		if bytes.HasSuffix(r.value, []byte("Stood")) || string(r.value) == "0" {
			s.Value = 1
		}
	case formDuration:
		s.Value, s.Unit = float64(end-start)/float64(health.Second), "s"
	default:
		if !isNumber {
			return refuse("value", `The field "value" is not a number.`, "Correct or delete the entry in the Health app and export again.")
		}
		if t.fraction && s.Unit == "%" && number <= 1 {
			number *= 100
		}
		a.quantity(s, form, number)
	}
	s.Attributes = a.attributes(r, false)
	return a.emit(record)
}

// stage returns the stage of sleep that a value says.
func (a *apple) stage(value []byte) health.Stage {
	if stage, ok := a.stages.find(value); ok {
		return health.Stage(stage)
	}
	stage, _ := health.ParseStage(clean(value))
	return health.Stage(a.stages.keep(value, string(stage)))
}

// quantity puts a value where it belongs. The two blood pressures become the one metric that holds both.
func (a *apple) quantity(s *health.Sample, form appleForm, v float64) {
	switch form {
	case formSystolic:
		s.Metric, s.Systolic = "blood_pressure", v
	case formDiastolic:
		s.Metric, s.Diastolic = "blood_pressure", v
	default:
		s.Value = v
	}
}

// xmlNumber reads a decimal number.
func xmlNumber(text []byte) (v float64, ok bool) {
	digits, points := 0, 0
	for i, c := range text {
		switch {
		case isDigit(c):
			digits++
		case c == '.':
			points++
		case c == '-' && (i == 0 || text[i-1]|0x20 == 'e'):
		case c == '+' && i > 0 && text[i-1]|0x20 == 'e':
		case c|0x20 == 'e' && digits > 0:
		default:
			return 0, false
		}
	}
	if digits == 0 || points > 1 {
		return 0, false
	}
	v, ok = parseNumber(text)
	return v, ok && !math.IsInf(v, 0)
}

// attributes returns everything else that the record said as a JSON object; withValue says that its value and unit are
// part of that.
func (a *apple) attributes(r *appleRecord, withValue bool) string {
	withValue = withValue && (r.hasValue || r.unit != "")
	if !withValue && len(r.metadata)+len(r.beats)+len(r.other) == 0 {
		return ""
	}
	key := append(a.scratch[:0], r.metadata...)
	key = append(append(key, 1, 0), r.beats...)
	key = append(append(key, 2, 0), r.other...)
	if withValue {
		key = append(append(append(append(key, 3, 0), r.value...), 0), r.unit...)
	}
	a.scratch = key
	if text, ok := a.metas.find(key); ok {
		return text
	}
	object := map[string]any{}
	for name, value := range pairs(r.other) {
		addMember(object, name, value)
	}
	if withValue && r.hasValue {
		object["value"] = clean(r.value)
	}
	if withValue && r.unit != "" {
		object["unit"] = r.unit
	}
	if metadata := map[string]any{}; len(r.metadata) > 0 {
		for name, value := range pairs(r.metadata) {
			addMember(metadata, name, value)
		}
		object["metadata"] = metadata
	}
	var beats []heartBeat
	for bpm, time := range pairs(r.beats) {
		beats = append(beats, heartBeat{bpm, time})
	}
	if beats != nil {
		object["beats"] = beats
	}
	return a.metas.keep(key, jsonText(object))
}

// heartBeat is one of a heart rate variability. Its time has no day, and is written as the phone shows times.
type heartBeat struct {
	BPM  string `json:"bpm"`
	Time string `json:"time"`
}

// addMember adds a member to an object. Where it has one of that name already that says something else, both are kept,
// in a list.
func addMember(object map[string]any, name, value string) {
	switch have := object[name].(type) {
	case nil:
		object[name] = value
	case string:
		if have != value {
			object[name] = []string{have, value}
		}
	case []string:
		if !slices.Contains(have, value) {
			object[name] = append(have, value)
		}
	}
}

// pairs yields what appendPair has put together.
func pairs(list []byte) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for len(list) > 0 {
			name, rest, _ := bytes.Cut(list, []byte{0})
			value, rest, _ := bytes.Cut(rest, []byte{0})
			if !yield(clean(name), clean(value)) {
				return
			}
			list = rest
		}
	}
}

// jsonText returns an object of texts, lists and objects as canonical JSON, "" for an empty one.
func jsonText(object map[string]any) string {
	if len(object) == 0 {
		return ""
	}
	text, err := json.Marshal(object, json.Deterministic(true))
	if err == nil {
		var canonical string
		if canonical, err = health.CanonicalJSON(text); err == nil {
			return canonical
		}
	}
	panic(fmt.Sprintf("valid texts are no JSON: %v", err))
}
