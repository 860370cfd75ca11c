package format

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonKind is the kind of a body by its beginning.
type jsonKind uint8

const (
	notJSON   jsonKind = iota // not JSON
	otherJSON                 // JSON of no known format
	haeJSON
	typedJSON
)

func isJSONKind(wanted jsonKind) func(head []byte) bool {
	return func(head []byte) bool { return detectJSON(head) == wanted }
}

func detectJSON(head []byte) jsonKind {
	head = bytes.TrimPrefix(head, byteOrderMark)
	start := skipSpace(head, 0)
	if start == len(head) {
		return notJSON
	}
	switch c := head[start]; {
	case c == '{':
		detector := jsonDetector{decoder: jsontext.NewDecoder(bytes.NewReader(head[start:]), jsontext.AllowDuplicateNames(true))}
		return detector.envelope()
	case c == '[':
		return otherJSON
	}
	scan := valueScan{final: true}
	end, done, err := scan.run(head, start)
	if err != nil || !done || skipSpace(head, end) < len(head) {
		return notJSON
	}
	return otherJSON
}

// jsonDetector reads the beginning of a body until its kind is clear. The two formats have the same envelope; the first
// entry of a list distinguishes them.
type jsonDetector struct {
	decoder *jsontext.Decoder
	known   bool // a member of the envelope is known
}

// envelope reads the objects down to the lists. Where the head ends before the kind is clear, it is the app's own
// format.
func (d *jsonDetector) envelope() jsonKind {
	for depth := 0; ; {
		token, err := d.decoder.ReadToken()
		if err != nil {
			return haeJSON
		}
		switch token.Kind() {
		case '{':
			depth++
			continue
		case '}':
			if depth--; depth == 0 {
				return d.undecided()
			}
			continue
		}
		if found, ok := d.member(token.String()); ok {
			return found
		}
	}
}

// undecided returns the kind of a body that was read whole without an entry.
func (d *jsonDetector) undecided() jsonKind {
	if d.known {
		return haeJSON
	}
	return otherJSON
}

// member reads a member of the envelope. It stops before an object that is part of the envelope.
func (d *jsonDetector) member(name string) (found jsonKind, ok bool) {
	kind := d.decoder.PeekKind()
	switch {
	case name == "data" && kind == '{':
		d.known = true
		return 0, false
	case name == "payload" && kind == '{':
		return 0, false
	case name == "data" && (kind == '[' || kind == 'n'), isKnownList(name):
		d.known = true
	case name == "type" && d.known:
		return typedJSON, true
	}
	if kind == '[' && (name == "data" || name == "metrics" || name == "workouts") {
		return d.list()
	}
	if name == "metrics" && kind == '{' {
		return typedJSON, true
	}
	if d.decoder.SkipValue() != nil {
		return haeJSON, true
	}
	return 0, false
}

// list reads the entries of a list up to the first object.
func (d *jsonDetector) list() (found jsonKind, ok bool) {
	if _, err := d.decoder.ReadToken(); err != nil {
		return haeJSON, true
	}
	for d.decoder.PeekKind() != ']' {
		if d.decoder.PeekKind() == '{' {
			return d.entry(), true
		}
		if d.decoder.SkipValue() != nil {
			return haeJSON, true
		}
	}
	_, err := d.decoder.ReadToken()
	return haeJSON, err != nil
}

func (d *jsonDetector) entry() jsonKind {
	if _, err := d.decoder.ReadToken(); err != nil {
		return haeJSON
	}
	for {
		name, err := d.decoder.ReadToken()
		if err != nil || name.Kind() != '"' {
			return haeJSON
		}
		switch name.String() {
		case "data":
			return haeJSON
		case "type", "recorded_at", "workout_type", "start_time", "started_at":
			return typedJSON
		}
		if d.decoder.SkipValue() != nil {
			return haeJSON
		}
	}
}
