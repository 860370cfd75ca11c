package tracing

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Observe adds a value to a histogram, with the sampled trace in ctx as its exemplar: it leads from a slow request in a
// dashboard to its trace.
func Observe(ctx context.Context, histogram prometheus.Observer, value float64) {
	if parent := trace.SpanContextFromContext(ctx); parent.IsSampled() {
		if exemplars, ok := histogram.(prometheus.ExemplarObserver); ok {
			exemplars.ObserveWithExemplar(value, prometheus.Labels{"trace_id": parent.TraceID().String()})
			return
		}
	}
	histogram.Observe(value)
}
