package access

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/problem"
)

type limitMetrics struct{ decisions *prometheus.CounterVec }

// newLimitMetrics registers the metrics; a nil registerer leaves them unregistered.
func newLimitMetrics(registerer prometheus.Registerer) limitMetrics {
	m := limitMetrics{promauto.With(registerer).NewCounterVec(prometheus.CounterOpts{
		Name: "health_export_limit_decisions_total",
		Help: "Requests checked against a limit, by use (ingest, read, or address for those without a key) and outcome: allowed or the code of the refusal.",
	}, []string{"use", "outcome"})}
	for _, use := range []Use{UseIngest, UseRead, useAddress} {
		for _, outcome := range []string{outcomeAllowed, outcomeRateLimited, outcomeExceeds} {
			if use == UseIngest || outcome != outcomeExceeds { // only ingested bodies are charged
				m.decisions.WithLabelValues(string(use), outcome) // so that Prometheus sees the first one as an increase
			}
		}
	}
	return m
}

// The outcomes of a decision.
const (
	outcomeAllowed     = "allowed"
	outcomeRateLimited = "rate_limited"
	outcomeExceeds     = "body_exceeds_allowance"
)

// useAddress is the use of requests without a key, which are counted by address.
const useAddress Use = "address"

func (m limitMetrics) count(use Use, err error) {
	outcome := outcomeAllowed
	if err != nil {
		outcome = outcomeRateLimited
		if problem.KindOf(err) == problem.TooLarge {
			outcome = outcomeExceeds
		}
	}
	m.decisions.WithLabelValues(string(use), outcome).Inc()
}
