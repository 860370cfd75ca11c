package assemble

import (
	"testing"

	"github.com/health-export/health-export/internal/health"
)

func TestCompoundElementOutcome(t *testing.T) {
	t.Parallel()
	type seen struct {
		metric  string
		outcome health.Outcome
	}
	for name, c := range map[string]struct {
		samples []seen
		want    health.Outcome
	}{
		"all new":                        {[]seen{{"b", health.Inserted}, {"a", health.Inserted}}, health.Inserted},
		"the first was there":            {[]seen{{"a", health.Unchanged}, {"b", health.Inserted}}, health.Updated},
		"another was there":              {[]seen{{"b", health.Unchanged}, {"a", health.Inserted}}, health.Inserted},
		"all were there":                 {[]seen{{"b", health.Unchanged}, {"a", health.Unchanged}}, health.Unchanged},
		"the first is another's":         {[]seen{{"a", health.Merged}, {"b", health.Inserted}}, health.Inserted},
		"all are another's":              {[]seen{{"a", health.Merged}}, health.Merged},
		"one is refused":                 {[]seen{{"a", health.Inserted}, {"b", health.Rejected}}, health.Rejected},
		"one has another value":          {[]seen{{"a", health.Unchanged}, {"b", health.Updated}}, health.Updated},
		"two of a metric, one of it new": {[]seen{{"a", health.Unchanged}, {"a", health.Inserted}}, health.Inserted},
	} {
		var e compoundElement
		for _, s := range c.samples {
			e.add(s.metric, s.outcome)
		}
		if got := e.outcome(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
