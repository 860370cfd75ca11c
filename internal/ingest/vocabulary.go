package ingest

import (
	"fmt"
	"math"
	"strings"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// Resolver turns names and units as sent into those that are stored.
type Resolver struct {
	catalog *catalog.Catalog
	// bloodPressure is the metric that the two halves below become values of.
	bloodPressure, systolic, diastolic *catalog.Metric
}

func NewResolver(c *catalog.Catalog) (*Resolver, error) {
	v := &Resolver{catalog: c}
	for name, metric := range map[string]**catalog.Metric{
		"blood_pressure":           &v.bloodPressure,
		"blood_pressure_systolic":  &v.systolic,
		"blood_pressure_diastolic": &v.diastolic,
	} {
		found, ok := c.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("the catalogue has no %s", name)
		}
		*metric = found
	}
	return v, nil
}

// resolvedMetric is what a metric name and a unit, as sent, stand for.
type resolvedMetric struct {
	metric *catalog.Metric // nil: unknown to the catalogue
	name   string          // as stored
	unit   string          // as stored
	// conversion turns a value as sent into unit; known is false where unit is the one sent because there is none.
	conversion catalog.Conversion
	known      bool
	// half is set for the two parts of a blood pressure that some senders write as metrics of their own.
	half *catalog.Metric
}

// resolve looks up a name and a unit.
func (v *Resolver) resolve(name, unit string) resolvedMetric {
	sent := strings.TrimSpace(unit)
	metric, ok := v.catalog.Lookup(name)
	if !ok {
		return resolvedMetric{name: strings.TrimSpace(name), unit: sent, conversion: catalog.Conversion{Factor: 1}, known: true}
	}
	m := resolvedMetric{metric: metric, name: metric.Name, unit: sent, conversion: catalog.Conversion{Factor: 1}}
	if conversion, ok := metric.Convert(sent); ok {
		m.unit, m.conversion, m.known = metric.Unit, conversion, true
	}
	if metric == v.systolic || metric == v.diastolic {
		m.half, m.metric, m.name = metric, v.bloodPressure, v.bloodPressure.Name
	}
	return m
}

// cumulative reports whether values of the metric add up.
func (m *resolvedMetric) cumulative() bool { return m.metric != nil && m.metric.Cumulative() }

// convert converts a sample's values in place and moves the half of a blood pressure to its place.
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

// bound is a value beside the range it has to be in.
type bound struct {
	field  string
	value  float64
	metric *catalog.Metric
}

// bounds returns the values of a sample that have a valid range, n of them: those of a metric the catalogue knows, in
// its unit.
func (v *Resolver) bounds(m *resolvedMetric, s *health.Sample) (list [5]bound, n int) {
	if m.metric == nil || !m.known {
		return list, 0
	}
	for _, b := range [...]bound{
		{"qty", s.Value, m.metric},
		{"Min", s.Min, m.metric},
		{"Max", s.Max, m.metric},
		{"systolic", s.Systolic, v.systolic},
		{"diastolic", s.Diastolic, v.diastolic},
	} {
		if !health.IsAbsent(b.value) {
			list[n] = b
			n++
		}
	}
	return list, n
}

// scale is by how much the limit of a daily sum is stretched for a longer summary.
func scale(metric *catalog.Metric, grain health.Grain) float64 {
	if metric.Cumulative() && grain > health.GrainDay {
		return float64(grain) / float64(health.GrainDay)
	}
	return 1
}

// valid reports whether the value is within the range in which a value is accepted at all.
func (b *bound) valid(grain health.Grain) bool {
	if math.IsInf(b.value, 0) {
		return false
	}
	low, high := b.metric.Min, b.metric.Max
	return !(b.value < low) && !(b.value > high*scale(b.metric, grain)) // a bound that is NaN never refuses
}

// suspicious reports whether a valid value is unlikely.
func (b *bound) suspicious(grain health.Grain) bool {
	return b.value < b.metric.SuspiciousMin || b.value > b.metric.SuspiciousMax*scale(b.metric, grain)
}
