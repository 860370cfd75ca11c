package aggregate

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// compareSourceRank orders samples of one grain by the trust in their sources. A summary that is not PerSource was
// merged by HealthKit, whatever its source text is.
func (r Ranking) compareSourceRank(a, b *health.Sample) int {
	switch aMerged, bMerged := isMerged(a), isMerged(b); {
	case aMerged && bMerged:
		return 0
	case aMerged:
		return -1
	case bMerged:
		return 1
	}
	return r.Compare(a.Source, b.Source)
}

func isMerged(s *health.Sample) bool { return s.Grain > health.GrainRaw && !s.PerSource }

func sameSource(a, b *health.Sample) bool {
	return isMerged(a) == isMerged(b) && (isMerged(a) || a.Source == b.Source)
}

// piece is the part of a sample that counts in a cell: of its interval [From, To), the share that no better source covers.
type piece struct {
	sample *health.Sample
	health.Interval
	// share is the part of the sample's value, above 0 and at most 1; held is how much time of the piece counts.
	share float64
	held  health.Instant
	// first is set for the first piece of a sample on a local day.
	first bool
}

// sweep finds out which parts of samples count, given that at any time only the best source that was measuring counts.
// It passes through time and keeps only the samples that have begun and not ended.
//
// Of one source, a sample of a later snapshot counts in place of those of earlier ones where they overlap: HealthKit
// replaces old samples by a few long ones. Samples of one snapshot all count. Where values hold, one
// without a length ends with the next of its source.
type sweep struct {
	ranking Ranking
	// hold is how long a sample without a length lasts, until the next one of its source; 0 where it is an instant.
	hold health.Instant
	// edge returns the end of the cell in which what a sample says of an instant counts: pieces are cut there.
	edge func(s *health.Sample, t health.Instant) health.Instant
	emit func(piece)
	// onCrossDay is called with the dates that two samples of different offsets have at a time at which they overlap.
	onCrossDay func(a, b health.Date)
	now        health.Instant
	// sources has one entry per source and snapshot, the best first.
	sources []*sourceState
	active  endHeap
	free    []*activeSample // for reuse
	// instants are the samples of no length at now.
	instants []health.Sample
	// minute is the last merged summary of a minute.
	minute health.Sample
}

// sourceState is the state of a source, or of one snapshot of it.
type sourceState struct {
	sample  health.Sample  // any of the source's, for comparing
	active  int            // number of active samples
	counted health.Instant // time that counted so far
	held    *activeSample  // the one without a length, which lasts until the next
}

// activeSample is a sample that has begun and not ended. Interval is the piece of it that is being passed through.
type activeSample struct {
	sample health.Sample
	health.Interval
	end, length health.Instant
	source      *sourceState
	counted     health.Instant // what its source had counted when the piece began
	emitted     health.Date    // the day of the last piece
	index       int            // in the heap
}

func (o *sweep) add(s *health.Sample) {
	if o.inMinute(s) {
		return
	}
	from, to := countedSpan(s)
	held := o.hold > 0 && (to == from || s.Grain == health.GrainMinute && s.Min == s.Max)
	if held { // also the summary of a minute that had one reading
		to = from + o.hold
	}
	length := to - from
	from = max(from, o.now)
	o.advance(from)
	o.crossOffsets(s, from, to)
	if to <= from {
		o.instants = append(o.instants, *s)
		return
	}
	state := o.sourceOf(s)
	if state.held != nil {
		o.cut(state.held)
	}
	state.active++
	a := o.newActive()
	*a = activeSample{
		sample: *s, Interval: health.Interval{From: from, To: min(to, o.edge(s, from))}, end: to, length: length,
		source: state, counted: state.counted, emitted: math.MinInt32,
	}
	if held {
		state.held = a
	}
	heap.Push(&o.active, a)
}

// inMinute reports whether values hold and a summary of a minute is made of the sample. Else a reading in the middle of its
// minute would hold once for each of both.
func (o *sweep) inMinute(s *health.Sample) bool {
	switch {
	case o.hold == 0:
		return false
	case isMerged(s):
		if s.Grain == health.GrainMinute {
			o.minute = *s
		}
		return false
	}
	m := &o.minute
	return m.Grain > 0 && m.Start <= s.Start && s.End < m.Start+minute && m.Min <= s.Value && s.Value <= m.Max
}

// crossOffsets reports the dates of a new sample and of those it overlaps, where their offsets differ.
func (o *sweep) crossOffsets(s *health.Sample, from, to health.Instant) {
	for _, a := range o.active {
		if a.sample.Offset == s.Offset {
			continue
		}
		end := max(from, min(to, a.end)-1)
		for _, t := range [...]health.Instant{
			from, end, end.Date(a.sample.Offset).Midnight(a.sample.Offset), end.Date(s.Offset).Midnight(s.Offset),
		} {
			if from <= t && t <= end {
				o.onCrossDay(t.Date(a.sample.Offset), t.Date(s.Offset))
			}
		}
	}
	for i := range o.instants {
		o.onCrossDay(o.instants[i].LocalDate(), s.LocalDate())
	}
}

func (o *sweep) newActive() *activeSample {
	last := len(o.free) - 1
	if last < 0 {
		return new(activeSample)
	}
	a := o.free[last]
	o.free = o.free[:last]
	return a
}

// finish emits the active samples.
func (o *sweep) finish() {
	for len(o.active) > 0 {
		o.advance(o.active[0].To)
	}
	o.emitInstants()
}

func (o *sweep) advance(to health.Instant) {
	if to > o.now {
		o.emitInstants()
	}
	for len(o.active) > 0 && o.active[0].To <= to {
		o.moveTo(o.active[0].To)
		o.endPiece(o.active[0])
	}
	o.moveTo(to)
}

// endPiece emits the piece that ends at now, of the sample on top of the heap, and goes on with the next piece of it.
func (o *sweep) endPiece(a *activeSample) {
	o.emitPiece(a)
	if a.To >= a.end {
		heap.Pop(&o.active)
		o.release(a)
		return
	}
	a.From, a.To = a.To, min(a.end, o.edge(&a.sample, a.To))
	a.counted = a.source.counted
	heap.Fix(&o.active, 0)
}

// cut ends a sample at now.
func (o *sweep) cut(a *activeSample) {
	a.To = o.now
	o.emitPiece(a)
	heap.Remove(&o.active, a.index)
	o.release(a)
}

func (o *sweep) emitPiece(a *activeSample) {
	held := a.source.counted - a.counted
	if held <= 0 {
		return
	}
	date := a.From.Date(a.sample.Offset)
	o.emit(piece{&a.sample, a.Interval, float64(held) / float64(a.length), held, a.emitted != date})
	a.emitted = date
}

func (o *sweep) release(a *activeSample) {
	a.source.active--
	if a.source.held == a {
		a.source.held = nil
	}
	o.free = append(o.free, a)
}

// moveTo moves now to an instant before which no piece begins or ends.
func (o *sweep) moveTo(to health.Instant) {
	if best := o.best(); best != nil {
		best.counted += to - o.now
	}
	o.now = to
}

func (o *sweep) best() *sourceState {
	for _, state := range o.sources {
		if state.active > 0 {
			return state
		}
	}
	return nil
}

// maxIdleSources is how many sources and snapshots are kept that have no active sample.
const maxIdleSources = 8

func (o *sweep) sourceOf(s *health.Sample) *sourceState {
	for _, state := range o.sources {
		if o.compare(&state.sample, s) == 0 {
			return state
		}
	}
	if len(o.sources) > maxIdleSources {
		o.sources = slices.DeleteFunc(o.sources, func(state *sourceState) bool { return state.active == 0 })
	}
	i, _ := slices.BinarySearchFunc(o.sources, s, func(state *sourceState, s *health.Sample) int { return o.compare(&state.sample, s) })
	o.sources = slices.Insert(o.sources, i, &sourceState{sample: *s})
	return o.sources[i]
}

// compare orders sources, and of one source the later snapshot first.
func (o *sweep) compare(a, b *health.Sample) int {
	if c := o.ranking.compareSourceRank(a, b); c != 0 || o.hold > 0 {
		return c
	}
	return cmp.Compare(b.AsOf, a.AsOf)
}

// emitInstants emits the samples of no length at now that are of the best source among them, unless a better source is
// active. One is not counted that an active sample of its own source stands for, see describes.
func (o *sweep) emitInstants() {
	if len(o.instants) == 0 {
		return
	}
	best := slices.MinFunc(o.instants, func(a, b health.Sample) int { return o.ranking.compareSourceRank(&a, &b) })
	if active := o.best(); active == nil || o.ranking.compareSourceRank(&best, &active.sample) <= 0 {
		for i := range o.instants {
			if s := &o.instants[i]; sameSource(s, &best) && !o.described(s) {
				o.emit(piece{s, health.Interval{From: o.now, To: o.now}, 1, 0, true})
			}
		}
	}
	o.instants = o.instants[:0]
}

// described reports whether an active sample of the same source has what a sample without a length says: a sample of a
// later snapshot, or one that begins with it and has its value, which the app sends without the length.
func (o *sweep) described(instant *health.Sample) bool {
	return slices.ContainsFunc(o.active, func(a *activeSample) bool {
		return sameSource(&a.sample, instant) && (a.sample.AsOf > instant.AsOf ||
			a.sample.Start == instant.Start && health.SameValue(a.sample.Value, instant.Value))
	})
}

// countedSpan returns the interval that a sample occupies: a day at most, since a longer one has no useful time, and must
// not suppress other sources for that long.
func countedSpan(s *health.Sample) (from, to health.Instant) {
	from, to = s.Span()
	return from, min(to, from+health.Day)
}

// endHeap is a heap of the active samples, the first piece to end on top. Samples that end together have a fixed order,
// so that sums are equal to the last digit in whatever order they were read.
type endHeap []*activeSample

func (e endHeap) Len() int           { return len(e) }
func (e endHeap) Less(i, j int) bool { return compareEnds(e[i], e[j]) < 0 }
func (e endHeap) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

func (e *endHeap) Push(x any) {
	a := x.(*activeSample)
	a.index = len(*e)
	*e = append(*e, a)
}

func (e *endHeap) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}

func compareEnds(a, b *activeSample) int {
	if a.To != b.To {
		return cmp.Compare(a.To, b.To)
	}
	return cmp.Or(cmp.Compare(a.sample.Start, b.sample.Start), strings.Compare(a.sample.Source, b.sample.Source),
		cmp.Compare(a.sample.AsOf, b.sample.AsOf))
}
