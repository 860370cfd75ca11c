package ingest

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

const (
	// batchSize is how many samples are written in one transaction.
	batchSize = 10_000
	// batchAttributes is from how many bytes of attributes on a batch is written before it is full: what a heart rate
	// variability says of its beats has kilobytes.
	batchAttributes = 1 << 20
	// A body's series are written in so many stretches, so many of them at once: more than there is work for at a time, so
	// that the last ones end together.
	maxPartitions, partitionsAtOnce = 8, 3
	// batchesUnderWay is how many batches of a stretch there are at once: all but one of them are being written.
	batchesUnderWay = 2
)

// batch is samples on their way to the store, with the point that each stands for.
type batch struct {
	samples    []health.Sample
	refs       []elementRef
	attributes int // bytes in samples
	// result is there while the batch is being written.
	result chan batchResult
}

type batchResult struct {
	written store.Written
	err     error
}

// write writes everything that was collected. Call it once, when the body has been read to its end.
func (c *Collector) write(ctx context.Context, user uuid.UUID, writer store.Writer) error {
	if err := c.writeSamples(ctx, user, writer); err != nil {
		return err
	}
	c.flushOutcomes()
	for i := range c.compounds {
		e := &c.compounds[i]
		c.report.Count(health.Metrics, c.types[e.typ], e.outcome())
	}
	return c.others.write(ctx, user, writer)
}

// writeSamples writes the samples, those of several stretches of series at the same time: a store lets batches of
// different metrics pass each other.
func (c *Collector) writeSamples(ctx context.Context, user uuid.UUID, writer store.Writer) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partitionsAtOnce)
	for _, of := range c.sorter.partitions(maxPartitions, batchSize) {
		group.Go(func() (err error) {
			defer recoverAs(&err)
			return c.writePartition(ctx, of, user, writer)
		})
	}
	return group.Wait()
}

// writePartition writes the samples of a stretch in batches, while the next is put together.
func (c *Collector) writePartition(ctx context.Context, of partition, user uuid.UUID, writer store.Writer) (err error) {
	f := &merger{collector: c, grains: c.grains(), partition: of}
	var underWay [batchesUnderWay]batch // a ring: the batch that is put together takes the place of the oldest
	defer func() {
		// Also after a failure: what has been begun must not outlive the call.
		for i := range underWay {
			err = errors.Join(err, c.settleBatch(&underWay[i]))
			c.buffers.samples.put(underWay[i].samples)
			c.buffers.refs.put(underWay[i].refs)
		}
	}()
	turn := 0
	for entry, err := range f.samples() {
		if err != nil {
			return err
		}
		next := &underWay[turn]
		switch {
		case next.result != nil:
			if err := c.settleBatch(next); err != nil {
				return err
			}
		case next.samples == nil:
			next.samples, next.refs = c.buffers.samples.get(), c.buffers.refs.get()
		}
		next.samples = append(next.samples, c.sample(&entry, f.perSource(&entry)))
		next.refs = append(next.refs, entry.elementRef)
		next.attributes += len(entry.attributes)
		if len(next.samples) == batchSize || next.attributes >= batchAttributes {
			next.begin(ctx, user, writer)
			turn = (turn + 1) % len(underWay)
		}
	}
	if underWay[turn].result == nil {
		underWay[turn].begin(ctx, user, writer)
	}
	return nil
}

// begin hands the batch to the store.
func (b *batch) begin(ctx context.Context, user uuid.UUID, writer store.Writer) {
	if len(b.samples) == 0 {
		return
	}
	b.result = make(chan batchResult, 1)
	go func() {
		var r batchResult
		defer func() { b.result <- r }()
		defer recoverAs(&r.err)
		r.written, r.err = writer.WriteSamples(ctx, user, b.samples)
	}()
}

// settleBatch waits for a batch, if it is being written, counts what became of its elements, and empties it.
func (c *Collector) settleBatch(b *batch) error {
	if b.result == nil {
		return nil
	}
	r := <-b.result
	b.result = nil
	if r.err != nil {
		return r.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.summaries += r.written.Summaries
	c.summingUp += r.written.SummingUp
	for i, outcome := range r.written.Outcomes {
		if outcome == health.Rejected {
			c.countRefused(&b.refs[i], r.written.Refused[i])
			continue
		}
		c.count(&b.refs[i], outcome)
	}
	c.written.Add(int64(len(b.refs)))
	b.samples, b.refs, b.attributes = b.samples[:0], b.refs[:0], 0
	return nil
}

// sample makes what is stored of a folded point.
func (c *Collector) sample(entry *mergedPoint, perSource bool) health.Sample {
	s := entry.unpack()
	series := &c.series[entry.series]
	s.Metric, s.Unit, s.Source = series.name, series.unit, c.sources[entry.source]
	s.PerSource, s.Received = perSource, c.asOf
	if s.Grain != health.GrainRaw {
		s.End = s.Start
	}
	return s
}

// countMerged counts an element as one that is the same as another.
func (c *Collector) countMerged(p *elementRef) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(p, health.Merged)
}

// count counts what became of the element that a point belongs to, under counting. An element with several samples is
// counted when all of them are written.
func (c *Collector) count(p *elementRef, o health.Outcome) {
	if p.element < 0 {
		if typ := p.typ >> 1; typ != c.outcomes.typ || o != c.outcomes.outcome {
			c.flushOutcomes()
			c.outcomes.typ, c.outcomes.outcome = typ, o
		}
		c.outcomes.count++
		return
	}
	c.compounds[p.element].add(c.series[p.series].name, o)
}

// flushOutcomes brings into the report what has been counted in a row.
func (c *Collector) flushOutcomes() {
	c.report.CountN(health.Metrics, c.types[c.outcomes.typ], c.outcomes.outcome, c.outcomes.count)
	c.outcomes.count = 0
}

func (c *Collector) countRefused(p *elementRef, reason string) {
	at := health.Position{
		Type: "metric", Entry: int(p.entry), Point: int(p.index), Metric: c.series[p.series].name,
	}
	rejection := databaseRefused(at, reason)
	if p.element >= 0 {
		c.count(p, health.Rejected)
		c.report.List(rejection)
		return
	}
	c.Reject(health.Metrics, c.types[p.typ>>1], rejection)
}

func databaseRefused(at health.Position, reason string) *health.Rejection {
	return &health.Rejection{
		Position: at, Code: health.DatabaseError, Message: reason,
		Suggestion: "The element is kept in the archive; replay the ingestion once the cause is gone.",
	}
}
