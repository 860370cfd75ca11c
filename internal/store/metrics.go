package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/health"
)

// Calls measures the calls that a store makes to its database. The zero value measures nothing.
type Calls struct {
	duration *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

// NewCalls registers the measures of calls; one per registerer.
func NewCalls(registerer prometheus.Registerer) Calls {
	factory := promauto.With(registerer)
	return Calls{
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

// Done counts a call that has come to its end. operation is one of the program's words, never of its users'.
func (c Calls) Done(operation string, begun time.Time, err error) {
	if c.duration == nil {
		return
	}
	c.duration.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
	if kind := health.KindOf(err); err != nil && (kind == "" || kind == health.Unavailable) {
		c.failures.WithLabelValues(operation).Inc()
	}
}
