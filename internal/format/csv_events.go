package format

import (
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The names of the known columns of a table of events. Every other column becomes an attribute.
var (
	eventStarts = []string{"start", "start date", "date/time", "date", "timestamp", "time", "scheduled date"}
	eventEnds   = []string{"end", "end date"}
	eventNames  = []string{"name", "symptom", "medication", "display text", "nickname", "notification", "type", "kind", "classification"}
)

// decodeEvents emits one event per row, with all its cells.
func (d *csvDecoder) decodeEvents(t *table, name fileName) error {
	start, end := findColumn(t.header, eventStarts...), findColumn(t.header, eventEnds...)
	called, source := findColumn(t.header, eventNames...), findColumn(t.header, sourceColumns...)
	return t.eachRow(func() error { return d.decodeEventRow(t, eventColumns{name.event, start, end, called, source}) })
}

// eventColumns has the kind of the events and the indexes of the known columns, -1 for one that there is not.
type eventColumns struct {
	kind                     string
	start, end, name, source int
}

func (d *csvDecoder) decodeEventRow(t *table, c eventColumns) error {
	at := health.Position{Type: c.kind, Entry: d.events, Point: -1}
	d.events++
	e := health.Event{Kind: c.kind, Name: strings.Clone(t.cell(c.name)), Source: d.cachedSource(t.cell(c.source))}
	var ok bool
	if e.Start, e.Offset, ok = d.times.parse([]byte(t.cell(c.start))); !ok {
		return d.rejectTime(at, t, c.start)
	}
	if e.End, _, ok = d.times.parse([]byte(t.cell(c.end))); !ok || e.End < e.Start {
		e.End = 0
	}
	attributes := map[string]any{}
	for i, h := range t.header {
		if text := t.cell(i); text != "" && h.name != "" && i != c.start && i != c.source && (i != c.end || e.End == 0) {
			attributes[h.text] = text
		}
	}
	var err error
	if e.Attributes, err = canonicalObject(attributes); err != nil || unstorableText(e.Name) != "" || unstorableText(e.Source) != "" {
		return d.reject(at, "", "A text of the row is too long, or holds characters that cannot be kept.", "Send the file as the app wrote it.")
	}
	return d.emit(health.Record{Event: &e, Position: at})
}
