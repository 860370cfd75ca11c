package sqlite

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/health-export/health-export/internal/store/backend"
)

// Measure registers the metrics of calls and of the connections. It is called once, before the store is used.
func (s *Store) Measure(registerer prometheus.Registerer) {
	s.calls = backend.NewCalls(registerer, semconv.DBSystemNameSQLite)
	registerer.MustRegister(collectors.NewDBStatsCollector(s.writer, "writer"), collectors.NewDBStatsCollector(s.reader, "reader"))
}
