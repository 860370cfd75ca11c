package aggregate

import (
	"cmp"
	"container/heap"
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

// overlapResolver computes which share of each sample of a cumulative metric and one grain counts, given that at any
// time only the best source that was measuring counts. It sweeps through time and keeps only the active samples.
type overlapResolver struct {
	ranking Ranking
	emit    func(s *health.Sample, share float64)
	// onCrossDay is called with the dates of two samples that affect each other.
	onCrossDay func(a, b health.Date)
	now        health.Instant
	// sources has one entry per source, the best first.
	sources []*sourceState
	active  endHeap
	free    []*activeSample // for reuse
	// instants are the samples of no length at now.
	instants []health.Sample
}

// sourceState is the state of one source in the sweep.
type sourceState struct {
	sample  health.Sample  // any of the source's, for comparing
	active  int            // number of active samples
	counted health.Instant // time that counted so far
}

// activeSample is a sample that has begun and not ended. counted is what its source had counted when it began.
type activeSample struct {
	sample   health.Sample
	date     health.Date
	from, to health.Instant
	source   *sourceState
	counted  health.Instant
}

func newOverlapResolver(ranking Ranking, emit func(*health.Sample, float64), onCrossDay func(a, b health.Date)) *overlapResolver {
	return &overlapResolver{ranking: ranking, emit: emit, onCrossDay: onCrossDay, now: health.MinInstant - health.Day}
}

// add adds the next sample, in the order of their starts.
func (o *overlapResolver) add(s *health.Sample) {
	from, to := countedSpan(s)
	from = max(from, o.now)
	o.advance(from)
	date := s.LocalDate()
	for _, active := range o.active {
		o.onCrossDay(active.date, date)
	}
	for i := range o.instants {
		o.onCrossDay(o.instants[i].LocalDate(), date)
	}
	if to <= from {
		o.instants = append(o.instants, *s)
		return
	}
	state := o.sourceOf(s)
	state.active++
	active := o.newActive()
	*active = activeSample{sample: *s, date: date, from: from, to: to, source: state, counted: state.counted}
	heap.Push(&o.active, active)
}

func (o *overlapResolver) newActive() *activeSample {
	last := len(o.free) - 1
	if last < 0 {
		return new(activeSample)
	}
	active := o.free[last]
	o.free = o.free[:last]
	return active
}

// finish emits the active samples.
func (o *overlapResolver) finish() {
	for len(o.active) > 0 {
		o.advance(o.active[0].to)
	}
	o.emitInstants()
}

func (o *overlapResolver) advance(to health.Instant) {
	if to > o.now {
		o.emitInstants()
	}
	for len(o.active) > 0 && o.active[0].to <= to {
		o.moveTo(o.active[0].to)
		ended := heap.Pop(&o.active).(*activeSample)
		ended.source.active--
		if counted := ended.source.counted - ended.counted; counted > 0 {
			o.emit(&ended.sample, float64(counted)/float64(ended.to-ended.from))
		}
		o.free = append(o.free, ended)
	}
	o.moveTo(to)
}

// moveTo moves now to an instant before which no sample begins or ends.
func (o *overlapResolver) moveTo(to health.Instant) {
	if best := o.best(); best != nil {
		best.counted += to - o.now
	}
	o.now = to
}

func (o *overlapResolver) best() *sourceState {
	for _, state := range o.sources {
		if state.active > 0 {
			return state
		}
	}
	return nil
}

func (o *overlapResolver) sourceOf(s *health.Sample) *sourceState {
	for _, state := range o.sources {
		if sameSource(&state.sample, s) {
			return state
		}
	}
	i, _ := slices.BinarySearchFunc(o.sources, s, func(state *sourceState, s *health.Sample) int { return o.ranking.compareSourceRank(&state.sample, s) })
	o.sources = slices.Insert(o.sources, i, &sourceState{sample: *s})
	return o.sources[i]
}

// emitInstants emits the samples of no length at now that are of the best source among them, unless a better source is
// active.
func (o *overlapResolver) emitInstants() {
	if len(o.instants) == 0 {
		return
	}
	best := slices.MinFunc(o.instants, func(a, b health.Sample) int { return o.ranking.compareSourceRank(&a, &b) })
	if active := o.best(); active == nil || o.ranking.compareSourceRank(&best, &active.sample) <= 0 {
		for i := range o.instants {
			if sameSource(&o.instants[i], &best) {
				o.emit(&o.instants[i], 1)
			}
		}
	}
	o.instants = o.instants[:0]
}

// countedSpan returns the interval that a sample occupies among samples of its grain. Summaries of a day or more are
// placed by their date alone, so that a change of offset does not make two days overlap. A raw sample occupies a day at
// most: a longer one has no useful time, and must not suppress other sources for that long.
func countedSpan(s *health.Sample) (from, to health.Instant) {
	if s.Grain >= health.GrainDay {
		return s.KeyTime(), health.Instant(s.LastDate()+1) * health.Day
	}
	from, to = s.Span()
	return from, min(to, from+health.Day)
}

// endHeap is a heap of the active samples, the first to end on top. Samples that end together have a fixed order, so
// that sums are equal to the last digit in whatever order they were read.
type endHeap []*activeSample

func (e endHeap) Len() int           { return len(e) }
func (e endHeap) Less(i, j int) bool { return compareEnds(e[i], e[j]) < 0 }
func (e endHeap) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endHeap) Push(x any)        { *e = append(*e, x.(*activeSample)) }
func (e *endHeap) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}

func compareEnds(a, b *activeSample) int {
	if a.to != b.to {
		return cmp.Compare(a.to, b.to)
	}
	return cmp.Or(cmp.Compare(a.sample.Start, b.sample.Start), strings.Compare(a.sample.Source, b.sample.Source))
}
