package ingest

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/assemble"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// bodyWriter writes the elements of one body to a store, and reports their outcomes to the collector.
type bodyWriter struct {
	collector *assemble.Collector
	ingestion *health.Ingestion
	body      store.Body
	store     store.Writer
	workouts  store.WorkoutReader

	mu        sync.Mutex
	summaries int           // of days that were written
	summingUp time.Duration // how long that took
}

// write writes everything that was collected. Call it once.
func (w *bodyWriter) write(ctx context.Context) error {
	c := w.collector
	if _, err := w.store.WriteSourceDevices(ctx, w.body, c.Devices()); err != nil {
		return err
	}
	if err := w.writeSamples(ctx); err != nil {
		return err
	}
	return errors.Join(
		writeElements(ctx, w.body, c.Nights(), w.store.WriteNights),
		writeElements(ctx, w.body, c.Segments(), w.store.WriteSegments),
		writeElements(ctx, w.body, c.Workouts(), w.store.WriteWorkouts),
		writeElements(ctx, w.body, c.WorkoutParts(), w.writeParts),
		writeElements(ctx, w.body, c.Events(), w.store.WriteEvents),
		writeElements(ctx, w.body, c.ECGs(), w.store.WriteECGs),
	)
}

// writeSamples writes several partitions at the same time: a store can write batches of different metrics concurrently.
func (w *bodyWriter) writeSamples(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(assemble.PartitionsAtOnce)
	for _, p := range w.collector.Partitions() {
		group.Go(func() (err error) {
			defer recoverAs(&err)
			return w.writePartition(ctx, p)
		})
	}
	return group.Wait()
}

// writePartition writes each batch of a partition while the next one is assembled.
func (w *bodyWriter) writePartition(ctx context.Context, p assemble.Partition) (err error) {
	var current *batchWrite
	defer func() { err = errors.Join(err, w.finish(current)) }() // after a failure too: no write may outlive the call
	for batch, err := range w.collector.Samples(p) {
		if err != nil {
			return err
		}
		previous := current
		current = w.begin(ctx, batch)
		if err := w.finish(previous); err != nil {
			return err
		}
	}
	return nil
}

// batchWrite is a batch that is being written.
type batchWrite struct {
	batch   *assemble.Batch[health.Sample]
	done    chan struct{}
	written store.Written
	err     error
}

func (w *bodyWriter) begin(ctx context.Context, batch *assemble.Batch[health.Sample]) *batchWrite {
	b := &batchWrite{batch: batch, done: make(chan struct{})}
	for i := range batch.Spans {
		s := &batch.Spans[i]
		s.Ingestion, s.Session = w.ingestion.ID, cmp.Or(w.ingestion.Headers["session-id"], w.ingestion.ID.String())
	}
	go func() {
		defer close(b.done)
		defer recoverAs(&b.err)
		b.written, b.err = w.store.WriteSamples(ctx, w.body, batch.Elements, batch.Spans...)
	}()
	return b
}

// finish waits until a batch is written, and accounts for its elements. nil is no batch.
func (w *bodyWriter) finish(b *batchWrite) error {
	if b == nil {
		return nil
	}
	<-b.done
	if b.err != nil {
		return b.err
	}
	w.mu.Lock()
	w.summaries += b.written.Summaries
	w.summingUp += b.written.SummingUp
	w.mu.Unlock()
	b.batch.Account(b.written.Outcomes, b.written.Refused)
	return nil
}

func writeElements[T any](
	ctx context.Context, body store.Body, batches iter.Seq2[*assemble.Batch[T], error],
	write func(context.Context, store.Body, []T) (store.Written, error),
) error {
	for batch, err := range batches {
		if err != nil {
			return err
		}
		written, err := write(ctx, body, batch.Elements)
		if err != nil {
			return err
		}
		batch.Account(written.Outcomes, written.Refused)
	}
	return nil
}
