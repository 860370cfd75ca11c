package format

import (
	"cmp"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// readElement reads the element whose Start was scanned last and which is not a Record.
func (a *appleDecoder) readElement() error {
	n, whole, err := a.readNode()
	if err != nil {
		return err
	}
	typ := n.name
	if t := n.attr("type"); strings.HasPrefix(t, "HK") {
		typ = t
	}
	if !whole || len(typ) > maxText {
		return a.reject(a.nextPosition(n.name, snakeCase(n.name)), n.name, "", "The element is too large.",
			exportAgain)
	}
	switch n.name {
	case "ExportDate":
		a.readExportDate(n)
		return nil
	case "Correlation":
		return a.emitCorrelation(n, typ)
	case "Workout":
		return a.emitWorkout(n)
	case "ActivitySummary":
		return a.emitActivitySummary(n)
	case "Me":
		return a.emit(health.Record{
			Position: a.nextPosition("Me", "characteristics"), Type: "Me",
			Event: &health.Event{Kind: "characteristics", Attributes: mustCanonicalObject(n.object())},
		})
	case "ClinicalRecord":
		return a.emitClinicalRecord(n, typ)
	}
	return a.emitEvent(n, typ, n.attr("type"), n.object(eventAttributes...))
}

// readExportDate passes the time of the export to Options.AsOf.
func (a *appleDecoder) readExportDate(n *node) {
	if at, _, ok := a.times.parse([]byte(n.attr("value"))); ok && a.options.AsOf != nil {
		a.options.AsOf(at)
	}
}

// eventAttributes are the attributes that become fields of an event.
var eventAttributes = []string{"sourceName", "startDate", "endDate"}

// emitEvent emits an element as an event: an audiogram, a prescription, a state of mind, or an unknown one. Its kind is
// the name of the element, name is the kind within that, and object has what becomes attributes.
func (a *appleDecoder) emitEvent(n *node, typ, name string, object map[string]any) error {
	kind := snakeCase(n.name)
	at := a.nextPosition(n.name, kind)
	e := &health.Event{Kind: kind, Name: name, Source: n.attr("sourceName"), AppID: cmp.Or(n.attr("identifier"), n.attr("uuid"))}
	for _, field := range []string{"startDate", "receivedDate", "dateIssued", "date"} {
		if start, _, ok := a.times.parse([]byte(n.attr(field))); ok && e.Start == 0 {
			e.Start, e.Offset = start, a.zones.offset(start, []byte(n.metadata("HKTimeZone")))
		}
	}
	if end, _, ok := a.times.parse([]byte(n.attr("endDate"))); ok && e.Start != 0 {
		if end < e.Start {
			return a.reject(at, typ, "endDate", `The time in "endDate" is before the start.`, "Correct or delete the entry in the Health app and export again.")
		}
		e.End = end
	}
	e.Attributes = mustCanonicalObject(object)
	if reason := unstorableText(e.Source) + unstorableText(e.AppID) + unstorableText(name) + unstorableText(kind); reason != "" {
		return a.reject(at, typ, "", "A text of the element is too long.", exportAgain)
	}
	if e.Start == 0 && e.AppID == "" {
		e.Digest = digestOf(e.Attributes)
	}
	return a.emit(health.Record{Position: at, Type: typ, Event: e})
}
