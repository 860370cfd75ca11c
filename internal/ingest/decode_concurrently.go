package ingest

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// Concurrent decoding uses so many chunks of that many records: one is filled, one is consumed, and one is between.
const (
	recordChunks    = 3
	recordChunkSize = 256
)

// recordCopy is what a decoder has yielded, in a form that stays valid when it yields the next record.
type recordCopy struct {
	record health.Record
	sample [1]health.Sample // nearly all records have one
	err    error
	// isAsOf is set, and of the other fields only asOf, where the decoder has called Options.AsOf.
	isAsOf bool
	asOf   health.Instant
}

type decodeFunc func(asOf func(health.Instant)) iter.Seq2[health.Record, error]

// decodeConcurrently yields what decode does, and calls asOf at the same place among the records. It decodes on a goroutine
// of its own, a little ahead of the receiver: decoding a file takes about as long as bringing its records into order.
// Records must have no Entry, which the decoder would change while the receiver reads it. The goroutine has ended when the
// records have.
func decodeConcurrently(decode decodeFunc, asOf func(health.Instant)) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := &concurrentDecoder{pipe: newPipe[recordCopy](context.Background(), recordChunks, recordChunkSize)}
		d.pipe.start(func() error { return d.run(decode) })
		defer d.pipe.stop() // the file must not be closed while it is read
		for {
			chunk, err := d.pipe.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(health.Record{}, err)
				return
			}
			for i := range chunk {
				next := &chunk[i]
				switch {
				case next.isAsOf:
					asOf(next.asOf)
				case !yield(next.record, next.err):
					return
				}
			}
		}
	}
}

// concurrentDecoder is the producer of decodeConcurrently.
type concurrentDecoder struct {
	pipe  *pipe[recordCopy]
	chunk []recordCopy // being filled
}

func (d *concurrentDecoder) run(decode decodeFunc) error {
	d.chunk, _ = d.pipe.wait(nil)
	defer func() { d.pipe.send(d.chunk) }() // also after a panic
	for record, err := range decode(func(at health.Instant) { *d.add() = recordCopy{isAsOf: true, asOf: at} }) {
		d.add().set(&record, err)
		if len(d.chunk) >= recordChunkSize {
			d.pipe.send(d.chunk)
			var ok bool
			if d.chunk, ok = d.pipe.wait(nil); !ok {
				return nil
			}
		}
	}
	return nil
}

func (d *concurrentDecoder) add() *recordCopy {
	d.chunk = append(d.chunk, recordCopy{})
	return &d.chunk[len(d.chunk)-1]
}

// set copies a record with what belongs to the decoder, see health.Record.
func (c *recordCopy) set(r *health.Record, err error) {
	c.record, c.err = *r, err
	c.record.Warnings = slices.Clone(r.Warnings)
	if len(r.Samples) == 1 {
		c.sample[0] = r.Samples[0]
		c.record.Samples = c.sample[:]
		return
	}
	c.record.Samples = slices.Clone(r.Samples)
	c.record.Night, c.record.Segment, c.record.Workout = copied(r.Night), copied(r.Segment), copied(r.Workout)
	c.record.Event, c.record.ECG = copied(r.Event), copied(r.ECG)
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
