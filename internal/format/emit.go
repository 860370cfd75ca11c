package format

import (
	"errors"
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// emitElement yields what an elementDecoder returned.
func (d *jsonDecoder) emitElement(record health.Record, err error) error {
	if err == nil {
		return d.emit(record)
	}
	if rejection, ok := errors.AsType[*health.Rejection](err); ok {
		return d.reject(nil, rejection)
	}
	return err
}

func (d *jsonDecoder) emit(record health.Record) error {
	if !d.yield(record, nil) {
		return errStopped
	}
	return nil
}

// reject yields the refusal of one element, which may be one of an item.
func (d *jsonDecoder) reject(item *health.MetricEntry, rejection *health.Rejection) error {
	if !d.yield(health.Record{Position: rejection.Position, Entry: item}, rejection) {
		return errStopped
	}
	return nil
}

func (d *jsonDecoder) rejectPoint(p *metricPoint) error { return d.reject(p.entry, p.rejection) }

// rejectValue passes over a value that is refused.
func (d *jsonDecoder) rejectValue(at health.Position, message, suggestion string) error {
	if err := d.skipValue(); err != nil {
		return err
	}
	return d.reject(nil, newRejection(at, "", message, suggestion))
}

func newTooLongRejection(at health.Position) *health.Rejection {
	return newRejection(at, "", fmt.Sprintf("The element is too large: it is longer than %d MiB or has more than %d fields.", maxElement>>20, maxFields),
		"Send fewer readings in one element, for example a shorter period.")
}

// rejectAll returns a decoder for elements whose name has a problem: it refuses them all.
func rejectAll(reason string) elementDecoder {
	return func(_ []byte, at health.Position, _ Options) (health.Record, error) {
		return health.Record{}, newRejection(at, "", "The name of the list "+reason+".", "Send names as the app does.")
	}
}
