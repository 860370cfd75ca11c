package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func addUser(t *testing.T, s *Store) uuid.UUID {
	t.Helper()
	id := uuid.New()
	if err := s.CreateUser(t.Context(), account.User{ID: id, Email: id.String(), CreatedAt: noon}); err != nil {
		t.Fatal(err)
	}
	return id
}

func steps(n int) []health.Sample {
	batch := make([]health.Sample, n)
	for i := range batch {
		s := health.NewSample()
		s.Metric, s.Unit, s.Source, s.Grain, s.Value = "step_count", "count", "Watch", health.GrainRaw, float64(i)
		s.Start = health.InstantOf(noon) + health.Instant(i)*health.Second
		s.End = s.Start
		batch[i] = s
	}
	return batch
}

func count(t *testing.T, s *Store, user uuid.UUID) (n int) {
	t.Helper()
	for _, err := range s.Samples(t.Context(), user, store.SampleQuery{Metric: "step_count"}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestReopenedFileHasEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	s := openTest(t, path)
	user := addUser(t, s)
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(300)); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("0123456789"), 300_000)
	ingestion := health.Ingestion{ID: uuid.New(), UserID: user, ReceivedAt: noon, Status: health.StatusAccepted}
	if err := s.Put(t.Context(), ingestion, bytes.NewReader(body), "w", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openTest(t, path)
	if n := count(t, s, user); n != 300 {
		t.Errorf("%d samples are left of 300", n)
	}
	reader, err := s.Body(t.Context(), user, ingestion.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the body came back with %d bytes, error %v", len(got), err)
	}
	written, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(300))
	if err != nil || written.Outcomes[299] != health.Unchanged {
		t.Errorf("the same samples again: %v, error %v", written.Outcomes[299], err)
	}
}

// What was acknowledged must be in the file, without the orderly end that Close is.
func TestAcknowledgedIsOnDisk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openTest(t, filepath.Join(folder, "health.db"))
	user := addUser(t, s)
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(10)); err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	for _, suffix := range []string{"", "-wal"} { // the third file is only an index of the log
		data, err := os.ReadFile(filepath.Join(folder, "health.db"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, "health.db"+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, openTest(t, filepath.Join(crashed, "health.db")), user); n != 10 {
		t.Errorf("%d samples are left of 10", n)
	}
}

func TestDurabilitySettings(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "20000"} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), `PRAGMA `+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, want %s; error %v", pragma, got, want, err)
		}
	}
	if _, err := s.reader.ExecContext(t.Context(), `DELETE FROM users`); err == nil {
		t.Error("a reader could write")
	}
}

func TestUnchangedWritesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	s := openTest(t, path)
	user := addUser(t, s)
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(1000)); err != nil {
		t.Fatal(err)
	}
	logged := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := logged()
	for range 3 {
		if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(1000)); err != nil {
			t.Fatal(err)
		}
	}
	if after := logged(); after != before {
		t.Errorf("the log grew from %d to %d bytes", before, after)
	}
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(1001)); err != nil {
		t.Fatal(err)
	}
	if logged() == before {
		t.Error("a new sample did not grow the log: the test looks in the wrong place")
	}
}

// A reader sees the state from before a write that is under way, and does not wait for it; other processes are served.
func TestReadersDoNotWaitForAWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	s, other := openTest(t, path), openTest(t, path)
	user := addUser(t, s)
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(5)); err != nil {
		t.Fatal(err)
	}
	err := s.write(t.Context(), "hold the lock", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `DELETE FROM activity_metrics`); err != nil {
			return err
		}
		for _, reader := range []*Store{s, other} {
			if n := count(t, reader, user); n != 5 {
				t.Errorf("a reader beside the writer sees %d samples", n)
			}
		}
		return errors.New("undo")
	})
	if err == nil || err.Error() != "hold the lock: undo" {
		t.Errorf("write: %v", err)
	}
	written, err := other.WriteSamples(t.Context(), store.Body{User: user}, steps(6))
	if err != nil || written.Outcomes[5] != health.Inserted || written.Outcomes[4] != health.Unchanged {
		t.Errorf("another process's write: %v, error %v", written.Outcomes, err)
	}
	if n := count(t, s, user); n != 6 {
		t.Errorf("%d samples, want 6", n)
	}
}

func TestFullDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
	user := addUser(t, s)
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA max_page_count = 200`); err != nil {
		t.Fatal(err)
	}
	ingestion := health.Ingestion{ID: uuid.New(), UserID: user, ReceivedAt: noon, Status: health.StatusAccepted}
	err := s.Put(t.Context(), ingestion, bytes.NewReader(make([]byte, 3<<20)), "w", noon)
	checkUnavailable(t, "put", err, "store_full")
	if _, err := s.Ingestion(t.Context(), user, ingestion.ID); !errors.Is(err, problem.NotFound) {
		t.Errorf("the ingestion is half there: %v", err)
	}
	_, err = s.WriteSamples(t.Context(), store.Body{User: user}, steps(100_000))
	checkUnavailable(t, "write samples", err, "store_full")
	if n := count(t, s, user); n != 0 {
		t.Errorf("%d samples of a failed batch are there", n)
	}
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(10)); err != nil {
		t.Errorf("a small batch that has room: %v", err)
	}
}

func TestReadOnlyDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
	user := addUser(t, s)
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	_, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(1))
	checkUnavailable(t, "write samples", err, "store_read_only")
}

func TestBusyDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	s, other := openTest(t, path), openTest(t, path)
	if _, err := other.writer.ExecContext(t.Context(), `PRAGMA busy_timeout = 0`); err != nil {
		t.Fatal(err)
	}
	err := s.write(t.Context(), "hold the lock", func(*sql.Tx) error {
		err := other.TouchKeys(t.Context(), map[string]time.Time{"k": noon})
		checkUnavailable(t, "write beside", err, "store_busy")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkUnavailable(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *problem.Error
	if !errors.As(err, &e) || e.Kind != problem.Unavailable || e.Code != code {
		t.Errorf("%s: %v, want unavailable with code %s", what, err, code)
	}
}

func TestUnusablePath(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), filepath.Join(file, "health.db"), nil)
	checkUnavailable(t, "a folder that is a file", err, "database_not_opened")
	if s, err := Open(t.Context(), file, nil); err == nil {
		_ = s.Close()
		t.Error("a file of another kind was taken for a database")
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	checkUnavailable(t, "ping", s.Ping(t.Context()), "store_closed")
	_, err = s.WriteSamples(t.Context(), store.Body{User: uuid.New()}, steps(1))
	checkUnavailable(t, "write", err, "store_closed")
}

// A database in memory lasts as long as its store, also when every connection that was in use broke off.
func TestMemorySurvivesCancelledCalls(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	user := addUser(t, s)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.write(ctx, "break off", func(tx *sql.Tx) error {
			cancel()
			_, err := tx.ExecContext(ctx, `DELETE FROM users`)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a write that was broken off: %v", err)
		}
	}
	if _, err := s.User(t.Context(), user); err != nil {
		t.Errorf("the user is gone: %v", err)
	}
}

// Samples that were removed by hand are not counted any more after rebuilding, one of a metric or all.
func TestRebuildCountsAgain(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
	user := addUser(t, s)
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, steps(10)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		remove string
		want   int
	}{
		{`DELETE FROM activity_metrics WHERE key_time = (SELECT min(key_time) FROM activity_metrics)`, 9},
		{`DELETE FROM activity_metrics`, 0},
	} {
		if _, err := s.writer.ExecContext(t.Context(), c.remove); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Rebuild(t.Context(), user); err != nil {
			t.Fatal(err)
		}
		var counted, days int
		if err := s.writer.QueryRowContext(t.Context(), `
			SELECT (SELECT coalesce(sum(samples), 0) FROM metric_totals), (SELECT count(*) FROM daily_summaries)`).Scan(&counted, &days); err != nil {
			t.Fatal(err)
		}
		if counted != c.want || (days == 0) != (c.want == 0) {
			t.Errorf("after %s: %d samples counted, %d days", c.remove, counted, days)
		}
	}
}
