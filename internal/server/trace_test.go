package server

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/tracing"
)

// memoryExporter keeps the spans it was given when it is shut down.
type memoryExporter struct{ *tracetest.InMemoryExporter }

func (memoryExporter) Shutdown(context.Context) error { return nil }

// A span has the pattern of the route, and is marked as failed where the failure is ours. Probes have none.
func TestRequestsAreTraced(t *testing.T) {
	t.Parallel()
	exported := memoryExporter{tracetest.NewInMemoryExporter()}
	tracer := tracing.New(exported, sdk.AlwaysSample(), resource.Empty())
	a := newAPI(t, func(c *Config) {
		c.Tracer = tracer
		testSamples{
			metrics: func(context.Context) error { return errors.New("out of range") },
			latest: func(context.Context) error {
				return problem.New(problem.Unavailable, "store_away", "The database does not answer.")
			},
		}.over(t)(c)
	})
	ada := a.ada()
	a.get("/health", "").wants(http.StatusOK)
	a.get("/ready", "").wants(http.StatusOK)
	a.get("/v1/me", ada.key).wants(http.StatusOK)
	a.get("/v1/workouts/"+unknownID.String(), ada.key).wants(http.StatusNotFound)
	a.get("/nothing/"+unknownID.String(), ada.key).wants(http.StatusNotFound)
	a.do("BREW", "/v1/me", "", "").wants(http.StatusMethodNotAllowed)
	a.get("/v1/metrics", ada.key).wants(http.StatusInternalServerError)
	a.get("/v1/metrics/latest", ada.key).wants(http.StatusServiceUnavailable)
	a.stop()
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, span := range exported.GetSpans() {
		if span.Parent.IsValid() {
			continue
		}
		reason := ""
		for _, a := range span.Attributes {
			if a.Key == "error.type" {
				reason = " " + a.Value.AsString()
			}
		}
		got[span.Name] = span.Status.Code.String() + reason
	}
	want := map[string]string{
		"GET /v1/me": "Unset", "GET /v1/workouts/{id}": "Unset", "GET unmatched": "Unset", "other /v1/me": "Unset",
		"GET /v1/metrics": "Error internal", "GET /v1/metrics/latest": "Error unavailable",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}
