package format

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// decodeBody decodes a body in the JSON of Health Auto Export, or in the typed form; both come in the same envelope
// and may be mixed. It is a Decoder.
func decodeBody(body io.Reader, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newDecoder(body, options, yield)
		if err := d.body(); err != nil && err != errStopped {
			yield(health.Record{}, err)
		}
	}
}

// errStopped says that the receiver wants no more records.
var errStopped = errors.New("stopped")

// decoder walks through one body and yields what it finds.
type decoder struct {
	scanner
	options Options
	yield   func(health.Record, error) bool

	// recognised is set as soon as the body has one of the known shapes.
	recognised bool
	// heldBytes counts what is held back of members that are not known, see held.
	heldBytes int
	// unknowns counts the members of the envelope that are not known.
	unknowns int

	// What records point to, and the room to decode in, is the same from point to point.
	current metricPoint
	samples [1]health.Sample
	segment health.Segment
	blank   health.Sample
	scratch []byte
	sources remembered
	objects remembered
	stages  remembered

	lastFlat *health.MetricEntry // the item of the last flat point, for the next one of the same metric
}

func newDecoder(body io.Reader, options Options, yield func(health.Record, error) bool) *decoder {
	if options.Location == nil {
		options.Location = time.UTC
	}
	return &decoder{
		scanner: newScanner(body),
		options: options,
		yield:   yield,
		current: metricPoint{location: options.Location},
		blank:   health.NewSample(),
		sources: remembered{},
		objects: remembered{},
		stages:  remembered{},
	}
}

// body decodes the whole body.
func (d *decoder) body() error {
	if err := d.skipByteOrderMark(); err != nil {
		return err
	}
	c, err := d.peek()
	switch {
	case err != nil:
		return err
	case c == '{':
		err = d.envelope()
	default:
		_, err = d.value()
	}
	if err != nil && err != errTooLong {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	if !d.recognised {
		return unrecognised()
	}
	return nil
}

var byteOrderMark = []byte("\ufeff")

func (d *decoder) skipByteOrderMark() error {
	if err := d.more(); err != nil {
		return err
	}
	if bytes.HasPrefix(d.unread(), byteOrderMark) {
		d.pos += len(byteOrderMark)
	}
	return nil
}

func unrecognised() error {
	return problem.New(problem.Unrecognised, "unrecognised_format",
		`The body is JSON, but of no form that is known. Expected is {"data":{"metrics":[…],"workouts":[…]}} as Health Auto Export sends it.`)
}

// seenNames are the names of an object that may be there only once.
type seenNames []string

// once refuses the body when a name that matters for its structure is there twice: the parts would contradict each
// other, and readers of the body disagree which of them counts.
func (d *decoder) once(seen *seenNames, name string, matters bool) error {
	if !matters {
		return nil
	}
	if slices.Contains(*seen, name) {
		return problem.New(problem.Invalid, "duplicate_name",
			fmt.Sprintf("The body has %q twice in one object, before byte %d. Send it once.", name, d.base+int64(d.pos))).In(name)
	}
	*seen = append(*seen, name)
	return nil
}

// isContent reports whether a name is that of a known list of elements.
func isContent(name string) bool { return name == "metrics" || elements[name] != nil }

// envelope decodes the outermost object, or the payload of a stored body that is sent again. The lists may stand in
// its data, beside it, or in the envelope without any data.
func (d *decoder) envelope() error {
	var seen seenNames
	var unknown held
	err := d.object(func(text []byte) error {
		name := string(text)
		if err := d.once(&seen, name, name == "data" || name == "payload" || isContent(name)); err != nil {
			return err
		}
		switch {
		case name == "data":
			return d.data()
		case name == "payload":
			return d.payload()
		case name == "received_at":
			return d.ignore()
		case isContent(name):
			d.recognised = true
			return d.content(name)
		}
		if err := d.countUnknown(); err != nil {
			return err
		}
		if d.recognised {
			return d.unknown(name)
		}
		return d.hold(&unknown, name)
	})
	if err != nil || !d.recognised {
		return err
	}
	return d.release(&unknown)
}

func (d *decoder) payload() error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return d.ignore()
	}
	return d.envelope()
}

// ignore passes over a value.
func (d *decoder) ignore() error {
	if _, err := d.value(); err != errTooLong {
		return err
	}
	return nil
}

// data decodes what the app puts everything into. Shortcuts and older forms have a list of flat points there, or a
// single one.
func (d *decoder) data() error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		d.recognised = true
		return d.lists()
	case '[':
		d.recognised = true
		return d.array(d.entry)
	case 'n':
		d.recognised = true
	}
	return d.ignore()
}

// lists decodes the object that has one list for every kind of element.
func (d *decoder) lists() error {
	var seen seenNames
	var unknown held
	err := d.object(func(text []byte) error {
		name := string(text)
		if err := d.once(&seen, name, isContent(name)); err != nil {
			return err
		}
		if isContent(name) {
			return d.content(name)
		}
		if err := d.countUnknown(); err != nil {
			return err
		}
		c, err := d.peek()
		if err != nil {
			return err
		}
		if c == '[' || len(seen) > 0 || unknown.full {
			return d.unknown(name)
		}
		return d.hold(&unknown, name)
	})
	if err != nil {
		return err
	}
	if len(seen) == 0 && unknown.isFlat() {
		return d.within(unknown.object(), func() error { return d.entry(0) })
	}
	return d.release(&unknown)
}

// content decodes a known list of elements.
func (d *decoder) content(name string) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch {
	case name != "metrics":
		return d.elements(name, elements[name])
	case c == '[':
		return d.array(d.entry)
	case c == '{':
		return d.metricsByIdentifier()
	case c == 'n':
		return d.ignore()
	}
	return d.entry(0)
}

// metricsByIdentifier decodes the form in which metrics is an object of arrays, each under the identifier that
// HealthKit gives the type.
func (d *decoder) metricsByIdentifier() error {
	return d.object(func(text []byte) error {
		identifier, decode := string(text), decodeTyped
		if reason := unfitName(text); reason != "" {
			identifier, decode = shown(text), refuseNamed(reason)
		}
		return d.list(func(index int) error {
			return d.element(decode, health.Position{Type: "metric", Entry: index, Metric: identifier, Point: -1})
		})
	})
}

// unknown decodes a member that nobody has described yet.
func (d *decoder) unknown(name string) error {
	reason := unfitName([]byte(name))
	if name == "" {
		reason = "is empty"
	}
	if reason != "" {
		return d.elements(cmp.Or(shown([]byte(name)), "unknown"), refuseNamed(reason))
	}
	return d.elements(name, decodeUnknown(name))
}

func (d *decoder) elements(name string, decode elementDecoder) error {
	return d.list(func(index int) error {
		return d.element(decode, health.Position{Type: elementType(name), Entry: index, Point: -1})
	})
}

// list passes over an array, or over a single value as if it were the only element of one; null has none.
func (d *decoder) list(element func(index int) error) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch c {
	case '[':
		return d.array(element)
	case 'n':
		return d.ignore()
	}
	return element(0)
}

func (d *decoder) element(decode elementDecoder, at health.Position) error {
	raw, err := d.value()
	if err == errTooLong {
		return d.reject(nil, tooLong(at))
	}
	if err != nil {
		return err
	}
	record, err := decode(raw, at, d.options)
	return d.emitElement(record, err)
}
