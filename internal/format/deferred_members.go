package format

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

const (
	// maxDeferredBytes bounds the bytes of the deferred members of a body, each of which counts deferredCost more.
	maxDeferredBytes = 8 << 20
	deferredCost     = 200
	// maxUnknownMembers bounds the unknown members of the envelope of a body.
	maxUnknownMembers = 1000
)

// deferredMembers are the unknown members of an object, kept until the kind of the object is clear: an envelope with
// members that a new version of the app has added; a single flat point; or an object of no known kind, whose members
// are not stored.
type deferredMembers struct {
	names      []string
	values     [][]byte
	overflowed bool // further members did not fit
}

// countUnknown counts an unknown member of the envelope. The error: there are too many.
func (d *jsonDecoder) countUnknown() error {
	if d.unknownMembers++; d.unknownMembers > maxUnknownMembers {
		return problem.New(problem.Invalid, "too_many_members",
			fmt.Sprintf("The envelope of the body has more than %d members that are not known. Send metrics, workouts and the like as lists, as the app does.",
				maxUnknownMembers))
	}
	return nil
}

// deferMember reads the value of an unknown member and keeps it. A body whose unknown members overflow before it is
// recognised is of an unknown format.
func (d *jsonDecoder) deferMember(m *deferredMembers, name string) error {
	raw, err := d.value()
	if err != nil && err != errTooLong {
		return err
	}
	d.deferredBytes += deferredCost + len(name) + len(raw)
	if err == nil && d.deferredBytes <= maxDeferredBytes {
		m.names = append(m.names, name)
		m.values = append(m.values, slices.Clone(raw))
		return nil
	}
	if !d.recognised {
		return unrecognised()
	}
	m.overflowed = true
	at := health.Position{Type: elementType(name), Point: -1}
	if err == errTooLong {
		return d.reject(nil, newTooLongRejection(at))
	}
	if isScalar(raw[0]) {
		d.scalars.note(name)
		return nil
	}
	record, err := unknownDecoder(name)(raw, at, d.options)
	return d.emitDecoded(record, err)
}

// decodeDeferred decodes deferred members as lists of unknown elements.
func (d *jsonDecoder) decodeDeferred(m *deferredMembers) error {
	for i, name := range m.names {
		if err := d.decodeWithin(m.values[i], func() error { return d.decodeUnknownList(name) }); err != nil {
			return err
		}
	}
	return nil
}

// decodeWithin calls decode with the scanner reading text instead of the body.
func (d *jsonDecoder) decodeWithin(text []byte, decode func() error) error {
	body := d.scanner
	d.scanner = newTextScanner(text)
	err := decode()
	d.scanner = body
	return err
}

// isFlat reports whether the members are those of a flat point or of an object of the typed form.
func (m *deferredMembers) isFlat() bool {
	has := func(name string) bool { return slices.Contains(m.names, name) }
	return !m.overflowed && (has("name") && (has("date") || has("start") || has("startDate") || has("qty")) || has("type"))
}

// object returns the members as one JSON object.
func (m *deferredMembers) object() []byte {
	var text []byte
	for i, name := range m.names {
		text = append(text, ',')
		text, _ = jsontext.AppendQuote(text, name)
		text = append(text, ':')
		text = append(text, m.values[i]...)
	}
	text[0] = '{'
	return append(text, '}')
}
