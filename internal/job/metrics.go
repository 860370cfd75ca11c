package job

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The outcomes of a run.
const (
	outcomeDone    = "done"
	outcomeFailed  = "failed"  // an error or a panic, which is logged
	outcomeStopped = "stopped" // cut short because the program stops
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
			Help: "Runs of periodic jobs, by job and outcome: done, failed or stopped.",
		}, []string{"job", "outcome"}),
		seconds: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_job_duration_seconds",
			Help:    "Time that runs of periodic jobs took, whatever their outcome.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}, []string{"job"}),
	}
}

// initCounters makes the counters of a job, so that their first increase is seen as one.
func (m metrics) initCounters(job string) {
	for _, outcome := range []string{outcomeDone, outcomeFailed, outcomeStopped} {
		m.runs.WithLabelValues(job, outcome)
	}
}
