package cache

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/tracing"
)

// responseMetrics measure cached responses. Kinds are constants of the program, never text of its users.
type responseMetrics struct {
	lookups             *prometheus.CounterVec
	duration            *prometheus.HistogramVec
	failedInvalidations prometheus.Counter
}

// newResponseMetrics registers the metrics; a nil registerer leaves them unregistered.
func newResponseMetrics(registerer prometheus.Registerer, valid func() (int64, bool)) responseMetrics {
	factory := promauto.With(registerer)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "health_export_cache_distrusted",
		Help: "1 while cached responses are not used, because an instance could not invalidate them, or the database does not answer.",
	}, func() float64 {
		if _, ok := valid(); ok {
			return 0
		}
		return 1
	})
	return responseMetrics{
		lookups: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_cache_answers_total",
			Help: "Lookups of responses, by kind and result: hit, miss, error (the cache does not answer) or bypass (cached responses are not used).",
		}, []string{"kind", "result"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_cache_answer_duration_seconds",
			Help:    "Time to answer, including the query of the store where there was one, by kind and result.",
			Buckets: []float64{.00001, .00005, .0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1},
		}, []string{"kind", "result"}),
		failedInvalidations: factory.NewCounter(prometheus.CounterOpts{
			Name: "health_export_cache_untold_changes_total",
			Help: "Changes that could be reported neither to the cache nor, for a minute, to the database.",
		}),
	}
}

func (m responseMetrics) observe(kind, result string, took time.Duration) {
	m.lookups.WithLabelValues(kind, result).Inc()
	m.duration.WithLabelValues(kind, result).Observe(took.Seconds())
}

// operations are the kinds of calls to Redis.
var operations = []string{"add", "delete", "get", "ping", "run", "set"}

// redisMetrics measure the calls to Redis.
type redisMetrics struct {
	failures *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newRedisMetrics(registerer prometheus.Registerer) redisMetrics {
	factory := promauto.With(registerer)
	m := redisMetrics{
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_redis_errors_total",
			Help: "Calls to Redis that were not answered in time, or not made because those before were not, by operation.",
		}, []string{"operation"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_redis_duration_seconds",
			Help:    "Time of calls to Redis that were answered, by operation.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .02, .05, .1},
		}, []string{"operation"}),
	}
	for _, operation := range operations {
		m.failures.WithLabelValues(operation) // so that Prometheus sees the first one as an increase
	}
	return m
}

func (m redisMetrics) failed(operation string) { m.failures.WithLabelValues(operation).Inc() }

func (m redisMetrics) observe(ctx context.Context, operation string, took time.Duration) {
	tracing.Observe(ctx, m.duration.WithLabelValues(operation), took.Seconds())
}
