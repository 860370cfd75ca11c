package format

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

const (
	// maxDeferredBytes is how many bytes of unknown members are held back in a body, with heldCost for each of them.
	maxDeferredBytes = 8 << 20
	deferredCost     = 200
	// maxUnknownMembers is how many unknown members the envelope of a body may have.
	maxUnknownMembers = 1000
)

// deferredMembers are the members of an object that are not known, kept until it is clear what the object is: an envelope, with
// what a new version of the app has added; a single flat point; or nothing that is known, so that its members are not
// to be stored.
type deferredMembers struct {
	names      []string
	values     [][]byte
	overflowed bool // there were more
}

// countUnknown counts a member of the envelope that is not known, and refuses the body when there are too many.
func (d *jsonDecoder) countUnknown() error {
	if d.unknownMembers++; d.unknownMembers > maxUnknownMembers {
		return problem.New(problem.Invalid, "too_many_members",
			fmt.Sprintf("The envelope of the body has more than %d members that are not known. Send metrics, workouts and the like as lists, as the app does.",
				maxUnknownMembers))
	}
	return nil
}

// deferMember reads the value of an unknown member and keeps it. Where nothing known comes before more than can be held, the
// body is taken for something else.
func (d *jsonDecoder) deferMember(h *deferredMembers, name string) error {
	raw, err := d.value()
	if err != nil && err != errTooLong {
		return err
	}
	d.deferredBytes += deferredCost + len(name) + len(raw)
	if err == nil && d.deferredBytes <= maxDeferredBytes {
		h.names = append(h.names, name)
		h.values = append(h.values, slices.Clone(raw))
		return nil
	}
	if !d.recognised {
		return unrecognised()
	}
	h.overflowed = true
	at := health.Position{Type: elementType(name), Point: -1}
	if err == errTooLong {
		return d.reject(nil, newTooLongRejection(at))
	}
	record, err := unknownDecoder(name)(raw, at, d.options)
	return d.emitElement(record, err)
}

// decodeDeferred decodes what was held as what nobody has described yet.
func (d *jsonDecoder) decodeDeferred(h *deferredMembers) error {
	for i, name := range h.names {
		if err := d.decodeWithin(h.values[i], func() error { return d.decodeUnknownList(name) }); err != nil {
			return err
		}
	}
	return nil
}

// decodeWithin lets read work on a text that is held instead of on the body.
func (d *jsonDecoder) decodeWithin(text []byte, read func() error) error {
	body := d.scanner
	d.scanner = newTextScanner(text)
	err := read()
	d.scanner = body
	return err
}

// isFlat reports whether the members make a flat point, or an object of the typed form.
func (h *deferredMembers) isFlat() bool {
	has := func(name string) bool { return slices.Contains(h.names, name) }
	return !h.overflowed && (has("name") && (has("date") || has("start") || has("startDate") || has("qty")) || has("type"))
}

// object returns the members as the JSON object they were in.
func (h *deferredMembers) object() []byte {
	var text []byte
	for i, name := range h.names {
		text = append(text, ',')
		text, _ = jsontext.AppendQuote(text, name)
		text = append(text, ':')
		text = append(text, h.values[i]...)
	}
	text[0] = '{'
	return append(text, '}')
}
