package catalog

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"step_cout": "step_count", "stepcount": "step_count", "Heart-Rate": "heart_rate", "haert_rate": "heart_rate",
		"resting_heartrate": "resting_heart_rate", "vo2": "vo2_max", "flights": "flights_climbed", "active energie": "active_energy",
	} {
		if got := c.Nearest(name, 3); !slices.Contains(got, want) || len(got) > 3 {
			t.Errorf("%q is near to %q, not to %s", name, got, want)
		}
	}
	for _, name := range []string{"", "x", "qqqqqqqqqqqq", strings.Repeat("step_count", 10_000)} {
		if got := c.Nearest(name, 3); len(got) != 0 {
			t.Errorf("something is near to %.20q: %q", name, got)
		}
	}
}
