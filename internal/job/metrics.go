package job

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The outcomes of a run.
const (
	outcomeDone    = "done"
	outcomeFailed  = "failed"  // an error or a panic, which is logged
	outcomeStopped = "stopped" // cancelled because the program stops
	outcomeSkipped = "skipped" // left to another instance
)

type metrics struct {
	runs    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) metrics {
	factory := promauto.With(registerer)
	return metrics{
		runs: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_job_runs_total",
			Help: "Runs of periodic jobs, by job and outcome: done, failed, stopped, or skipped where another instance has done it.",
		}, []string{"job", "outcome"}),
		seconds: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_job_duration_seconds",
			Help:    "Time that runs of periodic jobs took, whatever their outcome, but for those that were skipped.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}, []string{"job"}),
	}
}

// initCounters creates the counters of a task, so that Prometheus sees the first increase.
func (m metrics) initCounters(task Task) {
	for _, outcome := range []string{outcomeDone, outcomeFailed, outcomeStopped} {
		m.runs.WithLabelValues(task.Name, outcome)
	}
	if task.Exclusive {
		m.runs.WithLabelValues(task.Name, outcomeSkipped)
	}
}
