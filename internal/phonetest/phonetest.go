// Package phonetest is a phone for tests: it holds the truth about a person, and sends what the app Health Auto Export and
// Apple's own export would send of it. What the server then answers can be compared with what the Health app would show.
//
// It is written from Apple's documented semantics of HealthKit and from what was measured of the app, not from the
// product's rules:
//
//   - A sample is immutable: an edit is a deletion and a new sample. A sample of the watch reaches the phone's store when it
//     is synchronised, which may be hours later. Samples of an old workout are replaced by few long ones.
//   - HKStatisticsCollectionQuery with cumulativeSum shares the value of a sample among buckets by time. Where two sources
//     measured the same time, the one with the higher priority counts there, and the other for what sticks out.
//   - The discreteAverage of a heart rate is weighted by time; that of other discrete quantities is arithmetic.
//   - The app cuts the buckets of all times in the zone the phone is in, and writes times with that zone's offset at that
//     time. It leaves out buckets without data, and the last bucket is as far as it has got.
//
// What is known of the app only by its effects is a parameter: the sums by minutes are too large by HealthKit.Inflation.
package phonetest

import (
	"maps"
	"slices"
	"time"
)

// Metric is a quantity that a phone records.
type Metric struct {
	Name string // as the app writes it
	Type string // HealthKit's identifier
	Unit string
	// Style is how HealthKit aggregates it.
	Style Style
	// ByHand says that people enter it: the samples are few, have one source at a time, and none of them may be lost.
	ByHand bool
	// Category says that it is no quantity but a time spent, which counts whole where it begins.
	Category bool
	// Latest says that the value of a day is that of its last sample.
	Latest bool
}

// Style is HealthKit's aggregation style of a quantity.
type Style int

// The styles of the metrics here.
const (
	Cumulative Style = iota
	Arithmetic
	TimeWeighted
)

// Metrics are the metrics a person here may have.
var Metrics = []Metric{
	{Name: "step_count", Type: "HKQuantityTypeIdentifierStepCount", Unit: "count"},
	{Name: "active_energy", Type: "HKQuantityTypeIdentifierActiveEnergyBurned", Unit: "kcal"},
	{Name: "walking_running_distance", Type: "HKQuantityTypeIdentifierDistanceWalkingRunning", Unit: "km"},
	{Name: "basal_energy_burned", Type: "HKQuantityTypeIdentifierBasalEnergyBurned", Unit: "kcal"},
	{Name: "flights_climbed", Type: "HKQuantityTypeIdentifierFlightsClimbed", Unit: "count"},
	{Name: "heart_rate", Type: "HKQuantityTypeIdentifierHeartRate", Unit: "count/min", Style: TimeWeighted},
	{Name: "dietary_water", Type: "HKQuantityTypeIdentifierDietaryWater", Unit: "mL", ByHand: true},
	{Name: "insulin_delivery", Type: "HKQuantityTypeIdentifierInsulinDelivery", Unit: "IU", ByHand: true},
	{Name: "mindful_minutes", Type: "HKCategoryTypeIdentifierMindfulSession", Unit: "min", ByHand: true, Category: true},
	{Name: "weight_body_mass", Type: "HKQuantityTypeIdentifierBodyMass", Unit: "kg", Style: Arithmetic, ByHand: true, Latest: true},
	{Name: "blood_glucose", Type: "HKQuantityTypeIdentifierBloodGlucose", Unit: "mg/dL", Style: Arithmetic, ByHand: true},
}

// MetricNamed returns the metric that the app writes under a name; false if there is none here.
func MetricNamed(name string) (Metric, bool) {
	i := slices.IndexFunc(Metrics, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return Metrics[i], true
}

// Source is a device or an app that writes samples.
type Source struct {
	Name string
	// Device is what Apple's export says of the device, in part: model and hardware. "" where there is none.
	Model, Hardware string
	// Priority is the place in HealthKit's order of sources; the lowest number wins.
	Priority int
}

// Sample is one sample of HealthKit's store.
type Sample struct {
	Source *Source
	// Start and End are equal for what happened at an instant.
	Start, End time.Time
	Value      float64
	// Synced is when the phone's store has it, Removed when it has it no longer; zero if it is never removed.
	Synced, Removed time.Time
}

// presentAt says whether the phone's store has the sample at a time.
func (s Sample) presentAt(t time.Time) bool {
	return !s.Synced.After(t) && (s.Removed.IsZero() || s.Removed.After(t))
}

// HealthKit is the store of a phone over all of its time. At returns it as it is at one time.
type HealthKit struct {
	// Inflation is the part by which sums by minutes are too large: 0.25 makes 125 of 100.
	Inflation float64
	samples   map[string][]Sample // by metric, in order of their start
	longest   map[string]time.Duration
}

// NewHealthKit returns a store of samples, by the names of their metrics.
func NewHealthKit(samples map[string][]Sample, inflation float64) *HealthKit {
	k := &HealthKit{Inflation: inflation, samples: map[string][]Sample{}, longest: map[string]time.Duration{}}
	for metric, list := range samples {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b Sample) int { return a.Start.Compare(b.Start) })
		k.samples[metric] = list
		for _, s := range list {
			k.longest[metric] = max(k.longest[metric], s.End.Sub(s.Start))
		}
	}
	return k
}

// Metrics returns the names of the metrics that have samples, in order.
func (k *HealthKit) Metrics() []string { return slices.Sorted(maps.Keys(k.samples)) }

// At returns the store as it is at a time.
func (k *HealthKit) At(t time.Time) State { return State{k, t} }

// State is the store of a phone at one time.
type State struct {
	kit *HealthKit
	at  time.Time
}

// Samples returns the samples that begin in [from, to), in order of their start.
func (s State) Samples(metric string, from, to time.Time) []Sample {
	all := s.kit.between(metric, from, to)
	found := make([]Sample, 0, len(all))
	for _, sample := range all {
		if sample.presentAt(s.at) && !sample.Start.Before(from) {
			found = append(found, sample)
		}
	}
	return found
}

// touching returns the samples that have a part in [from, to), in order of their start.
func (s State) touching(metric string, from, to time.Time) []Sample {
	all := s.kit.between(metric, from, to)
	found := make([]Sample, 0, len(all))
	for _, sample := range all {
		if sample.presentAt(s.at) && (sample.End.After(from) || !sample.Start.Before(from)) {
			found = append(found, sample)
		}
	}
	return found
}

// between returns the samples that begin before to, and late enough to reach beyond from.
func (k *HealthKit) between(metric string, from, to time.Time) []Sample {
	all := k.samples[metric]
	first := search(all, from.Add(-k.longest[metric]))
	return all[first:max(first, search(all, to))]
}

// search returns the number of samples that begin before t.
func search(samples []Sample, t time.Time) int {
	i, _ := slices.BinarySearchFunc(samples, t, func(s Sample, t time.Time) int { return s.Start.Compare(t) })
	return i
}
