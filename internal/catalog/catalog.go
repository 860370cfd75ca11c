// Package catalog is the table of everything measurable: what a metric is called, in which unit it is kept, how its
// values become one, and which are possible. A new metric is one line of metrics.tsv.
package catalog

import (
	_ "embed" // for the two tables
	"slices"
	"strings"
)

//go:embed metrics.tsv
var metricsTable string

//go:embed units.tsv
var unitsTable string

// Catalog finds metrics and converts units. It never changes, so that any number of goroutines may use it.
type Catalog struct {
	metrics []*Metric // ordered by name
	// names has every name, alias and HealthKit identifier, both as it is written and in lower case.
	names map[string]*Metric
	units *unitTable
}

// Load reads the tables that are part of the program and checks them: no text names two metrics, every accepted unit
// converts, ranges are in order. An error names the line at fault.
func Load() (*Catalog, error) { return parse(metricsTable, unitsTable) }

// Lookup returns the metric that goes by a name, an alias or a HealthKit identifier. Case, and blanks around it, are
// ignored.
func (c *Catalog) Lookup(name string) (metric *Metric, ok bool) {
	if metric, ok = c.names[name]; ok {
		return metric, true
	}
	metric, ok = c.names[normalName(name)]
	return metric, ok
}

// Metrics returns all metrics, ordered by name.
func (c *Catalog) Metrics() []*Metric { return slices.Clone(c.metrics) }

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
