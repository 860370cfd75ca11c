package postgres

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/health-export/health-export/internal/store/backend"
)

// Measure registers the metrics of calls, of the pool of connections and of the partitions. It is called once, before
// the store is used.
func (s *Store) Measure(registerer prometheus.Registerer) {
	s.calls = backend.NewCalls(registerer, semconv.DBSystemNamePostgreSQL)
	registerer.MustRegister(newCollector(s))
}

// collector reads the state of the pool and of the partitions from memory.
type collector struct {
	store                                                         *Store
	connections, most, acquired, waited, waiting, horizon, broken *prometheus.Desc
}

func newCollector(s *Store) *collector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("health_export_database_"+name, help, labels, nil)
	}
	return &collector{
		store:       s,
		connections: describe("pool_connections", "Connections of the pool, by state: used, idle or being made.", "state"),
		most:        describe("pool_connections_max", "Connections that the pool may have."),
		acquired:    describe("pool_acquires_total", "Connections that were taken from the pool."),
		waited:      describe("pool_waits_total", "Connections that had to be waited for, because none was idle."),
		waiting:     describe("pool_wait_seconds_total", "Time spent on taking connections from the pool."),
		broken:      describe("pool_acquires_cancelled_total", "Connections that were not waited for any longer."),
		horizon: describe("partitions_until_timestamp_seconds",
			"The time until which a table has partitions without a gap from now on. What comes later needs one made first.", "table"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.connections, c.most, c.acquired, c.waited, c.waiting, c.broken, c.horizon} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	value := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	pool := c.store.pool.Stat()
	value(c.connections, prometheus.GaugeValue, float64(pool.AcquiredConns()), "used")
	value(c.connections, prometheus.GaugeValue, float64(pool.IdleConns()), "idle")
	value(c.connections, prometheus.GaugeValue, float64(pool.ConstructingConns()), "being_made")
	value(c.most, prometheus.GaugeValue, float64(pool.MaxConns()))
	value(c.acquired, prometheus.CounterValue, float64(pool.AcquireCount()))
	value(c.waited, prometheus.CounterValue, float64(pool.EmptyAcquireCount()))
	value(c.waiting, prometheus.CounterValue, pool.AcquireDuration().Seconds())
	value(c.broken, prometheus.CounterValue, float64(pool.CanceledAcquireCount()))
	now := time.Now()
	for _, table := range slices.Concat(archiveTables, auditTables, sampleTables) {
		if spans := c.store.partitions.spans(table); len(spans) > 0 {
			value(c.horizon, prometheus.GaugeValue, float64(coveredUntil(spans, now).Unix()), table)
		}
	}
}
