package access

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/health"
)

type limitMetrics struct{ decisions *prometheus.CounterVec }

// newLimitMetrics registers the metrics; a nil registerer leaves them unregistered.
func newLimitMetrics(registerer prometheus.Registerer) limitMetrics {
	return limitMetrics{promauto.With(registerer).NewCounterVec(prometheus.CounterOpts{
		Name: "health_export_limit_decisions_total",
		Help: "Requests held against a limit, by use (ingest, read, or address for those without a key) and outcome: allowed or the code of the refusal.",
	}, []string{"use", "outcome"})}
}

func (m limitMetrics) decided(use Use, err error) {
	outcome := "allowed"
	if err != nil {
		outcome = "rate_limited"
		if health.KindOf(err) == health.TooLarge {
			outcome = "body_exceeds_allowance"
		}
	}
	m.decisions.WithLabelValues(string(use), outcome).Inc()
}
