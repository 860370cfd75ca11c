package postgres_test

import (
	"context"
	"slices"
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

// open returns a store on a fresh database.
func open(t testing.TB) *postgres.Store {
	t.Helper()
	return openAt(t, testdb.PostgresURL(t))
}

// openAt returns a store on a database that others may use too.
func openAt(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, nil, postgres.Options{MaxConns: 8, MinConns: 1})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // the tests run through a pooler too
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// query returns the only column of all rows.
func query[T any](t testing.TB, url, sql string, args ...any) []T {
	t.Helper()
	rows, err := connect(t, url).Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}

func newID(t testing.TB) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func createUser(t testing.TB, s *postgres.Store) uuid.UUID {
	t.Helper()
	id := newID(t)
	if err := s.CreateUser(t.Context(), account.User{ID: id, Email: id.String() + "@example.org", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return id
}

// reading returns a raw sample of one value.
func reading(metric string, at time.Time, value float64) health.Sample {
	s := health.NewSample()
	s.Metric, s.Unit, s.Source, s.Grain, s.Value = metric, "count", "Watch", health.GrainRaw, value
	s.Start = health.InstantOf(at)
	s.End, s.Order, s.AsOf = s.Start, s.Start, s.Start
	return s
}

// readings returns one sample a minute.
func readings(metric string, from time.Time, count int) []health.Sample {
	batch := make([]health.Sample, count)
	for i := range batch {
		batch[i] = reading(metric, from.Add(time.Duration(i)*time.Minute), float64(i))
	}
	return batch
}

// distinct orders a batch as WriteSamples wants it and leaves out what is there twice.
func distinct(batch []health.Sample) []health.Sample {
	slices.SortFunc(batch, func(a, b health.Sample) int { return int(a.Start/1000 - b.Start/1000) })
	return slices.CompactFunc(batch, func(a, b health.Sample) bool { return a.Key() == b.Key() })
}

func write(t testing.TB, s *postgres.Store, user uuid.UUID, batch ...health.Sample) store.Written {
	t.Helper()
	written, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// count returns how many elements had an outcome.
func count(written store.Written, outcome health.Outcome) (n int) {
	for _, o := range written.Outcomes {
		if o == outcome {
			n++
		}
	}
	return n
}

func samples(t testing.TB, s *postgres.Store, user uuid.UUID, metric string) (all []health.Sample) {
	t.Helper()
	for sample, err := range s.Samples(t.Context(), user, store.SampleQuery{Metric: metric}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sample)
	}
	return all
}

// march is the time around which the tests play.
var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
