// Package catalog is the table of everything measurable: what a metric is called, in which unit it is kept, how its
// values are aggregated, which are possible, and whether it has records or a ring. A new metric is one line of metrics.tsv.
package catalog

import (
	"cmp"
	_ "embed" // for the tables
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed metrics.tsv
var metricsTable string

//go:embed categories.tsv
var categoriesTable string

//go:embed units.tsv
var unitsTable string

// Catalog finds metrics and converts units. It never changes and is safe for concurrent use.
type Catalog struct {
	metrics []*Metric // ordered by name
	// names has every name, alias and HealthKit identifier, both as it is written and in lower case.
	names map[string]*Metric
	units *unitTable
}

// Load returns the catalogue of the tables that are part of the program, always the same one. An error names the line
// at fault.
func Load() (*Catalog, error) { return embedded() }

var embedded = sync.OnceValues(func() (*Catalog, error) {
	c, err := Parse(metricsTable, categoriesTable, unitsTable)
	if err != nil {
		return nil, err
	}
	for _, name := range namedMetrics {
		if _, ok := c.names[name]; !ok {
			return nil, fmt.Errorf("metrics.tsv has no metric %s", name)
		}
	}
	return c, nil
})

// Lookup returns the metric that goes by a name, an alias or a HealthKit identifier. Case, and blanks around it, are
// ignored.
func (c *Catalog) Lookup(name string) (metric *Metric, ok bool) {
	if metric, ok = c.names[name]; ok {
		return metric, true
	}
	metric, ok = c.names[normalName(name)]
	return metric, ok
}

// LookupStored returns the metric under which the samples of a metric are stored: of either half of a blood pressure
// it is BloodPressure, of any other metric the one that Lookup returns.
func (c *Catalog) LookupStored(name string) (metric *Metric, ok bool) {
	metric, ok = c.Lookup(name)
	if ok && (metric.Name == BloodPressureSystolic || metric.Name == BloodPressureDiastolic) {
		return c.Lookup(BloodPressure)
	}
	return metric, ok
}

// Metrics returns all metrics, ordered by name.
func (c *Catalog) Metrics() []*Metric { return slices.Clone(c.metrics) }

// Records returns the metrics that have a personal record, in the order in which records are listed.
func (c *Catalog) Records() []*Metric {
	metrics := slices.DeleteFunc(c.Metrics(), func(m *Metric) bool { return m.Record == "" })
	slices.SortFunc(metrics, func(a, b *Metric) int { return cmp.Compare(a.recordOrder, b.recordOrder) })
	return metrics
}

// Rings returns the metric of each ring that has one.
func (c *Catalog) Rings() map[Ring]*Metric {
	rings := map[Ring]*Metric{}
	for _, m := range c.metrics {
		if m.Ring != "" {
			rings[m.Ring] = m
		}
	}
	return rings
}

// Conversion returns the conversion between two units of one dimension, in any of their spellings (see
// Metric.Convert). ok is false where a unit is unknown or the two measure different things.
func (c *Catalog) Conversion(from, to string) (conversion Conversion, ok bool) {
	source, ok := c.units.find(from)
	if !ok {
		return Conversion{}, false
	}
	target, ok := c.units.find(to)
	if !ok {
		return Conversion{}, false
	}
	conversion, ok = source.conversions[target]
	return conversion, ok
}

func normalName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
