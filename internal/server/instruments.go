package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// instruments measure the requests. Their labels hold the pattern of the route, never the path.
type instruments struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newInstruments(registerer prometheus.Registerer) instruments {
	factory := promauto.With(registerer)
	return instruments{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "health_export_http_requests_total",
			Help: "Requests answered, by method, route and status; 499 is a client that did not wait.",
		}, []string{"method", "route", "status"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "health_export_http_request_duration_seconds",
			Help:    "Time from the first byte of a request's body to the last of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 60},
		}, []string{"method", "route"}),
		inFlight: factory.NewGauge(prometheus.GaugeOpts{
			Name: "health_export_http_requests_in_flight",
			Help: "Requests being answered now.",
		}),
	}
}

func (i *instruments) count(method string, e *exchange, took time.Duration) {
	method = methodLabel(method)
	i.requests.WithLabelValues(method, e.route, strconv.Itoa(e.status())).Inc()
	i.duration.WithLabelValues(method, e.route).Observe(took.Seconds())
}

// methodLabel keeps clients from inventing label values: a method is any word they like.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
