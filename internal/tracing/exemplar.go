package tracing

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Observe adds a value to a histogram, with the trace that ctx is in as its example where that is sampled: from a slow
// request in a dashboard to where its time went.
func Observe(ctx context.Context, histogram prometheus.Observer, value float64) {
	if parent := trace.SpanContextFromContext(ctx); parent.IsSampled() {
		if exemplars, ok := histogram.(prometheus.ExemplarObserver); ok {
			exemplars.ObserveWithExemplar(value, prometheus.Labels{"trace_id": parent.TraceID().String()})
			return
		}
	}
	histogram.Observe(value)
}
