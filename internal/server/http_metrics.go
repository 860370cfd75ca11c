package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/tracing"
)

// httpMetrics are the metrics of the requests. Their labels hold the pattern of the route, never the path.
type httpMetrics struct {
	requests *prometheus.CounterVec
	errors   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newHTTPMetrics(registerer prometheus.Registerer) httpMetrics {
	factory := promauto.With(registerer)
	return httpMetrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_http_requests_total",
			Help: "Requests answered, by method, route and status; 499 is a client that did not wait.",
		}, []string{"method", "route", "status"}),
		errors: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_http_errors_total",
			Help: "Requests that failed, by route, kind of failure and whose fault it is: client, server, or dependency (database or Redis).",
		}, []string{"route", "kind", "fault"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_http_request_duration_seconds",
			Help:    "Time from the first byte of a request's body to the last of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 60},

			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"method", "route"}),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_http_requests_in_flight",
			Help: "Requests being answered now.",
		}),
	}
}

// initCounters creates the counters of the server's own failures on these routes, so that Prometheus sees the first one
// as an increase.
func (m *httpMetrics) initCounters(routes []route) {
	for _, row := range routes {
		m.errors.WithLabelValues(row.Path, kindInternal, faultServer)
		m.errors.WithLabelValues(row.Path, string(problem.Unavailable), faultDependency)
	}
}

// The values of the label fault.
const (
	faultClient     = "client"
	faultServer     = "server"
	faultDependency = "dependency"
)

// kindInternal is the kind of an error that has none.
const kindInternal = "internal"

func (m *httpMetrics) count(ctx context.Context, method string, l *requestLog, took time.Duration) {
	method = methodLabel(method)
	m.requests.WithLabelValues(method, l.route, strconv.Itoa(l.status())).Inc()
	if failed := l.clientGone || l.err != nil || l.status() >= http.StatusBadRequest; failed && !l.expected {
		kind, fault := faultOf(l)
		m.errors.WithLabelValues(l.route, kind, fault).Inc()
	}
	tracing.Observe(ctx, m.duration.WithLabelValues(method, l.route), took.Seconds())
}

// methodLabel maps unknown methods to one label value, because a client may send any word as the method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// faultOf returns the kind of failure that a request ended with, and whose fault it is.
func faultOf(l *requestLog) (kind, fault string) {
	if l.clientGone {
		return "client_gone", faultClient
	}
	found := problem.KindOf(l.err)
	switch {
	case found == problem.Unavailable, found == "" && errors.Is(l.err, context.DeadlineExceeded):
		return string(problem.Unavailable), faultDependency
	case found != "" && l.status() < http.StatusInternalServerError:
		return string(found), faultClient
	case l.status() >= http.StatusBadRequest && l.status() < http.StatusInternalServerError:
		return kindOfStatus(l.status()), faultClient
	}
	return kindInternal, faultServer
}

// kindOfStatus returns the kind of a failure that was answered without an error, such as the report of a refused body.
func kindOfStatus(status int) string {
	for kind, answer := range kindResponses {
		if answer.status == status {
			return string(kind)
		}
	}
	return "other"
}
