package format

import (
	"errors"
	"fmt"
	"iter"

	"github.com/health-export/health-export/internal/health"
)

// errStopped ends a decoder whose caller takes no more records.
var errStopped = errors.New("stopped")

// emitter passes what a decoder finds to the decoder's caller. Its methods return errStopped once the caller takes no
// more.
type emitter struct {
	yield func(health.Record, error) bool
}

// records returns the sequence of what run emits. An error of run is the last thing in it.
func records(run func(emitter) error) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		if err := run(emitter{yield}); err != nil && !errors.Is(err, errStopped) {
			yield(health.Record{}, err)
		}
	}
}

func (e emitter) emitWith(record health.Record, err error) error {
	if !e.yield(record, err) {
		return errStopped
	}
	return nil
}

// emit yields a record. Its warnings get its position.
func (e emitter) emit(record health.Record) error {
	for i := range record.Warnings {
		record.Warnings[i].Position = record.Position
	}
	return e.emitWith(record, nil)
}

// emitRejection yields a rejection beside a record that has nothing but its position and, where there are any, the
// entry and the type of the element.
func (e emitter) emitRejection(record health.Record, rejection *health.Rejection) error {
	record.Position = rejection.Position
	return e.emitWith(record, rejection)
}

// emitDecoded yields what an elementDecoder returned. An error that is not a rejection is returned.
func (e emitter) emitDecoded(record health.Record, err error) error {
	if err == nil {
		return e.emit(record)
	}
	if rejection, ok := errors.AsType[*health.Rejection](err); ok {
		return e.emitRejection(health.Record{}, rejection)
	}
	return err
}

// newRejection returns the rejection of the element at a position. field is the field at fault, "" for none.
func newRejection(at health.Position, field, message, suggestion string) *health.Rejection {
	r := &health.Rejection{Position: at, Code: health.ValidationError, Message: message, Suggestion: suggestion}
	if field != "" {
		r.Details = map[string]any{"field": field}
	}
	return r
}

func newTooLongRejection(at health.Position) *health.Rejection {
	return newRejection(at, "", fmt.Sprintf("The element is too large: it is longer than %d MiB or has more than %d fields.", maxElement>>20, maxFields),
		"Send fewer readings in one element, for example a shorter period.")
}

// rejectAll returns the decoder of a list whose name is not valid: it rejects every element.
func rejectAll(reason string) elementDecoder {
	return func(_ []byte, at health.Position, _ Options) (health.Record, error) {
		return health.Record{}, newRejection(at, "", "The name of the list "+reason+".", "Send names as the app does.")
	}
}
