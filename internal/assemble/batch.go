package assemble

import (
	"iter"

	"github.com/health-export/health-export/internal/health"
)

const (
	// MaxBatch is how many samples a batch holds at most: what is written in one transaction.
	MaxBatch = 10_000
	// MaxBatchBytes is the size of attributes from which on a batch is complete with fewer samples: the beats of a heart
	// rate variability take kilobytes.
	MaxBatchBytes = 1 << 20
	// The series of a body are cut into up to maxPartitions, of which PartitionsAtOnce may be read at the same time: more
	// than are read at once, so that the last ones end together.
	maxPartitions    = 8
	PartitionsAtOnce = 3
)

// Batch is elements to be written in one transaction. No two of them have the same identity, but for events, see
// health.Event.DigestAmong.
type Batch[T any] struct {
	Elements []T
	// Spans are what the body speaks for with the samples of a batch, without the session and the ingestion.
	Spans   []health.Span
	account func(outcomes []health.Outcome, refused map[int]string)
}

// Account adds to the report what became of the elements: outcomes has one entry for each, and refused the reason for
// those that are health.Rejected, by index. The batch must not be used afterwards: its memory is reused.
func (b *Batch[T]) Account(outcomes []health.Outcome, refused map[int]string) {
	b.account(outcomes, refused)
}

// Partition is some of the series of a body.
type Partition struct {
	first, end uint32 // series, without the end
	points     int
}

// Partitions cuts the series of the body into parts of about the same size, the largest first. Call it after Finish.
func (c *Collector) Partitions() []Partition { return c.sorter.partitions(maxPartitions, MaxBatch) }

// Samples yields the samples of a partition by series, time and grain. Up to PartitionsAtOnce partitions may be read at
// the same time, and batches of them accounted for by any goroutine.
func (c *Collector) Samples(p Partition) iter.Seq2[*Batch[health.Sample], error] {
	return func(yield func(*Batch[health.Sample], error) bool) {
		m := &merger{collector: c, grains: resolvedGrains(c.settled), partition: p}
		var zone *health.Zone // of its own: it is not for concurrent use
		if c.zone != nil {
			copied := *c.zone
			zone = &copied
		}
		batch := c.newSampleBatch()
		var spans spanBuilder
		for merged, err := range m.points() {
			if err != nil {
				yield(nil, err)
				return
			}
			sample := c.sample(&merged, m.perSource(&merged))
			if c.series[merged.series].bloodPressure && !c.checkPressure(&sample, &merged.elementRef) {
				continue
			}
			placeSample(zone, &sample)
			batch.Elements = append(batch.Elements, sample)
			spans.add(merged.series, &sample, c.saysZeros && c.series[merged.series].cumulative)
			batch.refs = append(batch.refs, merged.elementRef)
			if batch.bytes += len(merged.attributes); len(batch.Elements) == MaxBatch || batch.bytes >= MaxBatchBytes {
				batch.Spans = spans.take()
				if !yield(&batch.Batch, nil) {
					return
				}
				batch = c.newSampleBatch()
			}
		}
		if len(batch.Elements) == 0 {
			batch.Account(nil, nil)
			return
		}
		batch.Spans = spans.take()
		yield(&batch.Batch, nil)
	}
}

// sampleBatch is a batch of samples with the element that each comes from.
type sampleBatch struct {
	Batch[health.Sample]
	refs  []elementRef
	bytes int // of attributes
}

// newSampleBatch returns an empty batch: one that is accounted for, if there is one.
func (c *Collector) newSampleBatch() *sampleBatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.unused); n > 0 {
		b := c.unused[n-1]
		c.unused = c.unused[:n-1]
		return b
	}
	b := &sampleBatch{refs: c.buffers.refs.get()}
	b.Elements = c.buffers.samples.get()
	b.account = func(outcomes []health.Outcome, refused map[int]string) { c.accountSamples(b, outcomes, refused) }
	return b
}

// sample returns what is stored of merged points.
func (c *Collector) sample(p *mergedPoint, perSource bool) health.Sample {
	s := p.unpack()
	series := &c.series[p.series]
	s.Metric, s.Unit, s.Source = series.name, series.unit, c.sources[p.source]
	s.PerSource, s.Inferred, s.Order, s.AsOf = perSource, p.inferred, c.order, c.asOf
	if s.Grain != health.GrainRaw {
		s.End = s.Start
	}
	return s
}

func (c *Collector) accountSamples(b *sampleBatch, outcomes []health.Outcome, refused map[int]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, outcome := range outcomes {
		if outcome == health.Rejected {
			c.countRefused(&b.refs[i], refused[i])
			continue
		}
		c.count(&b.refs[i], outcome)
	}
	c.accounted.Add(int64(len(b.refs)))
	b.Elements, b.Spans, b.refs, b.bytes = b.Elements[:0], nil, b.refs[:0], 0
	c.unused = append(c.unused, b)
}

// countMerged counts an element that is the same as another.
func (c *Collector) countMerged(ref *elementRef) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(ref, health.Merged)
}

// count counts what became of the element that a point belongs to; the caller holds mu. An element with several samples is
// counted when all of them are written.
func (c *Collector) count(ref *elementRef, o health.Outcome) {
	if ref.compound >= 0 {
		c.compounds[ref.compound].add(c.series[ref.series].name, o)
		return
	}
	if typ := ref.typ >> 1; typ != c.outcomes.typ || o != c.outcomes.outcome {
		c.flushOutcomes()
		c.outcomes.typ, c.outcomes.outcome = typ, o
	}
	c.outcomes.count++
}

// countRefused counts an element of which the database refused a sample; the caller holds mu.
func (c *Collector) countRefused(ref *elementRef, reason string) {
	c.rejectSample(ref, databaseRefused(ref.position(c), reason))
}

// position returns where in the body a point is.
func (r *elementRef) position(c *Collector) health.Position {
	return health.Position{Type: "metric", Entry: int(r.entry), Point: int(r.index), Metric: c.series[r.series].name}
}

// rejectSample counts an element of which a sample is refused; the caller holds mu.
func (c *Collector) rejectSample(ref *elementRef, rejection *health.Rejection) {
	if ref.compound >= 0 {
		c.count(ref, health.Rejected)
		c.report.List(rejection)
		return
	}
	c.Reject(health.Metrics, c.types[ref.typ>>1], rejection)
}

// flushOutcomes adds to the report what has been counted in a row.
func (c *Collector) flushOutcomes() {
	c.report.CountN(health.Metrics, c.types[c.outcomes.typ], c.outcomes.outcome, c.outcomes.count)
	c.outcomes.count = 0
}

// finishSamples adds to the report what is only known when all samples are accounted for.
func (c *Collector) finishSamples() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushOutcomes()
	for i := range c.compounds {
		e := &c.compounds[i]
		c.report.Count(health.Metrics, c.types[e.typ], e.outcome())
	}
	c.compounds = nil
}

// Nights yields the nights. It, and the five methods that follow, must be called when all samples are accounted for, one
// after the other, and each batch accounted for before the next is taken.
func (c *Collector) Nights() iter.Seq2[*Batch[health.Night], error] {
	c.finishSamples()
	return c.others.nights.batches()
}

// Segments yields the segments of sleep; see Nights.
func (c *Collector) Segments() iter.Seq2[*Batch[health.Segment], error] {
	c.finishSamples()
	return c.others.segments.batches()
}

// Workouts yields the workouts; see Nights.
func (c *Collector) Workouts() iter.Seq2[*Batch[health.Workout], error] {
	c.finishSamples()
	return c.others.workouts.batches()
}

// WorkoutParts yields the files of workouts, see health.Workout.Part; see Nights. They are written after the workouts.
func (c *Collector) WorkoutParts() iter.Seq2[*Batch[health.Workout], error] {
	c.finishSamples()
	return c.others.parts.batches()
}

// Events yields the events; see Nights.
func (c *Collector) Events() iter.Seq2[*Batch[health.Event], error] {
	c.finishSamples()
	return c.others.events.batches()
}

// ECGs yields the electrocardiograms; see Nights.
func (c *Collector) ECGs() iter.Seq2[*Batch[health.ECG], error] {
	c.finishSamples()
	return c.others.ecgs.batches()
}

// Accounted returns for how many samples the outcome is known. It may be called at any time.
func (c *Collector) Accounted() int64 { return c.accounted.Load() }

// Report returns the account of the body. It is complete when all batches are accounted for.
func (c *Collector) Report() health.Report {
	c.finishSamples()
	return c.report
}
