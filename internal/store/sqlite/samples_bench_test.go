package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// BenchmarkWriteSamples compares what the store makes of samples with the plainest way to put the same rows into the
// same table: a prepared INSERT of 100 rows through database/sql, in transactions of the same size. The ratios are of
// rows per second, in one run on one machine: new/bare for samples that are all new, unchanged/bare for the same ones
// again, changed/bare where a tenth has another value.
func BenchmarkWriteSamples(b *testing.B) {
	batches := benchmarkBatches()
	rows := 0
	for _, batch := range batches {
		rows += len(batch)
	}
	spent := map[string]time.Duration{}
	for b.Loop() {
		spent["bare"] += insertBarely(b, batches)

		s, user := benchmarkStore(b)
		spent["new"] += writeAll(b, s, user, batches, health.Inserted)
		spent["unchanged"] += writeAll(b, s, user, batches, health.Unchanged)
		for _, batch := range batches {
			for i := 0; i < len(batch); i += 10 {
				batch[i].Value++
			}
		}
		spent["changed"] += writeAll(b, s, user, batches, health.Updated)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	perSecond := func(what string) float64 { return float64(rows) * float64(b.N) / spent[what].Seconds() }
	for _, what := range []string{"bare", "new", "unchanged", "changed"} {
		b.ReportMetric(perSecond(what), what+"_rows/s")
		if what != "bare" {
			b.ReportMetric(perSecond(what)/perSecond("bare"), what+"/bare")
		}
	}
}

// benchmarkBatches returns ten metrics of a week of minutes, 10,000 samples at a time.
func benchmarkBatches() (batches [][]health.Sample) {
	start := health.InstantOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for metric := range 10 {
		batch := make([]health.Sample, 10_000)
		for i := range batch {
			s := health.NewSample()
			s.Metric, s.Unit, s.Source = fmt.Sprint("metric ", metric), "count", "Watch|iPhone"
			s.Start = start + health.Instant(i)*60*health.Second
			s.End, s.Grain, s.Offset, s.Order = s.Start, health.GrainMinute, 3600, start+30*health.Day
			s.Value = float64(i%1000) * 1.1
			batch[i] = s
		}
		batches = append(batches, batch)
	}
	return batches
}

func benchmarkStore(b *testing.B) (*Store, uuid.UUID) {
	b.Helper()
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(b.TempDir(), "bench.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	user := uuid.New()
	if err := s.CreateUser(ctx, account.User{ID: user, Email: "ada@example.org", CreatedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	return s, user
}

func writeAll(b *testing.B, s *Store, user uuid.UUID, batches [][]health.Sample, first health.Outcome) time.Duration {
	b.Helper()
	begin := time.Now()
	for _, batch := range batches {
		written, err := s.WriteSamples(context.Background(), store.Body{User: user}, batch)
		if err != nil || written.Outcomes[0] != first {
			b.Fatalf("the first sample is %v, error %v", written.Outcomes[0], err)
		}
	}
	return time.Since(begin)
}

func insertBarely(b *testing.B, batches [][]health.Sample) time.Duration {
	b.Helper()
	ctx := context.Background()
	s, _ := benchmarkStore(b)
	defer func() { _ = s.Close() }()
	insert, err := s.writer.PrepareContext(ctx, quantities.insert.allColumns[0])
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = insert.Close() }()
	begin := time.Now()
	args := make([]any, 0, 2000)
	for metric, batch := range batches {
		tx, err := s.writer.BeginTx(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		statement := tx.StmtContext(ctx, insert)
		for from := 0; from < len(batch); from += 100 {
			args = args[:0]
			for i := from; i < from+100; i++ {
				sample := &batch[i]
				args = append(args, int64(1), int64(metric), int64(sample.Start), int64(sample.Grain), int64(0), int64(0), int64(0),
					sample.Value, int64(1), int64(0), int64(sample.Offset), int64(sample.Order), int64(0), nil, nil)
			}
			if _, err := statement.ExecContext(ctx, args...); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begin)
}

// BenchmarkReadSamples compares reading a metric through the store with scanning the same columns of the same rows
// through database/sql.
func BenchmarkReadSamples(b *testing.B) {
	s, user := benchmarkStore(b)
	defer func() { _ = s.Close() }()
	batches := benchmarkBatches()
	writeAll(b, s, user, batches, health.Inserted)
	rows := len(batches[5])
	var bare, read time.Duration
	for b.Loop() {
		bare += scanBarely(b, s, rows)
		begin, count := time.Now(), 0
		for _, err := range s.Samples(context.Background(), user, store.SampleQuery{Metric: batches[5][0].Metric}) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
		read += time.Since(begin)
		if count != rows {
			b.Fatalf("%d samples, want %d", count, rows)
		}
	}
	total := float64(rows) * float64(b.N)
	b.ReportMetric(total/bare.Seconds(), "bare_rows/s")
	b.ReportMetric(total/read.Seconds(), "read_rows/s")
	b.ReportMetric(bare.Seconds()/read.Seconds(), "read/bare")
}

func scanBarely(b *testing.B, s *Store, want int) time.Duration {
	b.Helper()
	begin := time.Now()
	rows, err := s.reader.Query(quantities.read+" ORDER BY key_time", 1, 6)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var numbers [10]sql.NullInt64
	var value sql.NullFloat64
	var attributes, others sql.NullString
	count := 0
	for rows.Next() {
		n := &numbers
		err := rows.Scan(&n[0], &n[1], &n[2], &n[3], &n[4], &value, &n[5], &n[6], &n[7], &n[8], &attributes, &others)
		if err != nil {
			b.Fatal(err)
		}
		count++
	}
	if count != want {
		b.Fatalf("%d rows, want %d", count, want)
	}
	return time.Since(begin)
}

// BenchmarkLatest reads the latest sample of ten metrics with 10,000 samples each.
func BenchmarkLatest(b *testing.B) {
	s, user := benchmarkStore(b)
	defer func() { _ = s.Close() }()
	batches := benchmarkBatches()
	writeAll(b, s, user, batches, health.Inserted)
	for b.Loop() {
		latest, err := s.Latest(context.Background(), user)
		if err != nil || len(latest) != len(batches) {
			b.Fatalf("%d samples, error %v", len(latest), err)
		}
	}
}
