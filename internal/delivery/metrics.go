package delivery

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The outcomes of an attempt.
const (
	outcomeDelivered = "delivered"
	outcomeFailed    = "failed"  // it is tried again
	outcomeDead      = "dead"    // it was given up
	outcomeStopped   = "stopped" // cut short because the program stops; it is tried again
)

type metrics struct {
	attempts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	waiting  prometheus.Gauge
	age      prometheus.Gauge
	dead     prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer, kinds []string) metrics {
	factory := promauto.With(registerer)
	m := metrics{
		attempts: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_outbox_attempts_total",
			Help: "Attempts to deliver a message, by kind of destination and outcome: delivered, failed (it is tried again), " +
				"dead (it was given up) or stopped (the program stopped).",
		}, []string{"kind", "outcome"}),
		seconds: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_outbox_attempt_duration_seconds",
			Help:    "Time that attempts to deliver a message took, whatever their outcome.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 8),
		}, []string{"kind"}),
		waiting: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_outbox_backlog", Help: "Messages that wait to be delivered, those that will be tried again among them.",
		}),
		age: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_outbox_backlog_age_seconds", Help: "Age of the oldest message that waits to be delivered, 0 where none does.",
		}),
		dead: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_outbox_dead_messages", Help: "Messages that were given up and neither requeued nor dropped since.",
		}),
	}
	for _, kind := range kinds { // so that the first increase is seen as one
		for _, outcome := range []string{outcomeDelivered, outcomeFailed, outcomeDead, outcomeStopped} {
			m.attempts.WithLabelValues(kind, outcome)
		}
	}
	return m
}
