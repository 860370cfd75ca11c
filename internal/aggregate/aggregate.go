package aggregate

import (
	"math"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// Stats are the mean and the extremes of values.
type Stats struct {
	// Sum and Weight make the mean; Sum is the total of a cumulative metric.
	Sum, Weight float64
	// Min and Max are absent (NaN) where there was no value.
	Min, Max float64
}

func newStats() Stats { return Stats{Min: health.Absent(), Max: health.Absent()} }

// Mean returns the mean; absent (NaN) where there was no value.
func (s Stats) Mean() float64 {
	if s.Weight == 0 {
		return health.Absent()
	}
	return s.Sum / s.Weight
}

// include extends the extremes to v.
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

// Aggregate is what the samples of one metric, unit and grain amount to in an interval.
type Aggregate struct {
	Grain health.Grain
	// Count is the number of samples.
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

// New returns an empty aggregate.
func New(grain health.Grain) Aggregate {
	return Aggregate{
		Grain: grain, Values: newStats(), Systolic: newStats(), Diastolic: newStats(),
		Last: health.Absent(), LastStart: math.MinInt64,
	}
}

func (a *Aggregate) add(s *health.Sample, share float64) {
	a.Count++
	a.Values.add(s.Value * share)
	if share == 1 {
		a.Values.include(s.Min)
		a.Values.include(s.Max)
	}
	a.Systolic.add(s.Systolic)
	a.Diastolic.add(s.Diastolic)
	a.Complete = a.Complete || s.Complete()
	a.updateLast(s.Value*share, s.Start)
	a.addSource(s.Source)
}

func (a *Aggregate) merge(o *Aggregate) {
	a.Count += o.Count
	a.Values.merge(o.Values)
	a.Systolic.merge(o.Systolic)
	a.Diastolic.merge(o.Diastolic)
	a.Complete = a.Complete || o.Complete
	a.updateLast(o.Last, o.LastStart)
	for _, source := range o.Sources {
		a.addSource(source)
	}
}

func (a *Aggregate) updateLast(value float64, start health.Instant) {
	if start >= a.LastStart && !health.IsAbsent(value) {
		a.Last, a.LastStart = value, start
	}
}

func (a *Aggregate) addSource(source string) {
	if i, found := slices.BinarySearch(a.Sources, source); !found && source != "" {
		a.Sources = slices.Insert(a.Sources, i, source)
	}
}

// Aggregates are the aggregates of one interval, one per grain. They are alternatives: those of two grains are never
// added.
type Aggregates []Aggregate

// Add adds a sample with the share that a Resolver gave it.
func (a *Aggregates) Add(s *health.Sample, share float64) {
	i := slices.IndexFunc(*a, func(have Aggregate) bool { return have.Grain == s.Grain })
	if i < 0 {
		i = len(*a)
		*a = append(*a, New(s.Grain))
	}
	(*a)[i].add(s, share)
}

// Largest selects the grain that answers for a cumulative metric. It is a complete summary of exactly this interval (of
// the grain whole), since HealthKit has merged the sources in it; else the grain with the largest sum, since missing
// samples only make a sum smaller, and of equal ones the coarsest. a is not empty.
func (a Aggregates) Largest(whole health.Grain) Aggregate {
	best := a[0]
	for _, other := range a {
		if other.Grain == whole && other.Complete {
			return other
		}
		if other.Values.Sum > best.Values.Sum || other.Values.Sum == best.Values.Sum && other.Grain > best.Grain {
			best = other
		}
	}
	return best
}

// Finest selects the grain that answers for any other metric: the finest has the best extremes. a is not empty.
func (a Aggregates) Finest() Aggregate {
	return slices.MinFunc(a, func(a, b Aggregate) int { return int(a.Grain - b.Grain) })
}

// Answer selects the grain that answers: Largest for a cumulative metric, Finest for any other. whole is the grain of
// summaries as long as the interval. a is not empty.
func (a Aggregates) Answer(cumulative bool, whole health.Grain) Aggregate {
	if cumulative {
		return a.Largest(whole)
	}
	return a.Finest()
}

// SumDays combines the aggregates of consecutive days. Means are weighted by the count of samples where all days have
// the same grain; else counts are not comparable, and each day of a metric that is not cumulative weighs the same.
// Grain is the coarsest of the days. days is not empty.
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

// unitWeight returns the stats with the weight of a single value.
func (s Stats) unitWeight() Stats {
	if s.Weight > 0 {
		s.Sum, s.Weight = s.Mean(), 1
	}
	return s
}
