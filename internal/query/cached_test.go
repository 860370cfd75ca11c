package query_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

// querier are the methods that Service and Cached have in common.
type querier interface {
	Metrics(context.Context, account.User) ([]query.Metric, error)
	Latest(context.Context, account.User) ([]query.LatestValue, error)
	Day(context.Context, account.User, health.Date) (query.DaySummary, error)
	Days(context.Context, account.User, health.Date, health.Date) ([]query.DaySummary, error)
	Series(context.Context, account.User, query.SeriesRequest) (query.Series, error)
}

// cachedQueries are the queries whose responses are cached, each by the metric it depends on.
func cachedQueries(t *testing.T) map[string]func(querier) (any, error) {
	ctx, day := t.Context(), date(t, "2026-03-10")
	queries := map[string]func(querier) (any, error){
		"metrics": func(s querier) (any, error) { return s.Metrics(ctx, anna) },
		"latest":  func(s querier) (any, error) { return s.Latest(ctx, anna) },
		"day":     func(s querier) (any, error) { return s.Day(ctx, anna, day) },
		"no day":  func(s querier) (any, error) { return s.Day(ctx, anna, day-1000) },
		"days":    func(s querier) (any, error) { return s.Days(ctx, anna, day-1, day+1) },
	}
	for _, metric := range []string{"step_count", "heart_rate", "blood_pressure_systolic", "handwashing", "weight_body_mass"} {
		queries["series of "+metric] = func(s querier) (any, error) {
			return s.Series(ctx, anna, query.SeriesRequest{Metric: metric, Start: day.In(time.UTC), End: (day + 2).In(time.UTC), Gaps: true})
		}
	}
	return queries
}

// A cached response is the same on the wire, to the byte.
func TestCachedResponsesAreTheSame(t *testing.T) {
	t.Parallel()
	service := newService(t, aDay(t))
	cached := query.NewCached(service, cache.NewResponseCache(cache.NewMemory(1<<20), nil))
	for name, ask := range cachedQueries(t) {
		want := wire(t, ask, service)
		for _, which := range []string{"computed", "cached"} {
			if diff := gocmp.Diff(want, wire(t, ask, cached)); diff != "" {
				t.Errorf("%s, %s:\n%s", name, which, diff)
			}
		}
	}
}

func wire(t *testing.T, ask func(querier) (any, error), s querier) string {
	t.Helper()
	answer, err := ask(s)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(answer, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A response is cached until its data changes, and no longer.
func TestChangeInvalidatesCachedResponses(t *testing.T) {
	t.Parallel()
	for name, ask := range cachedQueries(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := aDay(t)
			responses := cache.NewResponseCache(cache.NewMemory(1<<20), nil)
			cached := query.NewCached(newService(t, m), responses)
			before := wire(t, ask, cached)
			m.samples = nil
			if wire(t, ask, cached) != before {
				t.Error("it was not cached")
			}
			metric := "step_count"
			if about, ok := strings.CutPrefix(name, "series of "); ok {
				responses.InvalidateMetrics(t.Context(), anna.ID, []string{"flights_climbed"})
				if wire(t, ask, cached) != before {
					t.Error("it was forgotten for another metric's sake")
				}
				metric = strings.TrimSuffix(about, "_systolic") // where it is kept
			}
			responses.InvalidateMetrics(t.Context(), anna.ID, []string{metric})
			if name != "no day" && wire(t, ask, cached) == before {
				t.Error("it was given after the change")
			}
		})
	}
}

// A query without an end depends on the current time; a year of hours is computed faster than decoded.
func TestSomeSeriesAreNotCached(t *testing.T) {
	t.Parallel()
	start := clock(t, "2025-06-01T00:00:00Z")
	for name, request := range map[string]query.SeriesRequest{
		"up to now":       {Metric: "step_count"},
		"a year of hours": {Metric: "step_count", Bucket: "1h", Start: start, End: start.AddDate(1, 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := aDay(t)
			cached := query.NewCached(newService(t, m), cache.NewResponseCache(cache.NewMemory(1<<20), nil))
			ask := func(s querier) (any, error) { return s.Series(t.Context(), anna, request) }
			before := wire(t, ask, cached)
			m.samples = nil
			if wire(t, ask, cached) == before {
				t.Error("it was cached")
			}
		})
	}
}

// Weeks that begin on other days are cached separately.
func TestWeekStartIsPartOfTheCacheKey(t *testing.T) {
	t.Parallel()
	service := newService(t, aDay(t))
	cached := query.NewCached(service, cache.NewResponseCache(cache.NewMemory(1<<20), nil))
	for _, weekStart := range []string{"monday", "sunday"} {
		ask := func(s querier) (any, error) {
			return s.Series(t.Context(), anna, query.SeriesRequest{
				Metric: "step_count", Bucket: "1w", WeekStart: weekStart,
				Start: clock(t, "2026-03-01T00:00:00Z"), End: clock(t, "2026-03-20T00:00:00Z"),
			})
		}
		if diff := gocmp.Diff(wire(t, ask, service), wire(t, ask, cached)); diff != "" {
			t.Errorf("weeks from %s (-computed +cached):\n%s", weekStart, diff)
		}
	}
}

func TestWarmCachesWhatIsAskedFirst(t *testing.T) {
	t.Parallel()
	m := aDay(t)
	cached := query.NewCached(newService(t, m), cache.NewResponseCache(cache.NewMemory(1<<20), nil))
	if err := cached.Warm(t.Context(), anna); err != nil {
		t.Fatal(err)
	}
	m.samples = nil
	latest, err := cached.Latest(t.Context(), anna)
	if err != nil || len(latest) == 0 {
		t.Errorf("the latest values were not sought: %d, %v", len(latest), err)
	}
}
