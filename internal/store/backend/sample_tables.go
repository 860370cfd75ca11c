package backend

import (
	"slices"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// SampleTable is one of the four tables that every store keeps samples in. They differ in their columns of values only.
type SampleTable struct {
	Name   string
	Values []SampleValue // that have a column
	Others []SampleValue // that have none, and are kept as JSON in the column other_values
}

// SampleValue is one of the values a sample may have.
type SampleValue struct {
	Column string // of the tables that have one for it
	Key    string // in the JSON of other_values
	Of     func(*health.Sample) *float64
}

var (
	quantity  = SampleValue{"value", "value", func(s *health.Sample) *float64 { return &s.Value }}
	average   = SampleValue{"average", "value", func(s *health.Sample) *float64 { return &s.Value }}
	minimum   = SampleValue{"minimum", "min", func(s *health.Sample) *float64 { return &s.Min }}
	maximum   = SampleValue{"maximum", "max", func(s *health.Sample) *float64 { return &s.Max }}
	systolic  = SampleValue{"systolic", "systolic", func(s *health.Sample) *float64 { return &s.Systolic }}
	diastolic = SampleValue{"diastolic", "diastolic", func(s *health.Sample) *float64 { return &s.Diastolic }}

	allValues = []SampleValue{quantity, minimum, maximum, systolic, diastolic}
)

// The tables. They are the same for all stores and never change.
var (
	HeartRates     = newSampleTable("heart_rate_metrics", average, minimum, maximum)
	BloodPressures = newSampleTable("blood_pressure_metrics", systolic, diastolic)
	Activities     = newSampleTable("activity_metrics", quantity)
	Quantities     = newSampleTable("quantity_metrics", quantity)
)

func newSampleTable(name string, values ...SampleValue) *SampleTable {
	t := &SampleTable{Name: name, Values: values}
	for _, v := range allValues {
		if !slices.ContainsFunc(values, func(has SampleValue) bool { return has.Key == v.Key }) {
			t.Others = append(t.Others, v)
		}
	}
	return t
}

// TableFor returns the table for a metric whose first sample this is: by the shape of the metric in the catalog, or, if it
// is not in the catalog, by the values of the sample.
func TableFor(c *catalog.Catalog, first *health.Sample) *SampleTable {
	if m, ok := c.Lookup(first.Metric); ok {
		switch {
		case m.Shape == catalog.ShapeRange:
			return HeartRates
		case m.Shape == catalog.ShapeBloodPressure:
			return BloodPressures
		case m.Cumulative():
			return Activities
		}
		return Quantities
	}
	switch {
	case !health.IsAbsent(first.Systolic) || !health.IsAbsent(first.Diastolic):
		return BloodPressures
	case !health.IsAbsent(first.Min) || !health.IsAbsent(first.Max):
		return HeartRates
	}
	return Quantities
}

// HasOthers reports whether a sample has a value that the table has no column for.
func (t *SampleTable) HasOthers(s *health.Sample) bool {
	if s.AsOf != s.Order && s.AsOf != 0 { // see AsOf, which would take longer
		return true
	}
	for _, v := range t.Others {
		if !health.IsAbsent(*v.Of(s)) {
			return true
		}
	}
	return false
}

// OtherValues returns the values of a sample that the table has no column for, by their keys; nil where there is none.
func (t *SampleTable) OtherValues(s *health.Sample) map[string]float64 {
	if !t.HasOthers(s) {
		return nil
	}
	others := map[string]float64{}
	if asOf, differs := AsOf(s); differs {
		others[asOfKey] = float64(asOf - s.Order)
	}
	for _, v := range t.Others {
		if number := *v.Of(s); !health.IsAbsent(number) {
			others[v.Key] = number
		}
	}
	return others
}

// SetOtherValues sets the values of a sample that OtherValues returned. Its Order must be set. Other keys are ignored.
func SetOtherValues(s *health.Sample, others map[string]float64) {
	if after, ok := others[asOfKey]; ok {
		s.AsOf = s.Order + health.Instant(after)
	}
	for _, v := range allValues {
		if number, ok := others[v.Key]; ok {
			*v.Of(s) = number
		}
	}
}

// asOfKey is the key of Sample.AsOf in other_values: microseconds after the order.
const asOfKey = "as_of"

// AsOf returns when the body of a sample was made. differs is false where that is the order of the body, as it nearly always
// is, so that it is not stored twice.
func AsOf(s *health.Sample) (at health.Instant, differs bool) {
	return s.AsOf, s.AsOf != 0 && s.AsOf != s.Order
}
