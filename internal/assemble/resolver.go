package assemble

import (
	"fmt"
	"math"
	"strings"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// resolver resolves metric names and units as sent to those that are stored.
type resolver struct {
	catalog      *catalog.Catalog
	workoutUnits map[string]string
	// bloodPressure is the metric that the other two become values of.
	bloodPressure, systolic, diastolic *catalog.Metric
	heartRate                          *catalog.Metric
}

func newResolver(c *catalog.Catalog, workoutUnits map[string]string) (*resolver, error) {
	r := &resolver{catalog: c, workoutUnits: workoutUnits}
	for name, metric := range map[string]**catalog.Metric{
		"blood_pressure":           &r.bloodPressure,
		"blood_pressure_systolic":  &r.systolic,
		"blood_pressure_diastolic": &r.diastolic,
		"heart_rate":               &r.heartRate,
	} {
		found, ok := c.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("the catalogue has no %s", name)
		}
		*metric = found
	}
	return r, nil
}

// resolvedMetric is what a metric name and a unit, as sent, are stored as.
type resolvedMetric struct {
	metric *catalog.Metric // nil: not in the catalogue
	name   string          // as stored
	unit   string          // as stored
	// conversion converts a value as sent to unit; known is false where unit is the one sent because there is none.
	conversion catalog.Conversion
	known      bool
	// seconds is the length of the unit, of a metric whose values are durations that add up; 0 for others.
	seconds float64
	// half is set for the two parts of a blood pressure that some senders write as metrics of their own.
	half *catalog.Metric
}

// resolve looks up a name and a unit.
func (r *resolver) resolve(name, unit string) resolvedMetric {
	sent := strings.TrimSpace(unit)
	metric, ok := r.catalog.Lookup(name)
	if !ok {
		return resolvedMetric{name: strings.TrimSpace(name), unit: sent, conversion: catalog.Conversion{Factor: 1}, known: true}
	}
	m := resolvedMetric{metric: metric, name: metric.Name, unit: sent, conversion: catalog.Conversion{Factor: 1}}
	if conversion, ok := metric.Convert(sent); ok {
		m.unit, m.conversion, m.known = metric.Unit, conversion, true
	}
	if m.cumulative() {
		m.seconds = secondsOf[m.unit]
	}
	if metric == r.systolic || metric == r.diastolic {
		m.half, m.metric, m.name = metric, r.bloodPressure, r.bloodPressure.Name
	}
	return m
}

// cumulative reports whether values of the metric add up.
func (m *resolvedMetric) cumulative() bool { return m.metric != nil && m.metric.Cumulative() }

// sampling returns how the values of the metric come about.
func (r *resolver) sampling(m *resolvedMetric) sampling {
	switch {
	case m.metric == nil:
		return unknown
	case m.metric.UserEntered:
		return userEntered
	case m.metric == r.heartRate:
		return bySeconds
	default:
		return summarised
	}
}

// convert converts a sample's values in place and moves the half of a blood pressure to its field.
func (m *resolvedMetric) convert(s *health.Sample) {
	for _, v := range [...]*float64{&s.Value, &s.Min, &s.Max, &s.Systolic, &s.Diastolic} {
		*v = m.conversion.Apply(*v)
	}
	switch {
	case m.half == nil:
	case strings.HasSuffix(m.half.Name, "systolic"):
		s.Systolic, s.Value = s.Value, health.Absent()
	default:
		s.Diastolic, s.Value = s.Value, health.Absent()
	}
}

// convertWorkout converts the quantities and series of a workout to the units they are stored in. One in a unit that
// cannot be converted stays as it was sent, with its unit.
func (r *resolver) convertWorkout(w *health.Workout) {
	for name, q := range w.Quantities {
		if conversion, ok := r.catalog.Conversion(q.Unit, r.workoutUnits[name]); ok {
			w.Quantities[name] = health.Quantity{Value: conversion.Apply(q.Value), Unit: r.workoutUnits[name]}
		}
	}
	for name, points := range w.Series {
		unit, known := r.workoutUnits[name]
		for i := range points {
			p := &points[i]
			conversion, ok := r.catalog.Conversion(p.Unit, unit)
			if !known || !ok {
				continue
			}
			p.Value, p.Min, p.Max, p.Unit = conversion.Apply(p.Value), conversion.Apply(p.Min), conversion.Apply(p.Max), unit
		}
	}
}

// boundedValue is a value of a sample with the metric whose range it has to be in.
type boundedValue struct {
	field  string
	value  float64
	metric *catalog.Metric
}

// boundedValues returns the values of a sample that have a valid range, n of them: those of a metric in the catalogue, in
// its unit.
func (r *resolver) boundedValues(m *resolvedMetric, s *health.Sample) (list [5]boundedValue, n int) {
	if m.metric == nil || !m.known {
		return list, 0
	}
	for _, v := range [...]boundedValue{
		{"qty", s.Value, m.metric},
		{"Min", s.Min, m.metric},
		{"Max", s.Max, m.metric},
		{"systolic", s.Systolic, r.systolic},
		{"diastolic", s.Diastolic, r.diastolic},
	} {
		if !health.IsAbsent(v.value) {
			list[n] = v
			n++
		}
	}
	return list, n
}

// scale returns the factor by which the limit of a daily sum is raised for a longer summary.
func scale(metric *catalog.Metric, grain health.Grain) float64 {
	if metric.Cumulative() && grain > health.GrainDay {
		return float64(grain) / float64(health.GrainDay)
	}
	return 1
}

// valid reports whether the value is within the range in which a value is accepted at all.
func (v *boundedValue) valid(grain health.Grain) bool {
	if math.IsInf(v.value, 0) {
		return false
	}
	low, high := v.metric.Min, v.metric.Max
	return !(v.value < low) && !(v.value > high*scale(v.metric, grain)) // a bound that is NaN never refuses
}

// suspicious reports whether a valid value is unlikely.
func (v *boundedValue) suspicious(grain health.Grain) bool {
	return v.value < v.metric.SuspiciousMin || v.value > v.metric.SuspiciousMax*scale(v.metric, grain)
}
