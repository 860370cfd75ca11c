package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The fields that may hold the start and the end of a reading in the typed form.
var (
	typedStart = []string{"start_time", "started_at", "recorded_at", "start", "startDate", "date", "timestamp"}
	typedEnd   = []string{"end_time", "ended_at", "end", "endDate"}
)

// decodeTyped decodes one object of the typed form, whose type says which fields it has, or one with HealthKit's names.
// An object without a type has that of the array it came in (at.Metric).
//
// One object may hold several quantities; they are one record with several samples. Every other field becomes an
// attribute of each of them.
func decodeTyped(raw []byte, at health.Position, o Options) (health.Record, error) {
	e := readElement(raw, at, o)
	if e.rejection != nil {
		return e.finish(health.Record{})
	}
	name := e.text("type")
	if name == "" {
		name = at.Metric
	}
	if strings.HasPrefix(name, "HK") {
		return e.healthKit(name)
	}
	e.ignoreDatabaseKeys()
	family := familyName(name)
	switch {
	case family == "workout" || family == "" && e.find("workout_type") != nil:
		return e.typedWorkout()
	case family == "sleep":
		e.at.Metric = name
		return e.typedSleep()
	}
	if schema, ok := typedEvents[family]; ok {
		return e.typedEvent(schema, name)
	}
	if schema, ok := fromCatalog().schemas[family]; ok {
		e.at.Metric = name
		return e.decodeTypedReading(schema)
	}
	e.reject("type", fmt.Sprintf("The type %q is not one of the typed form.", printable(name)),
		"Send one of: "+strings.Join(typedNames(), ", ")+".")
	return e.finish(health.Record{})
}

// familyName normalises a type of the typed form: HeartRate, heart_rate and "heart rate" are the same.
func familyName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// peekText returns the text of a field without using it.
func (e *elementReader) peekText(name string) string {
	m := e.find(name)
	if m == nil {
		return ""
	}
	text, _ := unquoted(m.value)
	return string(text)
}

// ignoreDatabaseKeys drops the fields that come from the database the object was exported from.
func (e *elementReader) ignoreDatabaseKeys() {
	for _, name := range []string{"id", "user_id", "created_at"} {
		for i := range e.members {
			if string(e.members[i].name) == name {
				e.members[i].used = true
			}
		}
	}
}

// typedInstant uses the time of the object, which it must have. A start takes precedence over the time of recording.
func (e *elementReader) typedInstant() (at health.Instant, offset int32) {
	at, offset, ok := e.instant(typedStart...)
	if !ok {
		e.rejectWithoutTime("recorded_at")
	}
	return at, offset
}

// decodeTypedReading reads the quantities of an object.
func (e *elementReader) decodeTypedReading(schema typedSchema) (health.Record, error) {
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
	samples := e.typedSamples(schema, sample)
	if len(samples) == 0 {
		return e.flagEvent(schema, sample)
	}
	e.warnUnknown(schema)
	attributes := e.attributes()
	for i := range samples {
		samples[i].Attributes = attributes
	}
	return e.finish(health.Record{Samples: samples})
}

// typedSamples reads the quantities: one sample per metric, each a copy of sample with its own values.
func (e *elementReader) typedSamples(schema typedSchema, sample health.Sample) []health.Sample {
	var samples []health.Sample
	for _, field := range schema.fields {
		m := e.find(field.name)
		if m == nil {
			continue
		}
		v, ok := field.number(m)
		if !ok {
			e.reject(field.name, fmt.Sprintf("The field %q is not a number.", field.name), "Send a number, or leave the field out.")
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
		if slot := field.kind.in(&samples[i]); health.IsAbsent(*slot) {
			*slot, m.used = v, true
		}
	}
	return samples
}

// flagEvent returns an object without quantities as the event that its schema has a flag for, and rejects it where the
// flag is not set.
func (e *elementReader) flagEvent(schema typedSchema, at health.Sample) (health.Record, error) {
	if m := e.find(schema.event); m != nil && string(m.value) == "true" {
		m.used = true
		return e.finishEvent(safetyEvent, health.Event{
			Name: schema.event, Start: at.Start, Offset: at.Offset, Source: at.Source,
		})
	}
	e.reject("type", "This object has no quantity that its type knows.",
		"Send at least one of the fields of the type as a number: "+strings.Join(schema.fieldNames(), ", ")+".")
	return e.finish(health.Record{})
}

// checkRange rejects the element where v is outside the range that the typed form allows. An absent value is valid, and
// every value is where allowed is nil.
func (e *elementReader) checkRange(field string, v float64, allowed *valueRange) {
	if allowed == nil || health.IsAbsent(v) || v >= allowed.min && v <= allowed.max {
		return
	}
	if e.rejection != nil {
		return // the details are those of the first fault
	}
	e.reject(field, fmt.Sprintf("The field %q is outside %g to %g %s.", field, allowed.min, allowed.max, allowed.unit),
		"Check the value and its unit.")
	e.rejection.Details["min"], e.rejection.Details["max"] = allowed.min, allowed.max
}

// warnUnknown adds a warning with the fields that the schema does not know. They become attributes, unless they are
// null.
func (e *elementReader) warnUnknown(schema typedSchema) {
	var unknown []string
	for m := range e.unused() {
		switch {
		case schema.knows(string(m.name)):
		case m.value.Kind() == 'n':
			m.used = true
		case len(unknown) < maxListedNames:
			unknown = append(unknown, printable(m.name))
		}
	}
	if len(unknown) == 0 {
		return
	}
	slices.Sort(unknown)
	e.warn(health.UnknownField, "Some fields of this object are not known for its type; they were kept as they are.",
		map[string]any{"fields": unknown})
}

// typedEvent reads an object that is an event. Its other fields become attributes.
func (e *elementReader) typedEvent(schema eventSchema, typeName string) (health.Record, error) {
	event := health.Event{Name: e.text(schema.name...)}
	event.Start, event.Offset = e.typedInstant()
	event.End, _, _ = e.instant(typedEnd...)
	e.checkSpan("end_time", event.Start, event.End)
	event.Source = e.source()
	if event.Name == "" {
		event.Name = typeName
		if e.attributes() == "" {
			e.reject("type", "This object says nothing but its type and time.", "Send at least one field that says what happened.")
		}
	}
	return e.finishEvent(schema.kind, event)
}

// finishEvent finishes an element of a metrics array that is an event.
func (e *elementReader) finishEvent(kind string, event health.Event) (health.Record, error) {
	e.at.Type, e.at.Metric = kind, ""
	event.Kind = kind
	event.Attributes = e.attributes()
	return e.finish(health.Record{Event: &event})
}

// typedSleep reads one night. Durations are minutes; zero means not recorded.
func (e *elementReader) typedSleep() (health.Record, error) {
	night := health.NewNight()
	var started, ended bool
	night.SleepStart, night.Offset, started = e.instant("sleep_start", "start_time", "started_at")
	if at, offset, sent := e.instant("sleep_end", "end_time", "ended_at"); sent {
		if started {
			night.OffsetChange = offset - night.Offset
		}
		night.SleepEnd, night.Offset, ended = at, offset, true
	}
	if ended {
		night.Date = night.SleepEnd.Date(night.Offset)
	} else if at, offset, sent := e.instant("recorded_at", "date"); sent {
		night.Date, night.Offset = at.Date(offset), offset
	} else {
		e.rejectWithoutTime("sleep_end")
	}
	e.checkSpan("sleep_end", night.SleepStart, night.SleepEnd)
	if night.SleepStart != 0 && night.SleepEnd != 0 && !health.PossibleNight(night.SleepStart, night.SleepEnd) {
		night.SleepStart, night.SleepEnd, night.OffsetChange = 0, 0, 0
		e.warn(health.ImplausibleSleep, "The times sleep_start and sleep_end cannot be those of one night and were left out.",
			map[string]any{"fields": []string{"sleep_start", "sleep_end"}})
	}
	night.SetDate()
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
		*d.hours = e.hoursFromMinutes(d.field)
	}
	if !night.HasFigures() {
		e.reject("type", "This night has neither a start and an end nor any duration.",
			"Send sleep_start and sleep_end, or at least duration_minutes.")
	}
	e.warnUnknown(typedSchema{notes: []string{"efficiency", "date"}})
	night.Attributes = e.attributes()
	return e.finish(health.Record{Night: &night})
}

// hoursFromMinutes returns the hours of a duration that was sent in minutes.
func (e *elementReader) hoursFromMinutes(field string) float64 {
	m := e.find(field)
	if m == nil {
		return health.Absent()
	}
	v, ok := parseNumberValue(m.value)
	if !ok || v < 0 {
		e.reject(field, fmt.Sprintf("The field %q is not a number of minutes.", field), "Send a number that is not negative.")
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
func (e *elementReader) typedWorkout() (health.Record, error) {
	e.at.Type, e.at.Metric = "workout", ""
	e.ignoreDatabaseKeys()
	w := newWorkout()
	w.Name = e.requireText("workout_type", "name", "activity_type")
	e.text("type")
	e.workoutFields(&w)
	e.warnUnknown(typedSchema{})
	w.Attributes = e.attributes()
	return e.finish(health.Record{Workout: &w})
}
