package aggregate

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// CompareSources orders sources by how far they are trusted where several measured the same: first those that HealthKit
// merged ("Watch|iPhone"), then watches, then phones, then everything else; sources of one kind by name. The result is
// negative when a is to be preferred.
func CompareSources(a, b string) int {
	return cmp.Or(cmp.Compare(sourceRank(a), sourceRank(b)), strings.Compare(a, b))
}

func sourceRank(source string) int {
	name := strings.ToLower(source)
	switch {
	case strings.Contains(name, "|"):
		return 0
	case strings.Contains(name, "watch"):
		return 1
	case strings.Contains(name, "phone") && !strings.Contains(name, "headphone"):
		return 2
	default:
		return 3
	}
}

// compareSourceRank orders samples of one grain by the trust in where they come from. A summary that is not PerSource was
// merged by HealthKit, whatever its text says.
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

// overlap measures which share of each sample of a cumulative metric and one grain counts, given that at any moment
// only the best source that was measuring counts. It sweeps through time and holds only the samples that are under way.
type overlap struct {
	ranking Ranking
	emit    func(s *health.Sample, share float64)
	// onCrossDay hears of two samples of different local days that bear on each other.
	onCrossDay func(a, b health.Date)
	now        health.Instant
	// sources has one entry per source, the best first.
	sources []*sourceState
	ending  endings
	spare   []*activeSample // to be used again
	// instants are the samples without length at now.
	instants []health.Sample
}

// sourceState is what one source is doing.
type sourceState struct {
	sample  health.Sample // any of the source's, for comparing
	open    int           // samples under way
	counted health.Instant
}

// activeSample is a sample under way. counted is what its lane had counted when it began.
type activeSample struct {
	sample   health.Sample
	date     health.Date
	from, to health.Instant
	source   *sourceState
	counted  health.Instant
}

func newOverlap(ranking Ranking, emit func(*health.Sample, float64), across func(a, b health.Date)) *overlap {
	return &overlap{ranking: ranking, emit: emit, onCrossDay: across, now: health.MinInstant - health.Day}
}

// add takes the next sample in the order of their beginnings.
func (o *overlap) add(s *health.Sample) {
	from, to := countedSpan(s)
	from = max(from, o.now)
	o.advance(from)
	date := s.LocalDate()
	for _, r := range o.ending {
		o.onCrossDay(r.date, date)
	}
	for i := range o.instants {
		o.onCrossDay(o.instants[i].LocalDate(), date)
	}
	if to <= from {
		o.instants = append(o.instants, *s)
		return
	}
	l := o.sourceOf(s)
	l.open++
	r := o.unused()
	*r = activeSample{sample: *s, date: date, from: from, to: to, source: l, counted: l.counted}
	heap.Push(&o.ending, r)
}

func (o *overlap) unused() *activeSample {
	last := len(o.spare) - 1
	if last < 0 {
		return new(activeSample)
	}
	r := o.spare[last]
	o.spare = o.spare[:last]
	return r
}

// finish emits what is still under way.
func (o *overlap) finish() {
	for len(o.ending) > 0 {
		o.advance(o.ending[0].to)
	}
	o.emitInstants()
}

func (o *overlap) advance(to health.Instant) {
	if to > o.now {
		o.emitInstants()
	}
	for len(o.ending) > 0 && o.ending[0].to <= to {
		o.pass(o.ending[0].to)
		ended := heap.Pop(&o.ending).(*activeSample)
		ended.source.open--
		if counted := ended.source.counted - ended.counted; counted > 0 {
			o.emit(&ended.sample, float64(counted)/float64(ended.to-ended.from))
		}
		o.spare = append(o.spare, ended)
	}
	o.pass(to)
}

// pass lets time go on to an instant before which nothing begins or ends.
func (o *overlap) pass(to health.Instant) {
	if best := o.best(); best != nil {
		best.counted += to - o.now
	}
	o.now = to
}

func (o *overlap) best() *sourceState {
	for _, l := range o.sources {
		if l.open > 0 {
			return l
		}
	}
	return nil
}

func (o *overlap) sourceOf(s *health.Sample) *sourceState {
	for _, l := range o.sources {
		if sameSource(&l.sample, s) {
			return l
		}
	}
	i, _ := slices.BinarySearchFunc(o.sources, s, func(l *sourceState, s *health.Sample) int { return o.ranking.compareSourceRank(&l.sample, s) })
	o.sources = slices.Insert(o.sources, i, &sourceState{sample: *s})
	return o.sources[i]
}

// emitInstants emits the samples without length at now that come from the best source among them, unless a better one
// is under way.
func (o *overlap) emitInstants() {
	if len(o.instants) == 0 {
		return
	}
	best := slices.MinFunc(o.instants, func(a, b health.Sample) int { return o.ranking.compareSourceRank(&a, &b) })
	if under := o.best(); under == nil || o.ranking.compareSourceRank(&best, &under.sample) <= 0 {
		for i := range o.instants {
			if sameSource(&o.instants[i], &best) {
				o.emit(&o.instants[i], 1)
			}
		}
	}
	o.instants = o.instants[:0]
}

// countedSpan is the stretch a sample occupies among samples of its grain. Summaries of a day or more are placed by
// their date alone, so that a change of offset does not make two days overlap. A raw sample occupies a day at most: one
// that claims more says nothing about when, and must not silence other sources for as long.
func countedSpan(s *health.Sample) (from, to health.Instant) {
	if s.Grain >= health.GrainDay {
		return s.KeyTime(), health.Instant(s.LastDate()+1) * health.Day
	}
	from, to = s.Span()
	return from, min(to, from+health.Day)
}

// endings is a heap of samples under way, the one that ends first on top. Samples that end together are in an order of
// their own, so that sums come out the same to the last digit however they were read.
type endings []*activeSample

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return compareEndings(e[i], e[j]) < 0 }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endings) Push(x any)        { *e = append(*e, x.(*activeSample)) }
func (e *endings) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}

func compareEndings(a, b *activeSample) int {
	if a.to != b.to {
		return cmp.Compare(a.to, b.to)
	}
	return cmp.Or(cmp.Compare(a.sample.Start, b.sample.Start), strings.Compare(a.sample.Source, b.sample.Source))
}
