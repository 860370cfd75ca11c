package postgres_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/testdb"
)

// Two servers that take in the same body at once store each element once, and their accounts add up.
func TestTwoServersWriteTheSame(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	const servers, batches, size = 3, 5, 800
	user := createUser(t, openAt(t, url))
	var inserted, unchanged atomic.Int64
	var group errgroup.Group
	for range servers {
		s := openAt(t, url)
		group.Go(func() error {
			for i := range batches {
				written, err := s.WriteSamples(t.Context(), store.Body{User: user}, readings("step_count", march.AddDate(0, 0, i), size))
				if err != nil {
					return err
				}
				inserted.Add(int64(count(written, health.Inserted)))
				unchanged.Add(int64(count(written, health.Unchanged)))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if inserted.Load() != batches*size || unchanged.Load() != (servers-1)*batches*size {
		t.Errorf("%d inserted and %d unchanged", inserted.Load(), unchanged.Load())
	}
	if rows := query[int64](t, url, `SELECT count(*) FROM activity_metrics`); rows[0] != batches*size {
		t.Errorf("%d rows", rows[0])
	}
	if total := query[int64](t, url, `SELECT sum(samples)::bigint FROM metric_totals`); total[0] != batches*size {
		t.Errorf("a total of %d", total[0])
	}
}

// Connections that are cut again and again, whatever they are in the middle of, cost time and no data.
func TestConnectionsAreCut(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	ctx, stop := context.WithCancel(t.Context())
	var cutter sync.WaitGroup
	defer cutter.Wait()
	defer stop()
	conn := connect(t, url)
	cuts := 0
	// The more often something was tried, the longer it is left alone: a machine that is too busy to do it in 30 ms gets through
	// as well.
	var tries atomic.Int64
	cutter.Go(func() {
		for ctx.Err() == nil {
			n, err := cut(ctx, conn)
			if err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			cuts += n
			select { // this is the fault's own rhythm, not a wait for something
			case <-ctx.Done():
			case <-time.After(30 * time.Millisecond * time.Duration(1+tries.Load())):
			}
		}
	})
	const batches, size = 40, 500
	for i := range batches {
		batch := readings("step_count", march.AddDate(0, 0, i), size)
		for {
			_, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
			if err == nil {
				tries.Store(tries.Load() / 2)
				break
			}
			tries.Add(1)
			if !errors.Is(err, problem.Unavailable) {
				t.Fatalf("batch %d: %v", i, err)
			}
		}
		in := health.Ingestion{ID: newID(t), UserID: user, ReceivedAt: march, Status: health.StatusAccepted}
		for {
			err := s.Put(t.Context(), in, strings.NewReader("body"), "worker", march)
			if err == nil || errors.Is(err, problem.Conflict) { // Conflict: it had been stored, only the answer was lost
				tries.Store(tries.Load() / 2)
				break
			}
			tries.Add(1)
			if !errors.Is(err, problem.Unavailable) {
				t.Fatalf("put %d: %v", i, err)
			}
		}
		if body, err := readBody(t, s, in); err != nil || body != "body" {
			t.Fatalf("put %d: body %q, error %v", i, body, err)
		}
	}
	stop()
	cutter.Wait()
	if stored := len(samples(t, s, user, "step_count")); stored != batches*size {
		t.Errorf("%d samples are stored, want %d", stored, batches*size)
	}
	if cuts == 0 {
		t.Error("no connection was cut")
	}
	t.Logf("%d connections were cut", cuts)
}

// cut ends all other connections to the database.
func cut(ctx context.Context, conn *pgx.Conn) (n int, err error) {
	err = conn.QueryRow(ctx, `
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&n)
	return n, err
}

func readBody(t *testing.T, s *postgres.Store, in health.Ingestion) (text string, err error) {
	t.Helper()
	for {
		var body io.ReadCloser
		if body, err = s.Body(t.Context(), in.UserID, in.ID); err == nil {
			var data []byte
			if data, err = io.ReadAll(body); err == nil {
				return string(data), body.Close()
			}
		}
		if !errors.Is(err, problem.Unavailable) {
			return "", err
		}
	}
}

// A user who was erased while a body of theirs was worked on must not come back.
func TestNothingIsWrittenForAnUnknownUser(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	write(t, s, user, reading("step_count", march, 1))
	exec(t, url, `DELETE FROM users`)
	night := health.NewNight()
	for what, do := range map[string]func() error{
		"samples": func() error {
			_, err := s.WriteSamples(t.Context(), store.Body{User: user}, readings("step_count", march, 3))
			return err
		},
		"nights": func() error {
			_, err := s.WriteNights(t.Context(), store.Body{User: user}, []health.Night{night})
			return err
		},
		"a body": func() error {
			in := health.Ingestion{ID: newID(t), UserID: user, ReceivedAt: march, Status: health.StatusAccepted}
			return s.Put(t.Context(), in, strings.NewReader("body"), "worker", march)
		},
	} {
		if err := do(); !errors.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A call that takes too long is ended in the server too, so that it does not go on holding its locks.
func TestSlowCallsAreEnded(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	patient := openAt(t, url)
	user := createUser(t, patient)
	write(t, patient, user, reading("step_count", march, 1))
	s, err := postgres.Open(t.Context(), url, nil, postgres.Options{MaxConns: 4, MinConns: 1, Timeout: time.Second, SkipMigration: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), `BEGIN; LOCK TABLE activity_metrics IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, readings("step_count", march, 3)); !errors.Is(err, problem.Unavailable) {
		t.Errorf("a write that waits: %v", err)
	}
	for _, err := range s.Samples(t.Context(), user, store.SampleQuery{Metric: "step_count"}) {
		if !errors.Is(err, problem.Unavailable) {
			t.Errorf("a read that waits: %v", err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; { // the server hears of it in its own time
		waiting := query[int64](t, url, `
			SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		if waiting[0] == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d calls still wait in the server", waiting[0])
		}
	}
	if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if written := write(t, patient, user, readings("step_count", march, 3)...); count(written, health.Inserted) != 2 {
		t.Errorf("afterwards: %v", written)
	}
}

// A store that is closed says so, and one that is being closed finishes what is under way.
func TestClose(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s, err := postgres.Open(t.Context(), url, nil, postgres.Options{MaxConns: 4, MinConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	user := createUser(t, s)
	begun := make(chan struct{})
	body := io.MultiReader(strings.NewReader("bo"), readerFunc(func(p []byte) (int, error) {
		close(begun)
		return copy(p, "dy"), io.EOF
	}))
	in := health.Ingestion{ID: newID(t), UserID: user, ReceivedAt: march, Status: health.StatusAccepted}
	var group errgroup.Group
	group.Go(func() error { return s.Put(t.Context(), in, body, "worker", march) })
	<-begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Errorf("what was under way: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, problem.Unavailable) {
		t.Errorf("ping: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Samples that were removed by hand are not counted any more after rebuilding, one of a metric or all.
func TestRebuildCountsAgain(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	write(t, s, user, readings("step_count", march, 10)...)
	for _, c := range []struct {
		remove string
		want   int64
	}{
		{`DELETE FROM activity_metrics WHERE recorded_at = (SELECT min(recorded_at) FROM activity_metrics)`, 9},
		{`DELETE FROM activity_metrics`, 0},
	} {
		exec(t, url, c.remove)
		if _, err := s.Rebuild(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		counted := query[int64](t, url, `SELECT coalesce(sum(samples), 0)::bigint FROM metric_totals`)[0]
		days := query[int64](t, url, `SELECT count(*) FROM daily_summaries`)[0]
		if counted != c.want || (days == 0) != (c.want == 0) {
			t.Errorf("after %s: %d samples counted, %d days", c.remove, counted, days)
		}
	}
}
