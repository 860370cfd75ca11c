package aggregate

import (
	"math"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// Rule says how the samples of one metric are resolved.
type Rule struct {
	// Cumulative is true for metrics whose values of a stretch of time are added up.
	Cumulative bool
	// Ranking orders the sources.
	Ranking Ranking
}

// Resolver decides which samples of one metric count where several sources measured the same, and by which share. It
// treats every grain by itself: what the grains say is compared afterwards, see Tallies.
//
// Of a cumulative metric a stretch of time counts once, from the best source that was measuring (see Ranking):
// a sample that sticks out of a better source's counts by the share that sticks out. Of any other metric the best of
// the samples with the same span counts. Samples of one source never take from each other. A merged summary that is
// older than one of the summaries per source of the same time does not count: what a later body said stands.
type Resolver struct {
	rule       Rule
	emit       func(s *health.Sample, share float64)
	onCrossDay func(a, b health.Date)
	overlaps   map[health.Grain]*overlapResolver
	pending    map[health.Grain]*health.Sample
	sameTime   []health.Sample // summaries of one grain and time
}

// NewResolver returns a resolver that passes on every sample that counts, with a share that is above 0 and at most 1.
// The sample is the receiver's only for the length of the call.
func NewResolver(rule Rule, emit func(s *health.Sample, share float64)) *Resolver {
	return &Resolver{
		rule: rule, emit: emit, onCrossDay: func(health.Date, health.Date) {},
		overlaps: map[health.Grain]*overlapResolver{}, pending: map[health.Grain]*health.Sample{},
	}
}

// Add takes the next sample, in the order of key time, grain and end, in which stores yield them. It keeps a
// copy for as long as later samples may bear on it: what is in memory are the samples of one moment.
func (r *Resolver) Add(s *health.Sample) {
	if first := r.sameTime; len(first) > 0 && (first[0].Grain != s.Grain || first[0].KeyTime() != s.KeyTime()) {
		r.resolveSameTime()
	}
	if s.Grain == health.GrainRaw {
		r.resolve(s)
		return
	}
	for i := range r.sameTime {
		r.onCrossDay(r.sameTime[i].LocalDate(), s.LocalDate())
	}
	r.sameTime = append(r.sameTime, *s)
}

// resolveSameTime takes the summaries of one grain and time, but for a merged one that a later body has overtaken.
func (r *Resolver) resolveSameTime() {
	latest := health.Instant(0)
	for i := range r.sameTime {
		if r.sameTime[i].PerSource {
			latest = max(latest, r.sameTime[i].Received)
		}
	}
	for i := range r.sameTime {
		if s := &r.sameTime[i]; s.PerSource || s.Received >= latest {
			r.resolve(s)
		}
	}
	r.sameTime = r.sameTime[:0]
}

func (r *Resolver) resolve(s *health.Sample) {
	if r.rule.Cumulative {
		o := r.overlaps[s.Grain]
		if o == nil {
			o = newOverlapResolver(r.rule.Ranking, r.emit, r.onCrossDay)
			r.overlaps[s.Grain] = o
		}
		o.add(s)
		return
	}
	have := r.pending[s.Grain]
	switch {
	case have == nil:
		have = new(health.Sample)
		r.pending[s.Grain] = have
	case !sameSpan(have, s):
		r.emit(have, 1)
	default:
		r.onCrossDay(have.LocalDate(), s.LocalDate())
		if r.rule.Ranking.compareSourceRank(have, s) <= 0 {
			return
		}
	}
	*have = *s
}

// Finish passes on what was held back. The resolver is not used after it.
func (r *Resolver) Finish() {
	r.resolveSameTime()
	for _, o := range r.overlaps {
		o.finish()
	}
	for _, s := range r.pending {
		r.emit(s, 1)
	}
}

func sameSpan(a, b *health.Sample) bool {
	return a.KeyTime() == b.KeyTime() && (a.Grain > health.GrainRaw || a.End == b.End)
}

// Stats are the mean and the extremes of some values.
type Stats struct {
	// Sum and Weight make the mean; Sum is the total of a cumulative metric.
	Sum, Weight float64
	// Min and Max are absent (NaN) where there was no value.
	Min, Max float64
}

func newStats() Stats { return Stats{Min: health.Absent(), Max: health.Absent()} }

// Mean returns the mean, absent (NaN) where there was no value.
func (s Stats) Mean() float64 {
	if s.Weight == 0 {
		return health.Absent()
	}
	return s.Sum / s.Weight
}

// include widens the extremes to v.
func (s *Stats) include(v float64) {
	if health.IsAbsent(v) {
		return
	}
	if health.IsAbsent(s.Min) {
		s.Min, s.Max = v, v
		return
	}
	s.Min, s.Max = math.Min(s.Min, v), math.Max(s.Max, v)
}

func (s *Stats) add(v float64) {
	if !health.IsAbsent(v) {
		s.Sum += v
		s.Weight++
		s.include(v)
	}
}

func (s *Stats) merge(o Stats) {
	s.Sum += o.Sum
	s.Weight += o.Weight
	s.include(o.Min)
	s.include(o.Max)
}

// Aggregate is what samples of one metric, unit and grain say together about a stretch of time.
type Aggregate struct {
	Grain health.Grain
	// Count is how many samples took part.
	Count int
	// Values are those of quantities and summaries; Systolic and Diastolic those of blood pressures.
	Values, Systolic, Diastolic Stats
	// Last is the value of the sample that began last, at LastStart.
	Last      float64
	LastStart health.Instant
	// Complete is set when one of the samples was, see Sample.Complete.
	Complete bool
	// Sources are in order, without "", which stands for a source that was not sent.
	Sources []string
}

// New returns a tally of nothing.
func New(grain health.Grain) Aggregate {
	return Aggregate{
		Grain: grain, Values: newStats(), Systolic: newStats(), Diastolic: newStats(),
		Last: health.Absent(), LastStart: math.MinInt64,
	}
}

func (t *Aggregate) add(s *health.Sample, share float64) {
	t.Count++
	t.Values.add(s.Value * share)
	if share == 1 {
		t.Values.include(s.Min)
		t.Values.include(s.Max)
	}
	t.Systolic.add(s.Systolic)
	t.Diastolic.add(s.Diastolic)
	t.Complete = t.Complete || s.Complete()
	t.updateLast(s.Value*share, s.Start)
	t.addSource(s.Source)
}

func (t *Aggregate) merge(o *Aggregate) {
	t.Count += o.Count
	t.Values.merge(o.Values)
	t.Systolic.merge(o.Systolic)
	t.Diastolic.merge(o.Diastolic)
	t.Complete = t.Complete || o.Complete
	t.updateLast(o.Last, o.LastStart)
	for _, source := range o.Sources {
		t.addSource(source)
	}
}

func (t *Aggregate) updateLast(value float64, start health.Instant) {
	if start >= t.LastStart && !health.IsAbsent(value) {
		t.Last, t.LastStart = value, start
	}
}

func (t *Aggregate) addSource(source string) {
	if i, found := slices.BinarySearch(t.Sources, source); !found && source != "" {
		t.Sources = slices.Insert(t.Sources, i, source)
	}
}

// Aggregates are the tallies of one stretch of time, one per grain that is there. They are alternatives: what two grains
// say is never added.
type Aggregates []Aggregate

// Add counts a sample, by a share of its value where a Resolver gave it only that.
func (t *Aggregates) Add(s *health.Sample, share float64) {
	i := slices.IndexFunc(*t, func(have Aggregate) bool { return have.Grain == s.Grain })
	if i < 0 {
		i = len(*t)
		*t = append(*t, New(s.Grain))
	}
	(*t)[i].add(s, share)
}

// Largest answers for a cumulative metric. A complete summary of exactly this stretch (whole is its grain) is the
// answer, since HealthKit has merged the sources in it; else the grain with the largest sum is, since what is missing
// can only make a sum smaller, and of equal ones the coarsest. t is not empty.
func (t Aggregates) Largest(whole health.Grain) Aggregate {
	best := t[0]
	for _, other := range t {
		if other.Grain == whole && other.Complete {
			return other
		}
		if other.Values.Sum > best.Values.Sum || other.Values.Sum == best.Values.Sum && other.Grain > best.Grain {
			best = other
		}
	}
	return best
}

// finest answers for any other metric: the finest grain knows most about the extremes. t is not empty.
func (t Aggregates) Finest() Aggregate {
	return slices.MinFunc(t, func(a, b Aggregate) int { return int(a.Grain - b.Grain) })
}

// Answer chooses the grain that answers: Largest for a cumulative metric, Finest for any other. whole is the grain of
// summaries as long as the stretch. t is not empty.
func (t Aggregates) Answer(cumulative bool, whole health.Grain) Aggregate {
	if cumulative {
		return t.Largest(whole)
	}
	return t.Finest()
}

// SumDays adds up the answers of days that follow each other. Means are weighted by the count of samples where all
// days were answered by the same grain; where they were not, the counts cannot be compared and each day of a metric
// that is not cumulative weighs the same. Grain is the coarsest that answered. days is not empty.
func SumDays(days []Aggregate, cumulative bool) Aggregate {
	sum := New(days[0].Grain)
	mixed := slices.ContainsFunc(days, func(day Aggregate) bool { return day.Grain != days[0].Grain })
	for _, day := range days {
		if mixed && !cumulative {
			day.Values, day.Systolic, day.Diastolic = day.Values.unitWeight(), day.Systolic.unitWeight(), day.Diastolic.unitWeight()
		}
		sum.Grain = max(sum.Grain, day.Grain)
		sum.Count += day.Count
		sum.Values.merge(day.Values)
		sum.Systolic.merge(day.Systolic)
		sum.Diastolic.merge(day.Diastolic)
		sum.updateLast(day.Last, day.LastStart)
		for _, source := range day.Sources {
			sum.addSource(source)
		}
	}
	return sum
}

// unitWeight gives the mean the weight of a single value.
func (s Stats) unitWeight() Stats {
	if s.Weight > 0 {
		s.Sum, s.Weight = s.Mean(), 1
	}
	return s
}
