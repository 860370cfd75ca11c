package format

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
)

// node is an element of the export that is no record, whole in memory.
type node struct {
	name     string
	attrs    []nodeAttr
	children []*node
}

type nodeAttr struct{ name, value string }

// maxNodes bounds what one element may hold. A long workout with inline places has some ten thousand.
const maxNodes = 250_000

// attr returns the value of an attribute, of one that is there twice the first; "" where there is none.
func (n *node) attr(name string) string {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			return n.attrs[i].value
		}
	}
	return ""
}

// all yields the children of one name.
func (n *node) all(name string) func(yield func(*node) bool) {
	return func(yield func(*node) bool) {
		for _, child := range n.children {
			if child.name == name && !yield(child) {
				return
			}
		}
	}
}

// metadata returns the value of a metadata entry, "" where there is none.
func (n *node) metadata(key string) string {
	for entry := range n.all("MetadataEntry") {
		if entry.attr("key") == key {
			return entry.attr("value")
		}
	}
	return ""
}

// object returns what the element says as a JSON object, without the attributes that are named: attributes as text,
// metadata by its keys, other children as lists under their names.
func (n *node) object(without ...string) map[string]any {
	object := map[string]any{}
	for _, a := range n.attrs {
		if !contains(without, a.name) {
			value := a.value
			if a.name == "device" {
				value = device(value)
			}
			addMember(object, a.name, value)
		}
	}
	metadata := map[string]any{}
	lists := map[string][]any{}
	for _, child := range n.children {
		switch {
		case child.name == "MetadataEntry":
			addMember(metadata, child.attr("key"), child.attr("value"))
		case !contains(without, child.name):
			lists[child.name] = append(lists[child.name], child.object())
		}
	}
	if len(metadata) > 0 {
		object["metadata"] = metadata
	}
	for name, list := range lists {
		object[name] = list
	}
	return object
}

func contains(list []string, name string) bool {
	for _, entry := range list {
		if entry == name {
			return true
		}
	}
	return false
}

// device returns the description of a device without its address in the phone's memory, which is another in every
// export: <<HKDevice: 0x2820>, name:Apple Watch, model:Watch>.
func device(text string) string {
	rest, ok := strings.CutPrefix(text, "<<HKDevice: ")
	if !ok {
		return text
	}
	if _, described, ok := strings.Cut(rest, ">, "); ok {
		return strings.TrimSuffix(described, ">")
	}
	return text
}

// readElement reads the element whose Start has just come and is no record.
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
			"Export again: the file may be damaged.")
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
			Event: &health.Event{Kind: "characteristics", Attributes: jsonText(n.object())},
		})
	case "ClinicalRecord":
		return a.emitClinicalRecord(n, typ)
	}
	return a.emitEvent(n, typ, n.attr("type"), n.object(eventAttributes...))
}

// readNode reads an element with everything in it. whole is false where that was too much.
func (a *appleDecoder) readNode() (root *node, whole bool, err error) {
	root = a.newNode()
	open := []*node{root}
	count, bytes := 1, 0
	for len(open) > 0 {
		kind, err := a.scan.Next()
		if err != nil {
			return nil, false, err
		}
		switch kind {
		case xmlscan.Start:
			count++
			for _, attr := range a.scan.Attrs() {
				bytes += len(attr.Raw)
			}
			if count > maxNodes || bytes > maxElement {
				return root, false, a.skipElement(len(open))
			}
			child := a.newNode()
			parent := open[len(open)-1]
			parent.children = append(parent.children, child)
			open = append(open, child)
		case xmlscan.End:
			open = open[:len(open)-1]
		}
	}
	return root, true, nil
}

// skipElement passes over the rest of an element, of which so many are open besides the one that has just begun.
func (a *appleDecoder) skipElement(open int) error {
	for depth := open + 1; depth > 0; {
		kind, err := a.scan.Next()
		if err != nil {
			return err
		}
		switch kind {
		case xmlscan.Start:
			depth++
		case xmlscan.End:
			depth--
		}
	}
	return nil
}

func (a *appleDecoder) newNode() *node {
	n := &node{name: a.text(a.scan.Name())}
	for _, attr := range a.scan.Attrs() {
		n.attrs = append(n.attrs, nodeAttr{a.text(attr.Name), sanitize(a.scan.Value(&attr))})
	}
	return n
}

// readExportDate tells as of when the export speaks.
func (a *appleDecoder) readExportDate(n *node) {
	if at, _, ok := parseTime([]byte(n.attr("value")), a.zones.home.location); ok && a.options.AsOf != nil {
		a.options.AsOf(at)
	}
}

// eventAttributes are the attributes that become fields of an event.
var eventAttributes = []string{"sourceName", "startDate", "endDate"}

// emitEvent keeps an element as an event: an audiogram, a prescription, a state of mind, or something nobody has
// described yet. What it is is told by the name of the element, and name says which of its kind.
func (a *appleDecoder) emitEvent(n *node, typ, name string, object map[string]any) error {
	kind := snakeCase(n.name)
	at := a.nextPosition(n.name, kind)
	e := &health.Event{Kind: kind, Name: name, Source: n.attr("sourceName"), AppID: firstOf(n.attr("identifier"), n.attr("uuid"))}
	for _, field := range []string{"startDate", "receivedDate", "dateIssued", "date"} {
		if start, _, ok := parseTime([]byte(n.attr(field)), a.zones.home.location); ok && e.Start == 0 {
			e.Start, e.Offset = start, a.zones.offset(start, []byte(n.metadata("HKTimeZone")))
		}
	}
	if end, _, ok := parseTime([]byte(n.attr("endDate")), a.zones.home.location); ok && e.Start != 0 {
		if end < e.Start {
			return a.reject(at, typ, "endDate", `The time in "endDate" is before the start.`, "Correct or delete the entry in the Health app and export again.")
		}
		e.End = end
	}
	e.Attributes = jsonText(object)
	if reason := unstorable([]byte(e.Source)) + unstorable([]byte(e.AppID)) + unstorable([]byte(name)) + unstorable([]byte(kind)); reason != "" {
		return a.reject(at, typ, "", "A text of the element is too long.", "Export again: the file may be damaged.")
	}
	if e.Start == 0 && e.AppID == "" {
		digest := sha256.Sum256([]byte(e.Attributes))
		e.Digest = hex.EncodeToString(digest[:])
	}
	return a.emit(health.Record{Position: at, Type: typ, Event: e})
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// emitCorrelation reads a group of records: those of one blood pressure, or of one food. They are records like any other,
// and usually in the file once more beside the group. A food says something itself, too: what it was.
func (a *appleDecoder) emitCorrelation(n *node, typ string) error {
	for child := range n.all("Record") {
		r := &a.record
		a.reset(r)
		for _, attr := range child.attrs {
			if !isIgnoredAttribute([]byte(attr.name)) {
				a.setAttribute(r, []byte(attr.name), []byte(attr.value))
			}
		}
		for entry := range child.all("MetadataEntry") {
			key, value := entry.attr("key"), entry.attr("value")
			if key == "HKTimeZone" {
				r.zone = append(r.zone[:0], value...)
			}
			r.metadata = appendPair(r.metadata, []byte(key), []byte(value))
		}
		if len(r.zone) == 0 {
			r.zone = append(r.zone, n.metadata("HKTimeZone")...)
		}
		if err := a.emitRecord(r, a.nextPosition("Record", "metric"), true); err != nil {
			return err
		}
	}
	if typ == "HKCorrelationTypeIdentifierBloodPressure" {
		return a.emit(health.Record{Position: a.nextPosition(n.name, "correlation"), Type: typ, Merged: true})
	}
	kind := "Correlation"
	if typ == "HKCorrelationTypeIdentifierFood" {
		kind = "Food"
	}
	group := *n
	group.name = kind
	return a.emitEvent(&group, typ, firstOf(n.metadata("HKFoodType"), typ), group.object(append([]string{"Record"}, eventAttributes...)...))
}

// emitClinicalRecord keeps a health record with the FHIR resource it refers to, as it is.
func (a *appleDecoder) emitClinicalRecord(n *node, typ string) error {
	object := n.object(eventAttributes...)
	if file := n.attr("resourceFilePath"); file != "" {
		if resource := a.readResource(a.resolvePath(file)); resource != nil {
			object["resource"] = resource
		}
	}
	return a.emitEvent(n, typ, typ, object)
}

// readResource returns a file of the archive that holds JSON; nil where it is not there, or none.
func (a *appleDecoder) readResource(name string) jsontext.Value {
	if a.archive == nil {
		return nil
	}
	content, err := a.archive.Open(name)
	if err != nil {
		return nil
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, maxElement+1))
	if err != nil || len(text) > maxElement {
		return nil
	}
	canonical, err := health.CanonicalJSON(text)
	if err != nil || strings.Contains(canonical, `\u0000`) {
		return nil
	}
	return jsontext.Value(canonical)
}

// resolvePath returns the name in the archive of a file that the main file refers to, by a path that begins at its folder.
func (a *appleDecoder) resolvePath(file string) string {
	name := path.Join(a.directory, strings.ReplaceAll(file, `\`, "/"))
	a.referenced[name] = true
	return name
}
