package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/testdb"
)

// BenchmarkWriteSamples compares WriteSamples with what PostgreSQL itself can do: COPY, in binary form and encoded
// beforehand, of the same rows in batches of the same size into the same tables. All are run in turn, and the medians of
// their rates are reported, in rows a second and as a ratio to that of COPY.
func BenchmarkWriteSamples(b *testing.B) {
	for _, shape := range []struct {
		clients, rows, batch int
	}{{1, 100_000, 10_000}, {2, 100_000, 10_000}, {1, 1_000, 1_000}, {1, 100, 100}} {
		b.Run(fmt.Sprintf("clients=%d/rows=%d/batch=%d", shape.clients, shape.rows, shape.batch), func(b *testing.B) {
			url := testdb.PostgresURL(b)
			s, err := postgres.Open(b.Context(), url, nil, postgres.Options{MaxConns: int32(shape.clients), MinConns: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			benchmarkWrites(b, s, url, shape.clients, shape.rows, shape.batch)
		})
	}
}

func benchmarkWrites(b *testing.B, s *postgres.Store, url string, clients, rows, size int) {
	people := make([]*person, clients)
	for i := range people {
		people[i] = newPerson(b, s, url, rows, size)
	}
	rates := map[string][]float64{}
	measure := func(what string, write func(*person) error) {
		begun := time.Now()
		var group sync.WaitGroup
		for _, p := range people {
			group.Go(func() {
				if err := write(p); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
		rates[what] = append(rates[what], float64(clients*rows)/time.Since(begun).Seconds())
	}
	for b.Loop() {
		truncate(b, people[0].conn)
		measure("copy", (*person).copy)
		truncate(b, people[0].conn)
		measure("new", func(p *person) error { return p.write(s, p.batches) })
		measure("same", func(p *person) error { return p.write(s, p.batches) })
		measure("changed", func(p *person) error { return p.write(s, p.changed) })
	}
	b.ReportMetric(0, "ns/op")
	copied := median(rates["copy"])
	b.ReportMetric(copied, "copy-rows/s")
	for _, what := range []string{"new", "same", "changed"} {
		b.ReportMetric(median(rates[what]), what+"-rows/s")
		b.ReportMetric(median(rates[what])/copied, what+"/copy")
	}
}

// person is a user with samples to be written, and the same as COPY takes them.
type person struct {
	ctx              context.Context
	user             uuid.UUID
	conn             *pgx.Conn
	batches, changed [][]health.Sample
	copies           []encodedRows
}

// encodedRows are rows of one table in the form of a binary COPY.
type encodedRows struct {
	statement string
	rows      []byte
}

func newPerson(b testing.TB, s *postgres.Store, url string, rows, size int) *person {
	b.Helper()
	p := &person{ctx: b.Context(), user: uuid.New()}
	if err := s.CreateUser(b.Context(), account.User{ID: p.user, Email: p.user.String(), CreatedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	p.conn = conn
	random := rand.New(rand.NewPCG(1, 2))
	metrics := []string{"active_energy", "heart_rate", "step_count", "weight_body_mass"}
	for _, metric := range metrics {
		all := make([]health.Sample, rows/len(metrics))
		for i := range all {
			all[i] = benchmarkSample(metric, i, random)
		}
		for batch := range slices.Chunk(all, max(1, size/max(1, size*len(metrics)/rows))) {
			p.batches = append(p.batches, batch)
		}
	}
	p.batches = regroup(p.batches, size)
	for _, batch := range p.batches {
		changed := slices.Clone(batch)
		for i := 0; i < len(changed); i += 10 {
			changed[i].Value++
		}
		p.changed = append(p.changed, changed)
	}
	if err := p.write(s, p.batches); err != nil {
		b.Fatal(err)
	}
	p.encode(b)
	return p
}

// regroup joins batches until they have the given size.
func regroup(batches [][]health.Sample, size int) (whole [][]health.Sample) {
	for batch := range slices.Chunk(slices.Concat(batches...), size) {
		whole = append(whole, batch)
	}
	return whole
}

func benchmarkSample(metric string, i int, random *rand.Rand) health.Sample {
	sample := health.NewSample()
	sample.Metric, sample.Unit, sample.Source, sample.Grain = metric, "count", "Ada’s Watch|Ada’s iPhone", health.GrainMinute
	sample.Start = health.InstantOf(time.Date(2026, 3, 1, 0, i, 0, 0, time.UTC))
	sample.End, sample.Offset, sample.Order = sample.Start, 3600, sample.Start+health.Day
	sample.AsOf = sample.Order
	sample.Value = random.Float64() * 100
	if metric == "heart_rate" {
		sample.Min, sample.Max = sample.Value-1, sample.Value+1
	}
	return sample
}

func (p *person) write(s *postgres.Store, batches [][]health.Sample) error {
	for _, batch := range batches {
		if _, err := s.WriteSamples(p.ctx, store.Body{User: p.user}, batch); err != nil {
			return err
		}
	}
	return nil
}

// encode reads the rows of each batch back in the form that COPY takes.
func (p *person) encode(b testing.TB) {
	b.Helper()
	for _, batch := range p.batches {
		for metric, table := range map[string]string{
			"active_energy": "activity_metrics", "heart_rate": "heart_rate_metrics", "step_count": "activity_metrics",
			"weight_body_mass": "quantity_metrics",
		} {
			of := slices.DeleteFunc(slices.Clone(batch), func(s health.Sample) bool { return s.Metric != metric })
			if len(of) == 0 {
				continue
			}
			var rows bytes.Buffer
			_, err := p.conn.PgConn().CopyTo(p.ctx, &rows, fmt.Sprintf(`COPY (
				SELECT t.* FROM %s t JOIN metric_names m ON m.id = t.metric_id WHERE user_id = '%s' AND m.name = '%s'
					AND recorded_at BETWEEN '%s' AND '%s' ORDER BY recorded_at) TO STDOUT (FORMAT binary)`,
				table, p.user, metric, of[0].Start, of[len(of)-1].Start))
			if err != nil {
				b.Fatal(err)
			}
			p.copies = append(p.copies, encodedRows{`COPY ` + table + ` FROM STDIN (FORMAT binary)`, rows.Bytes()})
		}
	}
}

// copy writes the rows of each batch in one transaction.
func (p *person) copy() error {
	for _, encoded := range p.copies {
		if _, err := p.conn.PgConn().CopyFrom(p.ctx, bytes.NewReader(encoded.rows), encoded.statement); err != nil {
			return err
		}
	}
	return nil
}

func truncate(b *testing.B, conn *pgx.Conn) {
	b.Helper()
	tables := []string{"activity_metrics", "heart_rate_metrics", "quantity_metrics", "metric_totals"}
	if _, err := conn.Exec(b.Context(), `TRUNCATE `+strings.Join(tables, ", ")); err != nil {
		b.Fatal(err)
	}
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
