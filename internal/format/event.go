package format

import (
	"fmt"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// eventSchema says which fields one kind of event has. Every other field becomes an attribute, as sent.
type eventSchema struct {
	kind string
	// name are the fields that may hold the name, in order of preference.
	name []string
	// start are the fields that may hold the start, in order of preference.
	start []string
	// flow is true where a field "flow" may take the place of the name.
	flow bool
	// alsoAttribute is a field that becomes an attribute even where it is the start.
	alsoAttribute string
	// nameless is true where an event need not have a name.
	nameless bool
}

// startFields and endFields are the fields that may hold the start and the end of an event.
var (
	startFields = []string{"start", "startDate", "date", "timestamp", "recorded_at", "time"}
	endFields   = []string{"end", "endDate"}
)

// The kinds of event that the app sends in arrays of their own. Names are in the language of the phone.
var (
	symptoms      = eventSchema{kind: "symptom", name: []string{"name"}, start: startFields}
	cycleTracking = eventSchema{kind: "cycle_tracking", name: []string{"name"}, start: startFields, flow: true}
	stateOfMind   = eventSchema{kind: "state_of_mind", name: []string{"kind"}, start: startFields, nameless: true}
	medications   = eventSchema{
		kind: health.Medication, name: []string{"displayText", "nickname", "name"},
		start: append([]string{"start", "scheduledDate"}, startFields[1:]...), alsoAttribute: "scheduledDate",
	}
	heartRateNotifications = eventSchema{
		kind: "heart_rate_notification", name: []string{"heartNotification", "type", "name"}, start: startFields,
		nameless: true,
	}
)

// decode is the elementDecoder of the schema.
func (s eventSchema) decode(raw []byte, at health.Position, o Options) (health.Record, error) {
	e := readElement(raw, at, o)
	event := health.Event{Kind: s.kind}
	event.AppID = e.id("id", "uuid")
	event.Name = e.eventName(s)
	event.Start, event.Offset = e.requireInstant(s.start...)
	if m := e.find(s.alsoAttribute); m != nil {
		m.used = false
	}
	event.End, _, _ = e.instant(endFields...)
	e.checkSpan("end", event.Start, event.End)
	event.Source = e.source()
	event.Attributes = e.attributes()
	return e.finish(health.Record{Event: &event})
}

// eventName returns the name without the spaces with which the app pads some. A padded name becomes an attribute as
// well, as it was sent.
func (e *elementReader) eventName(s eventSchema) string {
	sent, m := e.textOf(s.name...)
	name := strings.TrimSpace(sent)
	if name != sent {
		m.used = false
	}
	switch {
	case name != "" || s.nameless:
		return name
	case s.flow && e.find("flow") != nil:
		return "flow"
	}
	e.rejectMissing(s.name[0])
	return ""
}

// unknownDecoder returns the decoder of a top-level array that is not known. Its elements become events whose kind is
// the key.
func unknownDecoder(key string) elementDecoder {
	return func(raw []byte, at health.Position, o Options) (health.Record, error) {
		e := newElementReader(at, o)
		canonical, err := health.CanonicalJSON(raw)
		if err == nil && canonical[0] != '{' {
			canonical = `{"value":` + canonical + `}`
			raw = []byte(canonical)
		}
		if err != nil {
			e.rejectUnreadable(fmt.Errorf("it is not valid JSON, or a name is there twice in one object"))
		} else if err := e.read(raw); err != nil {
			e.rejectUnreadable(err)
		}
		event := e.unknownEvent(key, canonical)
		e.warn(health.UnknownType,
			fmt.Sprintf("Nothing is known about elements of %q yet. It was stored as an event, with all its fields.", printable(key)),
			map[string]any{"type": printable(key)})
		return e.finish(health.Record{Event: event})
	}
}

func (e *elementReader) unknownEvent(key, canonical string) *health.Event {
	event := &health.Event{Kind: key}
	if reason := unstorableText(key); reason != "" {
		e.reject(printable(key), "The name of this array "+reason+".",
			fmt.Sprintf("Give the array a name of at most %d bytes.", maxText))
	}
	event.AppID = e.id("id", "uuid")
	event.Name = e.text("name", "type")
	event.Start, event.Offset = e.lenientInstant(startFields...)
	if event.Start != 0 {
		event.End, _ = e.lenientInstant(endFields...)
	}
	event.Source = e.source()
	event.Attributes = e.attributes()
	if event.AppID == "" && event.Start == 0 {
		event.Digest = digestOf(canonical)
	}
	return event
}

// lenientInstant uses the first of the named fields that can be read as a time. Unlike instant it rejects nothing,
// since the fields of an unknown type may mean anything.
func (e *elementReader) lenientInstant(names ...string) (at health.Instant, offset int32) {
	for _, name := range names {
		m := e.find(name)
		if m == nil {
			continue
		}
		if at, offset, ok := e.times.parseValue(m.value); ok {
			m.used = true
			return at, offset
		}
	}
	return 0, 0
}
