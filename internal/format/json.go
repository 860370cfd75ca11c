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

// decodeJSON decodes a body in the JSON of Health Auto Export, or in the typed form; both come in the same envelope
// and may be mixed. It is a Decoder.
func decodeJSON(body io.Reader, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newJSONDecoder(body, options, yield)
		if err := d.decode(); err != nil && err != errStopped {
			yield(health.Record{}, err)
		}
	}
}

// errStopped says that the receiver wants no more records.
var errStopped = errors.New("stopped")

// jsonDecoder walks through one body and yields what it finds.
type jsonDecoder struct {
	scanner
	options Options
	yield   func(health.Record, error) bool

	// recognised is set as soon as the body has one of the known shapes.
	recognised bool
	// deferredBytes counts what is held back of members that are not known, see held.
	deferredBytes int
	// unknownMembers counts the members of the envelope that are not known.
	unknownMembers int

	// What records point to, and the room to decode in, is the same from point to point.
	point       metricPoint
	samples     [1]health.Sample
	segment     health.Segment
	emptySample health.Sample
	scratch     []byte
	sources     textCache
	objects     textCache
	stages      textCache

	lastFlat *health.MetricEntry // the item of the last flat point, for the next one of the same metric
}

func newJSONDecoder(body io.Reader, options Options, yield func(health.Record, error) bool) *jsonDecoder {
	if options.Location == nil {
		options.Location = time.UTC
	}
	return &jsonDecoder{
		scanner:     newScanner(body),
		options:     options,
		yield:       yield,
		point:       metricPoint{location: options.Location},
		emptySample: health.NewSample(),
		sources:     textCache{},
		objects:     textCache{},
		stages:      textCache{},
	}
}

// decode decodes the whole body.
func (d *jsonDecoder) decode() error {
	if err := d.skipByteOrderMark(); err != nil {
		return err
	}
	c, err := d.peek()
	switch {
	case err != nil:
		return err
	case c == '{':
		err = d.decodeEnvelope()
	default:
		_, err = d.value()
	}
	if err != nil && err != errTooLong {
		return err
	}
	if err := d.expectEnd(); err != nil {
		return err
	}
	if !d.recognised {
		return unrecognised()
	}
	return nil
}

var byteOrderMark = []byte("\ufeff")

func (d *jsonDecoder) skipByteOrderMark() error {
	if err := d.fill(); err != nil {
		return err
	}
	if bytes.HasPrefix(d.buffered(), byteOrderMark) {
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

// checkDuplicate refuses the body when a name that matters for its structure is there twice: the parts would contradict each
// other, and readers of the body disagree which of them counts.
func (d *jsonDecoder) checkDuplicate(seen *seenNames, name string, matters bool) error {
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

// isKnownList reports whether a name is that of a known list of elements.
func isKnownList(name string) bool { return name == "metrics" || elementDecoders[name] != nil }

// decodeEnvelope decodes the outermost object, or the payload of a stored body that is sent again. The lists may stand in
// its data, beside it, or in the envelope without any data.
func (d *jsonDecoder) decodeEnvelope() error {
	var seen seenNames
	var unknown deferredMembers
	err := d.eachMember(func(text []byte) error {
		name := string(text)
		if err := d.checkDuplicate(&seen, name, name == "data" || name == "payload" || isKnownList(name)); err != nil {
			return err
		}
		switch {
		case name == "data":
			return d.decodeData()
		case name == "payload":
			return d.decodePayload()
		case name == "received_at":
			return d.skipValue()
		case isKnownList(name):
			d.recognised = true
			return d.decodeKnownList(name)
		}
		if err := d.countUnknown(); err != nil {
			return err
		}
		if d.recognised {
			return d.decodeUnknownList(name)
		}
		return d.deferMember(&unknown, name)
	})
	if err != nil || !d.recognised {
		return err
	}
	return d.decodeDeferred(&unknown)
}

func (d *jsonDecoder) decodePayload() error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != '{' {
		return d.skipValue()
	}
	return d.decodeEnvelope()
}

// skipValue passes over a value.
func (d *jsonDecoder) skipValue() error {
	if _, err := d.value(); err != errTooLong {
		return err
	}
	return nil
}

// decodeData decodes what the app puts everything into. Shortcuts and older forms have a list of flat points there, or a
// single one.
func (d *jsonDecoder) decodeData() error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		d.recognised = true
		return d.decodeLists()
	case '[':
		d.recognised = true
		return d.eachElement(d.decodeEntry)
	case 'n':
		d.recognised = true
	}
	return d.skipValue()
}

// decodeLists decodes the object that has one list for every kind of element.
func (d *jsonDecoder) decodeLists() error {
	var seen seenNames
	var unknown deferredMembers
	err := d.eachMember(func(text []byte) error {
		name := string(text)
		if err := d.checkDuplicate(&seen, name, isKnownList(name)); err != nil {
			return err
		}
		if isKnownList(name) {
			return d.decodeKnownList(name)
		}
		if err := d.countUnknown(); err != nil {
			return err
		}
		c, err := d.peek()
		if err != nil {
			return err
		}
		if c == '[' || len(seen) > 0 || unknown.overflowed {
			return d.decodeUnknownList(name)
		}
		return d.deferMember(&unknown, name)
	})
	if err != nil {
		return err
	}
	if len(seen) == 0 && unknown.isFlat() {
		return d.decodeWithin(unknown.object(), func() error { return d.decodeEntry(0) })
	}
	return d.decodeDeferred(&unknown)
}

// decodeKnownList decodes a known list of elements.
func (d *jsonDecoder) decodeKnownList(name string) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch {
	case name != "metrics":
		return d.decodeElements(name, elementDecoders[name])
	case c == '[':
		return d.eachElement(d.decodeEntry)
	case c == '{':
		return d.decodeMetricsByIdentifier()
	case c == 'n':
		return d.skipValue()
	}
	return d.decodeEntry(0)
}

// decodeMetricsByIdentifier decodes the form in which metrics is an object of arrays, each under the identifier that
// HealthKit gives the type.
func (d *jsonDecoder) decodeMetricsByIdentifier() error {
	return d.eachMember(func(text []byte) error {
		identifier, decode := string(text), decodeTyped
		if reason := invalidName(text); reason != "" {
			identifier, decode = printable(text), rejectAll(reason)
		}
		return d.eachElementOrSingle(func(index int) error {
			return d.decodeElement(decode, health.Position{Type: "metric", Entry: index, Metric: identifier, Point: -1})
		})
	})
}

// decodeUnknownList decodes a member that nobody has described yet.
func (d *jsonDecoder) decodeUnknownList(name string) error {
	reason := invalidName([]byte(name))
	if name == "" {
		reason = "is empty"
	}
	if reason != "" {
		return d.decodeElements(cmp.Or(printable([]byte(name)), "unknown"), rejectAll(reason))
	}
	return d.decodeElements(name, unknownDecoder(name))
}

func (d *jsonDecoder) decodeElements(name string, decode elementDecoder) error {
	return d.eachElementOrSingle(func(index int) error {
		return d.decodeElement(decode, health.Position{Type: elementType(name), Entry: index, Point: -1})
	})
}

// eachElementOrSingle passes over an array, or over a single value as if it were the only element of one; null has none.
func (d *jsonDecoder) eachElementOrSingle(element func(index int) error) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch c {
	case '[':
		return d.eachElement(element)
	case 'n':
		return d.skipValue()
	}
	return element(0)
}

func (d *jsonDecoder) decodeElement(decode elementDecoder, at health.Position) error {
	raw, err := d.value()
	if err == errTooLong {
		return d.reject(nil, newTooLongRejection(at))
	}
	if err != nil {
		return err
	}
	record, err := decode(raw, at, d.options)
	return d.emitElement(record, err)
}
