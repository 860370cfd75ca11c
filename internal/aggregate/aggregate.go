package aggregate

import (
	"math"
	"slices"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// Stats are the mean and the extremes of values.
type Stats struct {
	// Sum and Weight make the mean; Sum is the total of a cumulative metric. Weight is the number of values, or the time in
	// seconds for which they were valid where the mean is weighted by time.
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

// weigh sets the mean and its weight.
func (s *Stats) weigh(mean, weight float64) { s.Sum, s.Weight = mean*weight, weight }

// roundWeight makes the weight whole seconds, as it is stored.
func (s *Stats) roundWeight(rule Rule) {
	if rule.weightedByTime() && s.Weight > 0 {
		s.weigh(s.Mean(), math.Max(1, math.Round(s.Weight)))
	}
}

// addWeighted adds a value to the mean.
func (s *Stats) addWeighted(v, weight float64, style catalog.Style) {
	if !health.IsAbsent(v) && weight > 0 {
		s.mergeMean(Stats{Sum: v * weight, Weight: weight}, style)
	}
}

// mergeMean adds the values of another mean. Of sound levels the energy is added up.
func (s *Stats) mergeMean(o Stats, style catalog.Style) {
	if style != catalog.StyleEquivalentLevel || s.Weight == 0 || o.Weight == 0 {
		s.Sum += o.Sum
		s.Weight += o.Weight
		return
	}
	weight := s.Weight + o.Weight
	energy := math.Pow(10, s.Mean()/10)*s.Weight + math.Pow(10, o.Mean()/10)*o.Weight
	s.weigh(10*math.Log10(energy/weight), weight)
}

func (s *Stats) merge(o Stats, style catalog.Style) {
	s.mergeMean(o, style)
	s.includeExtremes(o)
}

func (s *Stats) includeExtremes(o Stats) {
	s.include(o.Min)
	s.include(o.Max)
}

// unitWeight returns the stats with the weight of a single value.
func (s Stats) unitWeight() Stats {
	if s.Weight > 0 {
		s.Sum, s.Weight = s.Mean(), 1
	}
	return s
}

// Aggregate is what samples of one metric and unit amount to in an interval.
type Aggregate struct {
	// Grain is that of the samples, the coarsest where there are several.
	Grain health.Grain
	// Count is the number of samples.
	Count int
	// Values are those of quantities and summaries; Systolic and Diastolic those of blood pressures.
	Values, Systolic, Diastolic Stats
	// Last is the value of the sample that began last, at LastStart.
	Last      float64
	LastStart health.Instant
	// Settled is set where the sum or the mean is HealthKit's own, from a summary that could not grow any more.
	Settled bool
	// Unplaced is what the sum of a day has beyond that of its hours, from a summary of the day; it may be negative.
	Unplaced float64
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

// Of returns the aggregate of one sample.
func Of(s *health.Sample) Aggregate {
	a := New(s.Grain)
	a.add(s, 1)
	return a
}

func (a *Aggregate) add(s *health.Sample, share float64) { a.addPiece(s, share, s.Start) }

// addPiece adds a part of a sample that begins at an instant.
func (a *Aggregate) addPiece(s *health.Sample, share float64, start health.Instant) {
	a.Count++
	a.Values.add(s.Value * share)
	if share == 1 {
		a.Values.include(s.Min)
		a.Values.include(s.Max)
	}
	a.Systolic.add(s.Systolic)
	a.Diastolic.add(s.Diastolic)
	a.updateLast(s.Value*share, start)
	a.addSource(s.Source)
}

// mergeWith adds what other samples amount to.
func (a *Aggregate) mergeWith(o *Aggregate, style catalog.Style) {
	a.Grain = max(a.Grain, o.Grain)
	a.Count += o.Count
	a.Values.merge(o.Values, style)
	a.Systolic.merge(o.Systolic, style)
	a.Diastolic.merge(o.Diastolic, style)
	a.Unplaced += o.Unplaced
	a.Settled = a.Settled && o.Settled
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
		a.Sources = slices.Insert(slices.Clip(a.Sources), i, source) // they may be shared
	}
}

// Aggregates are the aggregates of the samples of one interval, one per grain.
type Aggregates []Aggregate

// Finest returns that of the finest grain, which has the best extremes. a is not empty.
func (a Aggregates) Finest() Aggregate {
	return slices.MinFunc(a, func(a, b Aggregate) int { return int(a.Grain - b.Grain) })
}

// Join combines the aggregates of consecutive intervals. An arithmetic mean is weighted by the count of samples where all
// have the same grain; else counts are not comparable, and each interval weighs the same. all is not empty.
func Join(all []Aggregate, style catalog.Style) Aggregate {
	sum := New(all[0].Grain)
	sum.Settled = style == catalog.StyleCumulative
	mixed := style != catalog.StyleTimeWeighted && style != catalog.StyleEquivalentLevel && style != catalog.StyleCumulative &&
		slices.ContainsFunc(all, func(a Aggregate) bool { return a.Grain != all[0].Grain })
	for i := range all {
		a := all[i]
		if mixed {
			a.Values, a.Systolic, a.Diastolic = a.Values.unitWeight(), a.Systolic.unitWeight(), a.Diastolic.unitWeight()
		}
		sum.mergeWith(&a, style)
	}
	return sum
}

// Whole resolves a bucket longer than a day, which ends at an instant, of which there is a summary. Where that was made
// after the bucket had ended, it is the answer; else parts, which may be none, unless it is a larger sum.
func (r Rule) Whole(s *health.Sample, end health.Instant, parts []Aggregate) Aggregate {
	whole := Of(s)
	if whole.Settled = s.AsOf >= end+r.SettlingDay; len(parts) == 0 {
		return whole
	}
	joined := Join(parts, r.Style)
	switch {
	case whole.Settled && !r.Cumulative():
		joined.setMean(s)
		return joined
	case whole.Settled, r.Cumulative() && whole.Values.Sum > joined.Values.Sum:
		return whole
	}
	return joined
}
