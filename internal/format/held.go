package format

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

const (
	// maxHeld is how many bytes of unknown members are held back in a body, with heldCost for each of them.
	maxHeld  = 8 << 20
	heldCost = 200
	// maxUnknown is how many unknown members the envelope of a body may have.
	maxUnknown = 1000
)

// held are the members of an object that are not known, kept until it is clear what the object is: an envelope, with
// what a new version of the app has added; a single flat point; or nothing that is known, so that its members are not
// to be stored.
type held struct {
	names  []string
	values [][]byte
	full   bool // there were more
}

// countUnknown counts a member of the envelope that is not known, and refuses the body when there are too many.
func (d *decoder) countUnknown() error {
	if d.unknowns++; d.unknowns > maxUnknown {
		return problem.New(problem.Invalid, "too_many_members",
			fmt.Sprintf("The envelope of the body has more than %d members that are not known. Send metrics, workouts and the like as lists, as the app does.",
				maxUnknown))
	}
	return nil
}

// hold reads the value of an unknown member and keeps it. Where nothing known comes before more than can be held, the
// body is taken for something else.
func (d *decoder) hold(h *held, name string) error {
	raw, err := d.value()
	if err != nil && err != errTooLong {
		return err
	}
	d.heldBytes += heldCost + len(name) + len(raw)
	if err == nil && d.heldBytes <= maxHeld {
		h.names = append(h.names, name)
		h.values = append(h.values, slices.Clone(raw))
		return nil
	}
	if !d.recognised {
		return unrecognised()
	}
	h.full = true
	at := health.Position{Type: elementType(name), Point: -1}
	if err == errTooLong {
		return d.reject(nil, tooLong(at))
	}
	record, err := decodeUnknown(name)(raw, at, d.options)
	return d.emitElement(record, err)
}

// release decodes what was held as what nobody has described yet.
func (d *decoder) release(h *held) error {
	for i, name := range h.names {
		if err := d.within(h.values[i], func() error { return d.unknown(name) }); err != nil {
			return err
		}
	}
	return nil
}

// within lets read work on a text that is held instead of on the body.
func (d *decoder) within(text []byte, read func() error) error {
	body := d.scanner
	d.scanner = scannerOf(text)
	err := read()
	d.scanner = body
	return err
}

// isFlat reports whether the members make a flat point, or an object of the typed form.
func (h *held) isFlat() bool {
	has := func(name string) bool { return slices.Contains(h.names, name) }
	return !h.full && (has("name") && (has("date") || has("start") || has("startDate") || has("qty")) || has("type"))
}

// object returns the members as the JSON object they were in.
func (h *held) object() []byte {
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
