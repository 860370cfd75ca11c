package ingest

import (
	"iter"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// Decoding beside the rest hands on so many records at a time, in so many pieces: one is filled, one is worked on, and one
// lies between.
const (
	besidePiece  = 256
	besidePieces = 3
)

// handedOn is what a decoder has yielded, in a form that outlives its next record.
type handedOn struct {
	record health.Record
	sample [1]health.Sample // nearly all records have one
	err    error
	// dated is true, and nothing else is set but asOf, where the body has said when it was made.
	dated bool
	asOf  health.Instant
}

// beside decodes on a goroutine of its own, a little ahead of who takes the records: to decode a file takes about as long
// as to bring its records into order. It is for records without an Item only, which would change behind the receiver's
// back. A goroutine that was begun has ended when the records have.
type beside struct {
	full, empty chan []handedOn
	stopped     chan struct{}
	filling     []handedOn // the decoder's
}

// decodeBeside yields what decode does, and calls asOf at the same place among the records at which the decoder did.
func decodeBeside(
	decode func(asOf func(health.Instant)) iter.Seq2[health.Record, error], asOf func(health.Instant),
) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		b := &beside{
			full: make(chan []handedOn, besidePieces), empty: make(chan []handedOn, besidePieces), stopped: make(chan struct{}),
		}
		for range besidePieces {
			b.empty <- make([]handedOn, 0, besidePiece)
		}
		go b.run(decode)
		defer func() {
			close(b.stopped)
			for range b.full { // until the decoder has ended: the file must not be closed under it
			}
		}()
		for piece := range b.full {
			for i := range piece {
				next := &piece[i]
				switch {
				case next.dated:
					asOf(next.asOf)
				case !yield(next.record, next.err):
					return
				}
			}
			b.empty <- piece[:0]
		}
	}
}

func (b *beside) run(decode func(asOf func(health.Instant)) iter.Seq2[health.Record, error]) {
	defer close(b.full)
	b.filling = <-b.empty
	if err := b.decode(decode); err != nil {
		b.add().err = err
	}
	b.full <- b.filling // there is room: no more pieces exist than it holds
}

func (b *beside) decode(decode func(asOf func(health.Instant)) iter.Seq2[health.Record, error]) (err error) {
	defer recoverAs(&err)
	for record, err := range decode(func(at health.Instant) { *b.add() = handedOn{dated: true, asOf: at} }) {
		b.add().take(&record, err)
		if len(b.filling) == cap(b.filling) && !b.next() {
			return nil
		}
	}
	return nil
}

func (b *beside) add() *handedOn {
	b.filling = append(b.filling, handedOn{})
	return &b.filling[len(b.filling)-1]
}

// next hands on what was filled, and waits for a piece to fill. It reports whether anybody wants more.
func (b *beside) next() bool {
	b.full <- b.filling
	select {
	case b.filling = <-b.empty:
		return true
	case <-b.stopped:
		b.filling = nil
		return false
	}
}

// take keeps a record: what belongs to the decoder is copied, see health.Record.
func (h *handedOn) take(r *health.Record, err error) {
	h.record, h.err = *r, err
	h.record.Warnings = slices.Clone(r.Warnings)
	if len(r.Samples) == 1 {
		h.sample[0] = r.Samples[0]
		h.record.Samples = h.sample[:]
		return
	}
	h.record.Samples = slices.Clone(r.Samples)
	h.record.Night, h.record.Segment, h.record.Workout = copied(r.Night), copied(r.Segment), copied(r.Workout)
	h.record.Event, h.record.ECG = copied(r.Event), copied(r.ECG)
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
