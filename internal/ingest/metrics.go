package ingest

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/tracing"
)

// metrics are the Prometheus metrics of ingestion. No label has a value per user.
type metrics struct {
	requests    prometheus.Counter
	errors      *prometheus.CounterVec
	duration    prometheus.Histogram
	points      *prometheus.CounterVec
	elements    *prometheus.CounterVec
	found       *prometheus.CounterVec
	summaries   prometheus.Counter
	summingUp   prometheus.Histogram
	activeUsers prometheus.Gauge
	backlog     prometheus.Gauge
	backlogAge  prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	factory := promauto.With(registerer)
	m := &metrics{
		requests: factory.NewCounter(prometheus.CounterOpts{
			Name: "health_export_ingest_requests_total", Help: "Bodies that were sent to be ingested.",
		}),
		errors: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_ingest_errors_total",
			Help: "Bodies that were not ingested as a whole, by reason: the code of the problem, or the status of the ingestion.",
		}, []string{"reason"}),
		duration: factory.NewHistogram(prometheus.HistogramOpts{
			Name: "health_export_ingest_duration_seconds", Help: "Time from the beginning of processing a body to its report.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
		points: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_metrics_processed_total", Help: "Metric points processed, by outcome.",
		}, []string{"outcome"}),
		elements: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_elements_processed_total",
			Help: "Elements of all kinds processed, by kind and outcome.",
		}, []string{"kind", "outcome"}),
		found: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_elements_received_total",
			Help: "Elements found in bodies, by kind. It equals those processed, summed over their outcomes, unless something was lost.",
		}, []string{"kind"}),
		summaries: factory.NewCounter(prometheus.CounterOpts{
			Name: "health_export_summaries_written_total", Help: "Summaries of days that were written with the samples they are made of.",
		}),
		summingUp: factory.NewHistogram(prometheus.HistogramOpts{
			Name: "health_export_summaries_duration_seconds", Help: "Time of a body's processing that went into summaries of days.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30},
		}),
		activeUsers: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_active_users", Help: "Users who sent a body in the last 24 hours.",
		}),
		backlog: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_ingest_backlog", Help: "Bodies that are archived but not processed yet.",
		}),
		backlogAge: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_ingest_backlog_age_seconds", Help: "Age of the oldest body that is not processed yet.",
		}),
	}
	m.initLabels()
	return m
}

// Reasons in this server why a body was not ingested as a whole.
const (
	reasonInternal  = "internal"
	reasonPostponed = "postponed"
)

// initLabels creates the counters whose labels are known, so that Prometheus sees their first increase.
func (m *metrics) initLabels() {
	for _, reason := range []string{
		reasonInternal, reasonPostponed, string(problem.Invalid), string(problem.TooLarge), string(problem.Unavailable),
		string(health.StatusPartial), string(health.StatusRejected), string(health.StatusUnrecognised), string(health.StatusFailed),
	} {
		m.errors.WithLabelValues(reason)
	}
	var none health.Report
	m.account(&none)
}

func (m *metrics) summariesWritten(summaries int, took time.Duration) {
	m.summaries.Add(float64(summaries))
	m.summingUp.Observe(took.Seconds())
}

func (m *metrics) received() { m.requests.Inc() }

func (m *metrics) refused(err error) {
	reason := string(problem.KindOf(err))
	if reason == "" {
		reason = reasonInternal
	}
	m.errors.WithLabelValues(reason).Inc()
}

func (m *metrics) postponed() { m.errors.WithLabelValues(reasonPostponed).Inc() }

func (m *metrics) finished(ctx context.Context, ingestion *health.Ingestion) {
	tracing.Observe(ctx, m.duration, ingestion.Duration.Seconds())
	if ingestion.Status != health.StatusProcessed {
		m.errors.WithLabelValues(string(ingestion.Status)).Inc()
	}
	m.account(&ingestion.Report)
}

func (m *metrics) account(report *health.Report) {
	for kind, counts := range report.Counts {
		m.found.WithLabelValues(health.ElementKind(kind).String()).Add(float64(counts.Received))
		for _, outcome := range [...]struct {
			outcome health.Outcome
			count   int
		}{
			{health.Inserted, counts.Inserted},
			{health.Updated, counts.Updated},
			{health.Unchanged, counts.Unchanged},
			{health.Merged, counts.Merged},
			{health.Rejected, counts.Rejected},
		} {
			m.elements.WithLabelValues(health.ElementKind(kind).String(), outcome.outcome.String()).Add(float64(outcome.count))
			if health.ElementKind(kind) == health.Metrics {
				m.points.WithLabelValues(outcome.outcome.String()).Add(float64(outcome.count))
			}
		}
	}
}

// CountActiveUsers updates the gauge of active users. It reads everything that was received in a day, so a job calls it
// rarely.
func (s *Service) CountActiveUsers(ctx context.Context) error {
	active, err := s.store.ActiveUsers(ctx, s.now().Add(-24*time.Hour))
	if err != nil {
		return err
	}
	s.metrics.activeUsers.Set(float64(active))
	return nil
}

// CountBacklog updates the gauges of what is not processed yet. A job calls it often.
func (s *Service) CountBacklog(ctx context.Context) error {
	count, oldest, err := s.store.Backlog(ctx)
	if err != nil {
		return err
	}
	s.metrics.backlog.Set(float64(count))
	age := 0.0
	if count > 0 {
		age = s.now().Sub(oldest).Seconds()
	}
	s.metrics.backlogAge.Set(age)
	return nil
}
