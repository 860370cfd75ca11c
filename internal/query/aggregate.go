package query

import (
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// The aggregations that ?agg= accepts, besides percentiles.
const (
	aggregateSum   = "sum"
	aggregateAvg   = "avg"
	aggregateMin   = "min"
	aggregateMax   = "max"
	aggregateCount = "count"
	aggregateLast  = "last"
)

// The values of Aggregate.Basis.
const (
	basisHealthKit = "healthkit"
	basisComputed  = "computed"
)

// weightings are the values of Aggregate.Weighting.
var weightings = map[catalog.Style]string{
	catalog.StyleArithmetic: "samples", catalog.StyleTimeWeighted: "time", catalog.StyleEquivalentLevel: "energy",
}

// Aggregate is what the samples of one metric amount to in an interval. What does not apply is null.
type Aggregate struct {
	// Value is the one that the aggregation names.
	Value *float64 `json:"value"`
	// Sum is set for cumulative metrics only.
	Sum *float64 `json:"sum"`
	Avg *float64 `json:"avg"`
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
	// Count is the number of samples that were aggregated.
	Count int `json:"count"`
	// Systolic and Diastolic are set for blood pressure, in place of the others.
	Systolic  *Range `json:"systolic,omitempty"`
	Diastolic *Range `json:"diastolic,omitempty"`
	// Grain is the length in seconds of the samples that were aggregated, 0 for raw ones; where the days of a longer
	// bucket used different grains, the longest.
	Grain *health.Grain `json:"grain"`
	// Basis is healthkit where the sum or the mean is HealthKit's own, from a summary that was made when nothing could be
	// added to the bucket any more; else it was computed from what there is. Empty where nothing was recorded.
	Basis string `json:"basis,omitempty"`
	// Weighting is how values make the mean: samples (each weighs the same), time (each weighs as long as it was valid) or
	// energy (that of sound levels, over time); empty for sums.
	Weighting string `json:"weighting,omitempty"`
	// CoveredSeconds is for how long values are known, where the mean is weighted by time.
	CoveredSeconds *float64 `json:"covered_seconds,omitempty"`
	// Unplaced is what the sum of a day has beyond that of its hours; set where a summary of the day was made before
	// the day had ended.
	Unplaced *float64 `json:"unplaced,omitempty"`
	// Sources are the sources of the samples that were aggregated, in order.
	Sources []string `json:"sources"`
}

// Range is the mean and the extremes of one half of a blood pressure.
type Range struct {
	Avg *float64 `json:"avg"`
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
}

func aggregateOf(a *aggregate.Aggregate, rule aggregate.Rule, aggregation string) Aggregate {
	// The values that pointers refer to are allocated in one piece: a year has thousands of buckets.
	fields := &struct {
		sum, avg, min, max, value, covered, unplaced float64
		grain                                        health.Grain
	}{a.Values.Sum, a.Values.Mean(), a.Values.Min, a.Values.Max, health.Absent(), a.Values.Weight, a.Unplaced, a.Grain}
	f := Aggregate{
		Avg: refOrNull(&fields.avg), Min: refOrNull(&fields.min), Max: refOrNull(&fields.max),
		Count:    a.Count,
		Systolic: rangeOfStats(a.Systolic), Diastolic: rangeOfStats(a.Diastolic),
		Grain: &fields.grain, Sources: orEmpty(a.Sources),
	}
	f.Basis, f.Weighting = basisComputed, weightings[rule.Style]
	if a.Settled {
		f.Basis = basisHealthKit
	}
	switch {
	case rule.Cumulative() && (a.Values.Weight > 0 || a.Grain > health.GrainRaw):
		f.Sum = refOrNull(&fields.sum)
		if a.Unplaced != 0 {
			f.Unplaced = &fields.unplaced
		}
	case rule.Style == catalog.StyleTimeWeighted || rule.Style == catalog.StyleEquivalentLevel:
		f.CoveredSeconds = &fields.covered
	}
	f.Value = f.valueOf(aggregation)
	switch aggregation {
	case aggregateCount:
		fields.value = float64(a.Count)
		f.Value = &fields.value
	case aggregateLast:
		fields.value = a.Last
		f.Value = refOrNull(&fields.value)
	}
	return f
}

// valueOf returns the field that an aggregation names; nil where none does.
func (f *Aggregate) valueOf(aggregation string) *float64 {
	switch aggregation {
	case aggregateSum:
		return f.Sum
	case aggregateAvg:
		return f.Avg
	case aggregateMin:
		return f.Min
	case aggregateMax:
		return f.Max
	}
	return nil
}

func rangeOfStats(s aggregate.Stats) *Range {
	if s.Weight == 0 {
		return nil
	}
	return &Range{Avg: orNull(s.Mean()), Min: orNull(s.Min), Max: orNull(s.Max)}
}
