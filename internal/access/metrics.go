package access

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/problem"
)

// The outcomes of a verification besides the codes of the errors.
const (
	outcomeVerified  = "proved"     // by an Argon2id hash
	outcomeCached    = "remembered" // verified a short while ago
	outcomeCancelled = "cancelled"  // the caller was cancelled
	outcomeError     = "error"      // the store did not answer
)

type metrics struct {
	verifications *prometheus.CounterVec
	argon2        prometheus.Histogram
}

// newMetrics registers the metrics; a nil registerer leaves them unregistered.
func newMetrics(registerer prometheus.Registerer) metrics {
	factory := promauto.With(registerer)
	m := metrics{
		verifications: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_key_verifications_total",
			Help: "API keys presented, by outcome: proved, remembered, the code of the refusal, cancelled or error.",
		}, []string{"outcome"}),
		argon2: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "health_export_key_argon2_seconds",
			Help:    "Time to compute one Argon2id hash, without the wait for a slot.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 9),
		}),
	}
	for _, outcome := range []string{outcomeVerified, outcomeCached, outcomeCancelled, outcomeError} {
		m.verifications.WithLabelValues(outcome) // so that Prometheus sees the first one as an increase
	}
	for _, refusal := range []*problem.Error{
		errMissingKey(), errMalformedKey(), errUnknownKey(), errRevokedKey(), errExpiredKey(), errTooManyFailures(0), errTooManyVerifications(),
	} {
		m.verifications.WithLabelValues(refusal.Code)
	}
	return m
}

// registerQueueLength registers how many computations wait for a slot.
func registerQueueLength(registerer prometheus.Registerer, h *hasher) {
	promauto.With(registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "health_export_key_argon2_waiting", Help: "Requests that wait for a slot to compute an Argon2id hash.",
	}, h.waiting)
}

func (m metrics) count(outcome string, err error) {
	if err != nil {
		outcome = outcomeOf(err)
	}
	m.verifications.WithLabelValues(outcome).Inc()
}

func outcomeOf(err error) string {
	if refusal, ok := errors.AsType[*problem.Error](err); ok {
		switch {
		case refusal.Kind == problem.Unauthenticated, refusal.Code == "too_many_failures", refusal.Code == "door_busy":
			return refusal.Code
		}
	}
	if isCancelled(err) {
		return outcomeCancelled
	}
	return outcomeError
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
