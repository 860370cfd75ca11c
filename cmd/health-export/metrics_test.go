package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// scrape reads the metrics as Prometheus does.
func (i *instance) scrape() string {
	i.t.Helper()
	response, err := http.Get(i.metrics)
	if err != nil {
		i.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		i.t.Fatalf("metrics answered %d: %v", response.StatusCode, err)
	}
	return string(text)
}

// use makes a server do what its metrics tell of: it takes in, answers, and refuses.
func (i *instance) use() {
	i.t.Helper()
	for range 2 {
		if status, report := i.call("POST", "/v1/ingest", steps(9900, "2026-03-10")); status != http.StatusOK {
			i.t.Fatalf("ingest answered %d %v", status, report)
		}
	}
	i.call("POST", "/v1/ingest", "this is no body")
	for range 2 {
		i.call("GET", "/v1/metrics/step_count/series?start=2026-03-01&end=2026-04-01&bucket=1d", "")
	}
	i.call("GET", "/v1/nowhere", "")
}

// What alerts watch the increase of is there before it first happens: Prometheus sees no increase in a series that begins
// with 1.
func TestCountersBeginWithZero(t *testing.T) {
	root := root(t)
	server, _, _ := start(t, newDatabase(t))
	fresh := server.scrape()
	rules := read(t, filepath.Join(root, "deploy/prometheus/rules/alerts.yml"))
	watched := regexp.MustCompile(`(?:increase|rate)\((health_export_\w+_total)\b`).FindAllStringSubmatch(rules, -1)
	if len(watched) < 8 {
		t.Fatalf("only %d counters are watched", len(watched))
	}
	for _, name := range watched {
		if name := name[1]; !strings.Contains(name, "redis") && !strings.Contains(fresh, "\n"+name) {
			t.Errorf("%s is not there from the start", name)
		}
	}
	for _, line := range []string{
		`health_export_ingest_errors_total{reason="failed"} 0`,
		`health_export_ingest_errors_total{reason="postponed"} 0`,
		`health_export_ingest_errors_total{reason="internal"} 0`,
		`health_export_http_errors_total{fault="server",kind="internal",route="/v1/ingest"} 0`,
		`health_export_http_errors_total{fault="dependency",kind="unavailable",route="/v1/sleep"} 0`,
		`health_export_job_runs_total{job="prepare_store",outcome="failed"} 0`,
		`health_export_key_verifications_total{outcome="too_many_failures"} 0`,
		`health_export_limit_decisions_total{outcome="rate_limited",use="address"} 0`,
		`health_export_elements_processed_total{kind="workouts",outcome="rejected"} 0`,
		`health_export_database_errors_total{operation="list users"} 0`,
	} {
		if !strings.Contains(fresh, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(fresh)
	}
}

// TestMetrics is also what writes the metrics for promtool, into the file that METRICS_FILE names.
func TestMetrics(t *testing.T) {
	server, _, _ := start(t, newDatabase(t))
	server.use()
	text := server.scrape()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, line := range []string{
		`health_export_elements_received_total{kind="metrics"} 2`,
		`health_export_elements_processed_total{kind="metrics",outcome="inserted"} 1`,
		`health_export_elements_processed_total{kind="metrics",outcome="unchanged"} 1`,
		`health_export_http_errors_total{fault="client",kind="invalid",route="/v1/ingest"} 1`,
		`health_export_http_requests_total{method="GET",route="/v1/metrics/{name}/series",status="200"} 2`,
		`health_export_key_argon2_waiting 0`,
		`health_export_ingest_duration_seconds_count 3`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	if file := os.Getenv("METRICS_FILE"); file != "" {
		write(t, file, text)
	}
	if t.Failed() {
		t.Log(text)
	}
}
