package backend

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/tracing"
)

// Calls measures the calls that a store makes to its database, and makes each a span of its trace. The zero value measures
// nothing.
type Calls struct {
	duration *prometheus.HistogramVec
	failures *prometheus.CounterVec
	span     []trace.SpanStartOption
}

// NewCalls registers the metrics of calls; one per registerer. system is the name of the database in traces:
// semconv.DBSystemName….
func NewCalls(registerer prometheus.Registerer, system attribute.KeyValue) Calls {
	factory := promauto.With(registerer)
	return Calls{
		span: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(system)},
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_database_call_duration_seconds",
			Help:    "Time of calls to the database, with the wait for a connection and every attempt, by what they do.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"operation"}),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_database_errors_total",
			Help: "Calls to the database that failed for a reason of its own, by what they do: not found and the like are answers.",
		}, []string{"operation"}),
	}
}

// Start begins a call, which ends when done is called with its error. operation is a constant of the program, never a text
// of a user.
func (c Calls) Start(ctx context.Context, operation string) (_ context.Context, done func(error)) {
	begun := time.Now()
	ctx, span := tracing.Start(ctx, operation, c.span...)
	return ctx, func(err error) {
		span.End(err)
		c.count(ctx, operation, time.Since(begun), err)
	}
}

func (c Calls) count(ctx context.Context, operation string, took time.Duration, err error) {
	if c.duration == nil {
		return
	}
	tracing.Observe(ctx, c.duration.WithLabelValues(operation), took.Seconds())
	failures := c.failures.WithLabelValues(operation) // there is a 0 before the first failure, or no increase would be seen
	if kind := problem.KindOf(err); err != nil && (kind == "" || kind == problem.Unavailable) {
		failures.Inc()
	}
}
