package health

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
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

// compareOrigins orders samples of one grain by the trust in where they come from. A summary that is not PerSource was
// merged by HealthKit, whatever its text says.
func (r Ranking) compareOrigins(a, b *Sample) int {
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

func isMerged(s *Sample) bool { return s.Grain > GrainRaw && !s.PerSource }

func sameOrigin(a, b *Sample) bool {
	return isMerged(a) == isMerged(b) && (isMerged(a) || a.Source == b.Source)
}

// overlap measures which share of each sample of a cumulative metric and one grain counts, given that at any moment
// only the best source that was measuring counts. It sweeps through time and holds only the samples that are under way.
type overlap struct {
	ranking Ranking
	emit    func(s *Sample, share float64)
	// across hears of two samples of different local days that bear on each other.
	across func(a, b Date)
	now    Instant
	// lanes has one entry per source, the best first.
	lanes  []*lane
	ending endings
	spare  []*running // to be used again
	// moments are the samples without length at now.
	moments []Sample
}

// lane is what one source is doing.
type lane struct {
	sample  Sample // any of the source's, for comparing
	open    int    // samples under way
	counted Instant
}

// running is a sample under way. counted is what its lane had counted when it began.
type running struct {
	sample   Sample
	date     Date
	from, to Instant
	lane     *lane
	counted  Instant
}

func newOverlap(ranking Ranking, emit func(*Sample, float64), across func(a, b Date)) *overlap {
	return &overlap{ranking: ranking, emit: emit, across: across, now: MinInstant - Day}
}

// add takes the next sample in the order of their beginnings.
func (o *overlap) add(s *Sample) {
	from, to := countedSpan(s)
	from = max(from, o.now)
	o.advance(from)
	date := s.LocalDate()
	for _, r := range o.ending {
		o.across(r.date, date)
	}
	for i := range o.moments {
		o.across(o.moments[i].LocalDate(), date)
	}
	if to <= from {
		o.moments = append(o.moments, *s)
		return
	}
	l := o.laneOf(s)
	l.open++
	r := o.unused()
	*r = running{sample: *s, date: date, from: from, to: to, lane: l, counted: l.counted}
	heap.Push(&o.ending, r)
}

func (o *overlap) unused() *running {
	last := len(o.spare) - 1
	if last < 0 {
		return new(running)
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
	o.settleMoments()
}

func (o *overlap) advance(to Instant) {
	if to > o.now {
		o.settleMoments()
	}
	for len(o.ending) > 0 && o.ending[0].to <= to {
		o.pass(o.ending[0].to)
		ended := heap.Pop(&o.ending).(*running)
		ended.lane.open--
		if counted := ended.lane.counted - ended.counted; counted > 0 {
			o.emit(&ended.sample, float64(counted)/float64(ended.to-ended.from))
		}
		o.spare = append(o.spare, ended)
	}
	o.pass(to)
}

// pass lets time go on to an instant before which nothing begins or ends.
func (o *overlap) pass(to Instant) {
	if best := o.best(); best != nil {
		best.counted += to - o.now
	}
	o.now = to
}

func (o *overlap) best() *lane {
	for _, l := range o.lanes {
		if l.open > 0 {
			return l
		}
	}
	return nil
}

func (o *overlap) laneOf(s *Sample) *lane {
	for _, l := range o.lanes {
		if sameOrigin(&l.sample, s) {
			return l
		}
	}
	i, _ := slices.BinarySearchFunc(o.lanes, s, func(l *lane, s *Sample) int { return o.ranking.compareOrigins(&l.sample, s) })
	o.lanes = slices.Insert(o.lanes, i, &lane{sample: *s})
	return o.lanes[i]
}

// settleMoments emits the samples without length at now that come from the best source among them, unless a better one
// is under way.
func (o *overlap) settleMoments() {
	if len(o.moments) == 0 {
		return
	}
	best := slices.MinFunc(o.moments, func(a, b Sample) int { return o.ranking.compareOrigins(&a, &b) })
	if under := o.best(); under == nil || o.ranking.compareOrigins(&best, &under.sample) <= 0 {
		for i := range o.moments {
			if sameOrigin(&o.moments[i], &best) {
				o.emit(&o.moments[i], 1)
			}
		}
	}
	o.moments = o.moments[:0]
}

// countedSpan is the stretch a sample occupies among samples of its grain. Summaries of a day or more are placed by
// their date alone, so that a change of offset does not make two days overlap. A raw sample occupies a day at most: one
// that claims more says nothing about when, and must not silence other sources for as long.
func countedSpan(s *Sample) (from, to Instant) {
	if s.Grain >= GrainDay {
		return s.KeyTime(), Instant(s.lastDate()+1) * Day
	}
	from, to = s.Span()
	return from, min(to, from+Day)
}

// endings is a heap of samples under way, the one that ends first on top. Samples that end together are in an order of
// their own, so that sums come out the same to the last digit however they were read.
type endings []*running

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return compareEndings(e[i], e[j]) < 0 }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endings) Push(x any)        { *e = append(*e, x.(*running)) }
func (e *endings) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}

func compareEndings(a, b *running) int {
	if a.to != b.to {
		return cmp.Compare(a.to, b.to)
	}
	return cmp.Or(cmp.Compare(a.sample.Start, b.sample.Start), strings.Compare(a.sample.Source, b.sample.Source))
}
