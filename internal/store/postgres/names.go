package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/health-export/health-export/internal/health"
)

// resolvedNames are the numbers of the names in one batch, or why there is none.
type resolvedNames struct {
	metrics        map[metricName]metric
	sources        map[string]int32
	refusedMetrics map[metricName]string
	refusedSources map[string]string
	// Those that have no number yet, with one sample of each metric.
	newMetrics map[metricName]*health.Sample
	newSources map[string]bool
}

func (n *resolvedNames) clone() resolvedNames {
	return resolvedNames{
		maps.Clone(n.metrics), maps.Clone(n.sources), maps.Clone(n.refusedMetrics), maps.Clone(n.refusedSources),
		maps.Clone(n.newMetrics), maps.Clone(n.newSources),
	}
}

// refusal says why a sample cannot be kept under its names.
func (n *resolvedNames) refusal(s *health.Sample) (reason string, is bool) {
	if len(n.refusedMetrics) > 0 {
		if reason, is = n.refusedMetrics[metricName{s.Metric, s.Unit}]; is {
			return reason, true
		}
	}
	if len(n.refusedSources) > 0 {
		reason, is = n.refusedSources[s.Source]
	}
	return reason, is
}

func checkNames(texts ...string) (reason string, bad bool) {
	for _, text := range texts {
		if len(text) > maxNameLength {
			return fmt.Sprintf("The metric, its unit or its source has more than %d bytes.", maxNameLength), true
		}
		if !utf8.ValidString(text) || slices.Contains([]byte(text), 0) {
			return "The metric, its unit or its source has a character that the database cannot keep.", true
		}
	}
	return "", false
}

// complete reports whether every name has a number or was refused.
func (n *resolvedNames) complete() bool { return len(n.newMetrics) == 0 && len(n.newSources) == 0 }

// read finds the numbers of names that others have added.
func (n *resolvedNames) read(ctx context.Context, q querier) error {
	var metricNames, units []string
	for name := range n.newMetrics {
		metricNames, units = append(metricNames, name.name), append(units, name.unit)
	}
	found, err := list(ctx, q, scanMetric, selectMetrics+
		`WHERE (name, unit) IN (SELECT * FROM unnest($1::text[], $2::text[]))`, metricNames, units)
	if err != nil {
		return err
	}
	known, err := list(ctx, q, scanSource, `SELECT id, name FROM sources WHERE name = ANY ($1)`,
		slices.Collect(maps.Keys(n.newSources)))
	if err != nil {
		return err
	}
	for _, m := range found {
		n.metrics[m.name] = m
		delete(n.newMetrics, m.name)
	}
	for _, s := range known {
		n.sources[s.name] = s.id
		delete(n.newSources, s.name)
	}
	return nil
}
