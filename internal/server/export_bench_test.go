package server

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/store/sqlite"
	"github.com/health-export/health-export/internal/testdb"
)

const minutesOfAYear = 365 * 24 * 60

var storesToMeasure = map[string]func(*testing.B) (store.Store, error){
	"sqlite": func(b *testing.B) (store.Store, error) {
		return sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "health-export.db"), nil)
	},
	"postgres": func(b *testing.B) (store.Store, error) {
		if os.Getenv("TEST_DATABASE_URL") == "" {
			b.Skip("TEST_DATABASE_URL is not set")
		}
		return postgres.Open(b.Context(), testdb.PostgresURL(b), nil, postgres.Options{})
	},
}

// BenchmarkExport writes a year of heart rates, one a minute, out of every store there is: /reading is the store alone, the baseline.
// peak-MiB is how much the heap grew at most.
func BenchmarkExport(b *testing.B) {
	metricCatalog, err := catalog.Load()
	if err != nil {
		b.Fatal(err)
	}
	user, err := account.NewUser("ada@example.org", "", "", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for name, open := range storesToMeasure {
		b.Run(name, func(b *testing.B) {
			db, err := open(b)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			if err := db.CreateUser(b.Context(), user); err != nil {
				b.Fatal(err)
			}
			var batch []health.Sample
			flush := func() {
				if _, err := db.WriteSamples(b.Context(), store.Body{User: user.ID}, batch); err != nil {
					b.Fatal(err)
				}
				batch = batch[:0]
			}
			s := health.NewSample()
			s.Metric, s.Unit, s.Source, s.Grain, s.Offset = "heart_rate", "count/min", "Apple Watch", health.GrainRaw, 3600
			for i := range health.Instant(minutesOfAYear) {
				s.Start = 1_741_600_800_000_000 + (60*i+i%60)*health.Second
				s.End, s.Value = s.Start, 60+float64(i%700)/7
				if batch = append(batch, s); len(batch) == 5000 {
					flush()
				}
			}
			flush()
			service := query.New(query.Config{Samples: db, Sleep: db, Workouts: db, Events: db, Catalog: metricCatalog})
			measure := func(name string, do func(*query.Extract) error) {
				b.Run(name, func(b *testing.B) {
					peak, stop := watchHeap()
					for b.Loop() {
						extract, err := service.Extract(b.Context(), user, query.ExtractRequest{Metrics: []string{"heart_rate"}})
						if err != nil {
							b.Fatal(err)
						}
						if err := do(extract); err != nil {
							b.Fatal(err)
						}
					}
					stop()
					b.ReportMetric(minutesOfAYear*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
					b.ReportMetric(float64(*peak)/(1<<20), "peak-MiB")
				})
			}
			measure("reading", func(e *query.Extract) error {
				for _, err := range e.Samples(b.Context()) {
					if err != nil {
						return err
					}
				}
				return nil
			})
			for _, format := range []string{"csv", "ndjson", "parquet", "fhir"} {
				r := export.Request{Format: export.Format(format), Types: []export.Type{export.TypeSamples}, User: user, Catalog: metricCatalog}
				measure(format, func(e *query.Extract) error { return export.Write(b.Context(), io.Discard, e, r) })
			}
		})
	}
}

// watchHeap notes by how much the heap grows at most until stop is called.
func watchHeap() (peak *uint64, stop func()) {
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak = new(uint64)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				if now.HeapInuse > before.HeapInuse {
					*peak = max(*peak, now.HeapInuse-before.HeapInuse)
				}
			}
		}
	}()
	return peak, func() { close(end); <-done }
}
