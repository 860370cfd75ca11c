package format

import (
	"github.com/health-export/health-export/internal/format/xmlscan"
	"github.com/health-export/health-export/internal/health"
)

// appleRecord is one Record element, in buffers that are reused for the next one.
type appleRecord struct {
	typ                              *hkType
	source, unit                     string
	value, start, end                []byte
	hasValue, hasStart               bool
	hasEnd, tooLong                  bool
	zone                             []byte
	device                           *health.Device
	metadata, beats, otherAttributes []byte // pairs of appendPair
}

// typeOf returns the type of an identifier.
func (a *appleDecoder) typeOf(identifier []byte) *hkType {
	if t, ok := a.types[string(identifier)]; ok {
		return t
	}
	t := newHKType(sanitize(identifier))
	if len(a.types) < maxCachedTexts {
		a.types[t.name] = t
	}
	return t
}

// readRecord reads the Record whose Start was scanned last.
func (a *appleDecoder) readRecord() error {
	r := &a.record
	a.reset(r)
	attrs := a.scan.Attrs()
	for i := range attrs {
		switch name := attrs[i].Name; {
		case string(name) == "device":
			r.device = a.device(&attrs[i])
		case !isIgnoredAttribute(name):
			a.setAttribute(r, name, a.scan.Value(&attrs[i]))
		}
	}
	depth := a.scan.Depth()
	for {
		kind, err := a.scan.Next()
		if err != nil {
			return err
		}
		switch {
		case kind == xmlscan.End && a.scan.Depth() < depth:
			return a.emitRecord(r, a.nextPosition("Record", "metric"), false)
		case kind == xmlscan.Start:
			a.readChild(r)
		}
	}
}

func (a *appleDecoder) reset(r *appleRecord) {
	*r = appleRecord{
		value: r.value[:0], start: r.start[:0], end: r.end[:0], zone: r.zone[:0],
		metadata: r.metadata[:0], beats: r.beats[:0], otherAttributes: r.otherAttributes[:0],
	}
}

// isIgnoredAttribute reports whether an attribute of a record is no attribute of its sample: the version of what recorded it,
// the device, see appleRecord, and when it was written.
func isIgnoredAttribute(name []byte) bool {
	switch string(name) {
	case "sourceVersion", "device", "creationDate":
		return true
	}
	return false
}

// setAttribute sets an attribute of a record. Of a duplicate attribute the first counts.
func (a *appleDecoder) setAttribute(r *appleRecord, name, value []byte) {
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
		r.otherAttributes = appendPair(r.otherAttributes, name, value)
	}
	r.tooLong = r.tooLong || len(value) > maxElement
}

// maxRecord bounds the bytes that are kept of the elements within one record.
const maxRecord = 1 << 20

// readChild reads an element within a record: metadata, a heart beat, or an unknown one, whose attributes are kept.
func (a *appleDecoder) readChild(r *appleRecord) {
	if len(r.metadata)+len(r.beats)+len(r.otherAttributes) > maxRecord {
		r.tooLong = true
		return
	}
	switch string(a.scan.Name()) {
	case "MetadataEntry":
		key, value := a.attrPair("key", "value")
		if string(key) == "HKTimeZone" {
			r.zone = append(r.zone[:0], value...)
		}
		r.metadata = appendPair(r.metadata, key, value)
	case "InstantaneousBeatsPerMinute":
		bpm, time := a.attrPair("bpm", "time")
		r.beats = appendPair(r.beats, bpm, time)
	default:
		for _, attr := range a.scan.Attrs() {
			r.otherAttributes = appendPair(r.otherAttributes, attr.Name, a.scan.Value(&attr))
		}
	}
}

// attrPair returns two attributes of the current element.
func (a *appleDecoder) attrPair(first, second string) (x, y []byte) {
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
