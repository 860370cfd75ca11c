package operation

import (
	"context"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

// BenchmarkCachedYear compares a year of days that is in the cache with one that is encoded, and with the way responses were
// cached before: as JSON that was decoded and encoded again for every answer.
func BenchmarkCachedYear(b *testing.B) {
	series := query.Series{Metric: "step_count", Unit: "count", Bucket: "1d", TZ: "local", Aggregation: "sum"}
	for day := range 365 {
		start := time.Date(2025, 1, 1+day, 0, 0, 0, 0, time.UTC)
		sum, grain := 9900.0+float64(day), health.GrainHour
		series.Points = append(series.Points, query.Point{Start: start, End: start.AddDate(0, 0, 1), Aggregate: query.Aggregate{
			Sum: &sum, Avg: &sum, Min: &sum, Max: &sum, Value: &sum, Count: 24, Grain: &grain, Sources: []string{"Watch|iPhone"},
		}})
	}
	row := Operation{
		Name: "getYear", Method: get, Path: "/v1/year", Scope: account.ScopeRead, Lens: AllData, Cache: always,
		Run: func(context.Context, Access, Values) (any, error) { return &series, nil },
	}
	a := Access{Subject: account.User{ID: uuid.New()}, Lens: Everything()}
	ask := func(b *testing.B, responses ResponseCache) {
		table, err := newTable([]Operation{row}, responses)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := table.Answer(b.Context(), table.Find(row.Name), a, Values{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("hit", func(b *testing.B) { ask(b, cache.NewResponseCache(cache.NewMemory(1<<20), nil)) })
	b.Run("miss", func(b *testing.B) { ask(b, nil) })
	b.Run("decoded", func(b *testing.B) {
		text, err := Encode(&series)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			var again query.Series
			if err := json.Unmarshal(text, &again); err != nil {
				b.Fatal(err)
			}
			if _, err := Encode(&again); err != nil {
				b.Fatal(err)
			}
		}
	})
}
