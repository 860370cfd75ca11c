package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The names that the times of a reading go by in the typed form and its relatives.
var (
	typedStart = []string{"start_time", "started_at", "recorded_at", "start", "startDate", "date", "timestamp"}
	typedEnd   = []string{"end_time", "ended_at", "end", "endDate"}
)

// decodeTyped reads one object of the typed form, a reading whose fields are told by its type, or one with HealthKit's
// names. Where the object itself has no type, that of the array it came in (at.Metric) is its type.
//
// One object may carry several quantities; they are one record with several samples. What is no quantity but known
// becomes an attribute of all of them.
func decodeTyped(raw []byte, at health.Position, o Options) (health.Record, error) {
	e := readElement(raw, at, o)
	if e.refusal != nil {
		return e.finish(health.Record{})
	}
	name := e.text("type")
	if name == "" {
		name = at.Metric
	}
	if strings.HasPrefix(name, "HK") {
		return e.healthKit(name)
	}
	e.ignoreKeys()
	family := familyName(name)
	switch {
	case family == "workout" || family == "" && e.find("workout_type") != nil:
		return e.typedWorkout()
	case family == "sleep":
		e.at.Metric = name
		return e.typedSleep()
	}
	if form, ok := typedEvents[family]; ok {
		return e.typedEvent(form, name)
	}
	if form, ok := fromCatalog().readings[family]; ok {
		e.at.Metric = name
		return e.typedReading(form)
	}
	e.refuse("type", fmt.Sprintf("The type %q is not one of the typed form.", shown([]byte(name))),
		"Send one of: "+strings.Join(typedNames(), ", ")+".")
	return e.finish(health.Record{})
}

// familyName returns a type of the typed form as it is looked up: HeartRate, heart_rate and "heart rate" are the same.
func familyName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// peekText returns the text of a field without using it.
func (e *element) peekText(name string) string {
	m := e.find(name)
	if m == nil {
		return ""
	}
	text, _ := unquoted(m.value)
	return string(text)
}

// ignoreKeys drops the fields that say where the object was kept before, and nothing about the person.
func (e *element) ignoreKeys() {
	for _, name := range []string{"id", "user_id", "created_at"} {
		for i := range e.members {
			if string(e.members[i].name) == name {
				e.members[i].used = true
			}
		}
	}
}

// typedInstant uses the time of the object, which it must have. That it began is better than that it was recorded.
func (e *element) typedInstant() (at health.Instant, offset int32) {
	at, offset, ok := e.instant(typedStart...)
	if !ok {
		e.refuseWithoutTime("recorded_at")
	}
	return at, offset
}

// typedReading reads the quantities of an object.
func (e *element) typedReading(form readingForm) (health.Record, error) {
	sample := health.NewSample()
	sample.Grain = health.GrainRaw
	sample.Start, sample.Offset = e.typedInstant()
	if end, _, ok := e.instant(typedEnd...); ok {
		sample.End = end
	} else {
		sample.End = sample.Start
	}
	e.checkSpan("end_time", sample.Start, sample.End)
	sample.Source = e.source()
	samples := e.typedSamples(form, sample)
	if len(samples) == 0 {
		return e.withoutQuantity(form, sample)
	}
	e.warnUnknown(form)
	attributes := e.attributes()
	for i := range samples {
		samples[i].Attributes = attributes
	}
	return e.finish(health.Record{Samples: samples})
}

// typedSamples takes the quantities: one sample per metric, each a copy of sample with its own values.
func (e *element) typedSamples(form readingForm, sample health.Sample) []health.Sample {
	var samples []health.Sample
	for _, field := range form.fields {
		m := e.find(field.name)
		if m == nil {
			continue
		}
		v, ok := field.number(m)
		if !ok {
			e.refuse(field.name, fmt.Sprintf("The field %q is not a number.", field.name), "Send a number, or leave the field out.")
			continue
		}
		e.checkFinite(field.name, v)
		e.checkRange(field.name, v, field.allowed)
		i := slices.IndexFunc(samples, func(s health.Sample) bool { return s.Metric == field.metric })
		if i < 0 {
			sample.Metric, sample.Unit = field.metric, field.unit
			samples = append(samples, sample)
			i = len(samples) - 1
		}
		if slot := field.part.of(&samples[i]); health.IsAbsent(*slot) {
			*slot, m.used = v, true
		}
	}
	return samples
}

// withoutQuantity refuses the object, unless it says that something happened.
func (e *element) withoutQuantity(form readingForm, at health.Sample) (health.Record, error) {
	if m := e.find(form.event); m != nil && string(m.value) == "true" {
		m.used = true
		return e.happened(safetyEvent, health.Event{
			Name: form.event, Start: at.Start, Offset: at.Offset, Source: at.Source,
		})
	}
	e.refuse("type", "This object has no quantity that its type knows.",
		"Send at least one of the fields of the type as a number: "+strings.Join(form.fieldNames(), ", ")+".")
	return e.finish(health.Record{})
}

// checkRange refuses the element where v is outside what the typed form allows. An absent value, and a nil range, are
// always fine.
func (e *element) checkRange(field string, v float64, allowed *valueRange) {
	if allowed == nil || health.IsAbsent(v) || v >= allowed.min && v <= allowed.max {
		return
	}
	e.refuse(field, fmt.Sprintf("The field %q is outside %g to %g %s.", field, allowed.min, allowed.max, allowed.unit),
		"Check the value and its unit.")
	e.refusal.Details["min"], e.refusal.Details["max"] = allowed.min, allowed.max
}

// warnUnknown names the fields that the form does not know. They become attributes, unless they are null.
func (e *element) warnUnknown(form readingForm) {
	var unknown []string
	for m := range e.unused() {
		switch {
		case form.knows(string(m.name)):
		case m.value.Kind() == 'n':
			m.used = true
		case len(unknown) < maxNamed:
			unknown = append(unknown, shown(m.name))
		}
	}
	if len(unknown) == 0 {
		return
	}
	slices.Sort(unknown)
	e.warn(health.UnknownField, "Some fields of this object are not known for its type; they were kept as they are.",
		map[string]any{"fields": unknown})
}

// typedEvent reads an object that says what happened: all its fields are attributes.
func (e *element) typedEvent(form eventForm, typeName string) (health.Record, error) {
	event := health.Event{Name: e.text(form.name...)}
	event.Start, event.Offset = e.typedInstant()
	event.End, _, _ = e.instant(typedEnd...)
	e.checkSpan("end_time", event.Start, event.End)
	event.Source = e.source()
	if event.Name == "" {
		event.Name = typeName
		if e.attributes() == "" {
			e.refuse("type", "This object says nothing but its type and time.", "Send at least one field that says what happened.")
		}
	}
	return e.happened(form.kind, event)
}

// happened finishes an element of a metrics array that turned out to be an event.
func (e *element) happened(kind string, event health.Event) (health.Record, error) {
	e.at.Type, e.at.Metric = kind, ""
	event.Kind = kind
	event.Attributes = e.attributes()
	return e.finish(health.Record{Event: &event})
}

// typedSleep reads one night. Durations are minutes in this form; zero means not recorded.
func (e *element) typedSleep() (health.Record, error) {
	night := health.NewNight()
	var ok bool
	night.SleepStart, night.Offset, _ = e.instant("sleep_start", "start_time", "started_at")
	if at, offset, sent := e.instant("sleep_end", "end_time", "ended_at"); sent {
		night.SleepEnd, night.Offset, ok = at, offset, true
	}
	if ok {
		night.Date = night.SleepEnd.Date(night.Offset)
	} else if at, offset, sent := e.instant("recorded_at", "date"); sent {
		night.Date, night.Offset = at.Date(offset), offset
	} else {
		e.refuseWithoutTime("sleep_end")
	}
	e.checkSpan("sleep_end", night.SleepStart, night.SleepEnd)
	night.Source = e.source()
	for _, d := range []struct {
		field string
		hours *float64
	}{
		{"duration_minutes", &night.Total},
		{"deep_sleep_minutes", &night.Deep},
		{"rem_sleep_minutes", &night.REM},
		{"light_sleep_minutes", &night.Core},
		{"awake_minutes", &night.Awake},
	} {
		*d.hours = e.minutes(d.field)
	}
	if _, _, spans := night.Span(); !spans && health.IsAbsent(night.Total) && health.IsAbsent(night.Deep) &&
		health.IsAbsent(night.REM) && health.IsAbsent(night.Core) && health.IsAbsent(night.Awake) {
		e.refuse("type", "This night has neither a start and an end nor any duration.",
			"Send sleep_start and sleep_end, or at least duration_minutes.")
	}
	e.warnUnknown(readingForm{notes: []string{"efficiency", "date"}})
	night.Attributes = e.attributes()
	return e.finish(health.Record{Night: &night})
}

// minutes returns a duration in hours that was sent in minutes.
func (e *element) minutes(field string) float64 {
	m := e.find(field)
	if m == nil {
		return health.Absent()
	}
	v, ok := numberOf(m.value)
	if !ok || v < 0 {
		e.refuse(field, fmt.Sprintf("The field %q is not a number of minutes.", field), "Send a number that is not negative.")
		return health.Absent()
	}
	e.checkFinite(field, v)
	m.used = true
	if v == 0 {
		return health.Absent()
	}
	return v / 60
}

// typedWorkout reads a workout of the typed form.
func (e *element) typedWorkout() (health.Record, error) {
	e.at.Type, e.at.Metric = "workout", ""
	e.ignoreKeys()
	w := newWorkout()
	w.Name = e.requireText("workout_type", "name", "activity_type")
	e.text("type")
	e.workout(&w)
	e.warnUnknown(readingForm{})
	w.Attributes = e.attributes()
	return e.finish(health.Record{Workout: &w})
}
