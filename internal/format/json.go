package format

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// decodeJSON decodes a body in the JSON of Health Auto Export, or in the typed form; both come in the same envelope
// and may be mixed. It is a Decoder.
func decodeJSON(body io.Reader, options Options) iter.Seq2[health.Record, error] {
	return records(func(e emitter) error { return newJSONDecoder(body, options, e).decode() })
}

// jsonDecoder decodes one body and emits its elements.
type jsonDecoder struct {
	scanner
	emitter
	options Options

	// recognised is set as soon as the body has one of the known shapes.
	recognised bool
	// deferredBytes counts the bytes of deferred members, see deferredMembers.
	deferredBytes int
	// unknownMembers counts the unknown members of the envelope.
	unknownMembers int
	scalars        unknownScalars
	found          bool // an element, accepted or not
	lone           loneMetric

	// The structs that records point to, and the buffers to decode in, are reused from point to point.
	point       metricPoint
	samples     [1]health.Sample
	segment     health.Segment
	emptySample health.Sample
	scratch     []byte
	sources     textCache
	objects     textCache
	stages      textCache

	lastFlat *health.MetricEntry // the entry of the last flat point, shared by the next one of the same metric
}

func newJSONDecoder(body io.Reader, options Options, e emitter) *jsonDecoder {
	options.times = options.timeReader()
	d := &jsonDecoder{
		scanner:     newScanner(body),
		lone:        loneMetric{index: -1},
		options:     options,
		point:       metricPoint{times: options.times},
		emptySample: health.NewSample(),
		sources:     textCache{},
		objects:     textCache{},
		stages:      textCache{},
	}
	d.yield = func(record health.Record, err error) bool {
		d.found = true
		return e.yield(record, err)
	}
	return d
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
	return d.reportScalars()
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

// seenNames are those members of an object so far that must not be repeated.
type seenNames []string

// checkDuplicate returns an error where a name that matters for the structure of the body is repeated: the values would
// contradict each other, and JSON readers disagree on which of them counts.
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

// decodeEnvelope decodes the outermost object, or the payload of a stored body that is sent again. The lists are in its
// member "data", beside that, or directly in the envelope.
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
			return d.decodeData(&unknown)
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
		if d.recognised && !isEntryMember(name) {
			return d.decodeUnknownList(name)
		}
		return d.deferMember(&unknown, name)
	})
	if err != nil || !d.recognised {
		return err
	}
	if err := d.endLone(&unknown); err != nil {
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

// skipValue skips a value, of any length.
func (d *jsonDecoder) skipValue() error {
	if _, err := d.value(); err != errTooLong {
		return err
	}
	return nil
}

// decodeData decodes the member "data": an object of lists. Shortcuts and older versions send a list of flat points or
// a single one instead. unknown has the members before it.
func (d *jsonDecoder) decodeData(unknown *deferredMembers) error {
	c, err := d.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		d.recognised = true
		return d.decodeLists()
	case '[':
		return d.decodeDataList(unknown)
	case 'n':
		d.recognised = true
	}
	return d.skipValue()
}

// decodeLists decodes the object that has one list for each kind of element.
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
		switch {
		case err != nil:
			return err
		case name == "data" && c == '[':
			return d.decodeDataList(&unknown)
		case c == '[' || len(seen) > 0 || unknown.overflowed:
			return d.decodeUnknownList(name)
		}
		return d.deferMember(&unknown, name)
	})
	if err != nil {
		return err
	}
	if err := d.endLone(&unknown); err != nil {
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

// decodeMetricsByIdentifier decodes the form in which "metrics" is an object of arrays, named by HealthKit's
// identifiers.
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

// decodeUnknownList decodes a member of a name that is not known.
func (d *jsonDecoder) decodeUnknownList(name string) error {
	reason := invalidName([]byte(name))
	if name == "" {
		reason = "is empty"
	}
	if reason != "" {
		return d.decodeUnknownElements(cmp.Or(printable(name), "unknown"), rejectAll(reason))
	}
	return d.decodeUnknownElements(name, unknownDecoder(name))
}

// decodeUnknownElements decodes the elements of an unknown list, which single values are not.
func (d *jsonDecoder) decodeUnknownElements(name string, decode elementDecoder) error {
	return d.eachElementOrSingle(func(index int) error {
		c, err := d.peek()
		if err != nil {
			return err
		}
		if isScalar(c) {
			return d.skipScalar(name, c)
		}
		return d.decodeElement(decode, health.Position{Type: elementType(name), Entry: index, Point: -1})
	})
}

func (d *jsonDecoder) decodeElements(name string, decode elementDecoder) error {
	return d.eachElementOrSingle(func(index int) error {
		return d.decodeElement(decode, health.Position{Type: elementType(name), Entry: index, Point: -1})
	})
}

// eachElementOrSingle calls element for each element of an array. A value that is not an array counts as the only
// element of one, null as an empty one.
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
	return d.emitDecoded(record, err)
}

// reject emits the rejection of one element, with the entry it belongs to where there is one.
func (d *jsonDecoder) reject(entry *health.MetricEntry, rejection *health.Rejection) error {
	return d.emitRejection(health.Record{Entry: entry}, rejection)
}

// rejectValue skips a value and rejects it.
func (d *jsonDecoder) rejectValue(at health.Position, message, suggestion string) error {
	if err := d.skipValue(); err != nil {
		return err
	}
	return d.reject(nil, newRejection(at, "", message, suggestion))
}
