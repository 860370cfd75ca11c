package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A defined day, as docs/performance.md describes it: a phone posts every 30 minutes, a page is opened six times, and a
// dashboard refreshes every minute for eight hours. More than 80 % of the cacheable answers come from the cache.
func TestHitRateOfADay(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	now := midnight
	a := newAPI(t, func(c *Config) {
		c.Limits = nil
		c.Now = func() time.Time { return now }
	})
	ada := a.ada()
	dashboard := []string{
		"/v1/summary", "/v1/metrics/latest", "/v1/sleep?start=2026-03-04&end=2026-03-10",
		"/v1/metrics/step_count/series?start=2026-03-04&end=2026-03-11", "/v1/metrics/heart_rate/series?bucket=1h&start=2026-03-10&end=2026-03-11",
	}
	page := append([]string{"/v1/metrics", "/v1/trends", "/v1/records", "/v1/summary?start=2026-03-01&end=2026-03-10"}, dashboard...)
	steps := 0
	for minute := range 24 * 60 {
		now = midnight.Add(time.Duration(minute) * time.Minute)
		if minute%30 == 0 {
			steps += 200
			a.send(ada.key, fmt.Sprintf(`{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0000","qty":%d}]},
				{"name":"heart_rate","units":"count/min","data":[{"date":"%s","Min":60,"Avg":%d,"Max":90}]}]}}`,
				steps, now.Format("2006-01-02 15:04:05 -0700"), 65+minute%20))
		}
		if minute >= 9*60 && minute < 17*60 {
			for _, path := range dashboard {
				a.get(path, ada.key).wants(http.StatusOK)
			}
		}
		if minute%240 == 15 {
			for _, path := range page {
				a.get(path, ada.key).wants(http.StatusOK)
			}
		}
	}
	counts := answersByResult(t, a.registry)
	all := counts["hit"] + counts["miss"] + counts["error"] + counts["bypass"]
	rate := counts["hit"] / all
	t.Logf("%.1f %% of %.0f answers came from the cache: %v", 100*rate, all, counts)
	if rate <= 0.8 || all < 2400 {
		t.Errorf("%.1f %% of %.0f answers came from the cache", 100*rate, all)
	}
}

// answersByResult returns health_export_cache_answers_total by its label result.
func answersByResult(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "health_export_cache_answers_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			counts[label(metric, "result")] += metric.GetCounter().GetValue()
		}
	}
	return counts
}

func label(metric *dto.Metric, name string) string {
	for _, pair := range metric.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}
