package server

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/problem"
)

func TestFaultOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err         error
		status      int
		gone        bool
		kind, fault string
	}{
		"what was asked is wrong":       {problem.New(problem.Invalid, "x", "x"), 400, false, "invalid", "client"},
		"a report that refuses":         {nil, 422, false, "unrecognised", "client"},
		"an unknown status":             {nil, 418, false, "other", "client"},
		"the database is away":          {problem.New(problem.Unavailable, "x", "x"), 503, false, "unavailable", "dependency"},
		"nobody answered in time":       {context.DeadlineExceeded, 503, false, "unavailable", "dependency"},
		"a fault of the program":        {errors.New("x"), 500, false, "internal", "server"},
		"an answer broke off":           {errors.New("x"), 200, false, "internal", "server"},
		"the client did not wait":       {context.Canceled, 200, true, "client_gone", "client"},
		"a report of a failure of ours": {nil, 500, false, "internal", "server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &requestLog{err: test.err, clientGone: test.gone, response: responseWriter{status: test.status}}
			if kind, fault := faultOf(e); kind != test.kind || fault != test.fault {
				t.Errorf("a failure with status %s is %s, the fault of %s; want %s, %s", http.StatusText(test.status), kind, fault, test.kind, test.fault)
			}
		})
	}
}

// failuresOf returns how many requests were counted as failed.
func failuresOf(t *testing.T, registry prometheus.Gatherer) (failures float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "health_export_http_errors_total" {
			continue
		}
		for _, series := range family.GetMetric() {
			failures += series.GetCounter().GetValue()
		}
	}
	return failures
}
