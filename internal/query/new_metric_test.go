package query_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/query"
)

// A line of the catalogue is all that a new metric needs to have a category, a unit, a trend, a record and a ring.
func TestNewMetricIsOneLine(t *testing.T) {
	t.Parallel()
	const line = "push_ups\t\tactivity\tquantity\tcount\tcount\tsum\t0\t5000\t\t\tpushups\t\t{count}\t\thighest_day\t5\tmove\tpush_ups_goal\t\t\t\t\n" +
		"push_ups_goal\t\tactivity\tquantity\tcount\tcount\tlatest\t0\t5000\t\t\t\t\t{count}\t\t\t\t\t\t\t\t\t\n"
	values := []float64{10, 11, 10, 11, 10, 11, 10, 11, 10, 11, 10, 11, 10, 11, 30, 31, 32}
	m := all(
		daysOf(t, "push_ups", "count", "2026-02-23", values...),
		daysOf(t, "push_ups_goal", "count", "2026-03-10", 25, 25),
		daysOf(t, "step_count", "count", "2026-03-10", 9000),
	)
	s := query.New(query.Config{
		Samples: m, Sleep: m, Workouts: m, Events: m, Catalog: catalogWith(t, line),
		Now: func() time.Time { return time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC) },
	})

	records, err := s.Records(t.Context(), anna, query.RecordsRequest{})
	if err != nil || len(records.Days) != 2 || records.Days[0].Metric != "push_ups" || records.Days[0].Record != "highest_day" ||
		records.Days[0].Value != 32 || records.Days[1].Metric != "step_count" {
		t.Errorf("records %+v, error %v, want 32 push_ups before the steps", records.Days, err)
	}
	trends, err := s.Trends(t.Context(), anna, query.TrendsRequest{Date: date(t, "2026-03-11")})
	i := slices.IndexFunc(trends.Trends, func(trend query.Trend) bool { return trend.Metric == "push_ups" })
	if err != nil || i < 0 || trends.Trends[i].Direction == nil || *trends.Trends[i].Direction != "up" {
		t.Errorf("trends %+v, error %v, want push_ups going up", trends.Trends, err)
	}
	day, err := s.Day(t.Context(), anna, "", date(t, "2026-03-11"))
	if err != nil || day.Rings == nil || day.Rings.Move == nil || !day.Rings.Move.Closed || day.Rings.Move.Unit != "count" {
		t.Errorf("rings %+v, error %v, want a closed Move ring", day.Rings, err)
	}
	if value := day.Metrics["activity"]["push_ups"]; value.Aggregation != "sum" || show(value.Value) != 32.0 {
		t.Errorf("the day has %+v, want a sum of 32", value)
	}
	series, err := s.Series(t.Context(), anna, query.SeriesRequest{Metric: "PushUps", Unit: "count"})
	if err != nil || series.Metric != "push_ups" || len(series.Points) == 0 {
		t.Errorf("the series by an alias is %+v, error %v", series, err)
	}
}

// catalogWith returns the catalogue with more lines, which take the Move ring away from active energy.
func catalogWith(t *testing.T, lines string) *catalog.Catalog {
	t.Helper()
	table := func(name string) string {
		text, err := os.ReadFile("../catalog/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	metrics := strings.Replace(table("metrics.tsv"), "\tmove\tactive_energy_goal\t", "\t\t\t", 1)
	c, err := catalog.Parse(metrics+lines, table("categories.tsv"), table("units.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
