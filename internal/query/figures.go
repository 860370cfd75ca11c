package query

import (
	"github.com/health-export/health-export/internal/health"
)

// The ways in which the values of a bucket become one. They are what ?agg= may be.
const (
	aggregateSum   = "sum"
	aggregateAvg   = "avg"
	aggregateMin   = "min"
	aggregateMax   = "max"
	aggregateCount = "count"
	aggregateLast  = "last"
)

// Figures are what the samples of one metric say together about a stretch of time. What does not apply is null.
type Figures struct {
	// Value is the figure that the aggregation names.
	Value *float64 `json:"value"`
	// Sum is there for cumulative metrics only.
	Sum *float64 `json:"sum"`
	Avg *float64 `json:"avg"`
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
	// Count is the number of samples that answered.
	Count int `json:"count"`
	// Systolic and Diastolic are there for blood pressure, in place of the others.
	Systolic  *Spread `json:"systolic,omitempty"`
	Diastolic *Spread `json:"diastolic,omitempty"`
	// Grain is the length in seconds of the samples that answered, 0 for raw ones; where days of a longer stretch were
	// answered by different grains, the longest.
	Grain *health.Grain `json:"grain"`
	// Sources are the sources of the samples that answered, in order.
	Sources []string `json:"sources"`
}

// Spread is the mean and the extremes of one part of a blood pressure.
type Spread struct {
	Avg *float64 `json:"avg"`
	Min *float64 `json:"min"`
	Max *float64 `json:"max"`
}

func figuresOf(t *health.Tally, cumulative bool, aggregation string) Figures {
	f := Figures{
		Avg: value(t.Values.Mean()), Min: value(t.Values.Min), Max: value(t.Values.Max),
		Count:    t.Count,
		Systolic: spreadOf(t.Systolic), Diastolic: spreadOf(t.Diastolic),
		Grain: &t.Grain, Sources: list(t.Sources),
	}
	if cumulative && t.Values.Weight > 0 {
		f.Sum = value(t.Values.Sum)
	}
	switch aggregation {
	case aggregateSum:
		f.Value = f.Sum
	case aggregateAvg:
		f.Value = f.Avg
	case aggregateMin:
		f.Value = f.Min
	case aggregateMax:
		f.Value = f.Max
	case aggregateCount:
		f.Value = value(float64(t.Count))
	case aggregateLast:
		f.Value = value(t.Last)
	}
	return f
}

func spreadOf(s health.Stats) *Spread {
	if s.Weight == 0 {
		return nil
	}
	return &Spread{Avg: value(s.Mean()), Min: value(s.Min), Max: value(s.Max)}
}
