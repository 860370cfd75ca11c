package sqlite

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/health-export/health-export/internal/store"
)

// Measure registers the metrics of calls and of the connections. It is called once, before the store is used.
func (s *Store) Measure(registerer prometheus.Registerer) {
	s.calls = store.NewCalls(registerer)
	registerer.MustRegister(collectors.NewDBStatsCollector(s.writer, "writer"), collectors.NewDBStatsCollector(s.reader, "reader"))
}
