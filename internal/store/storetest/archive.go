package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// newIngestion returns an ingestion that was received now; the store counts the first attempt.
func newIngestion(t tester, user uuid.UUID, received time.Time, body string) health.Ingestion {
	t.Helper()
	return health.Ingestion{
		ID: newID(t), UserID: user, KeyID: "k1", ReceivedAt: received, Order: health.InstantOf(received),
		Headers: map[string]string{"content-type": "application/json", "automation-name": "täglich"},
		Size:    int64(len(body) * 3), WireSize: int64(len(body) * 2), StoredSize: int64(len(body)),
		SHA256: sha256.Sum256([]byte(body)), Status: health.StatusAccepted, Attempts: 1,
	}
}

const worker = "worker 1"

func put(t *testing.T, s store.Store, user uuid.UUID, received time.Time, body string) health.Ingestion {
	t.Helper()
	ingestion := newIngestion(t, user, received, body)
	ok(t, "put", s.Put(t.Context(), ingestion, bytes.NewReader([]byte(body)), worker, received.Add(time.Minute)))
	return ingestion
}

func body(t *testing.T, s store.Store, user, id uuid.UUID) []byte {
	t.Helper()
	reader, err := s.Body(t.Context(), user, id)
	ok(t, "body", err)
	data, err := io.ReadAll(reader)
	ok(t, "read body", err)
	ok(t, "close body", reader.Close())
	return data
}

// report is an account with something in every part.
func report() health.Report {
	var r health.Report
	for range 3 {
		r.Count(health.Metrics, "HKQuantityTypeIdentifierStepCount", health.Inserted)
	}
	r.Reject(health.Workouts, "Workout", &health.Rejection{
		Position: health.Position{Type: "workout", Entry: 1, Point: -1}, Code: health.ValidationError,
		Message: "The start is missing.", Suggestion: "Send it.", Details: map[string]any{"field": "start", "index": 2.0},
	})
	r.Warn(health.Warning{
		Position: health.Position{Type: "metric", Entry: 3, Metric: "heart_rate", Point: 17},
		Code:     health.SuspiciousValue, Message: "Rather high.",
	})
	r.WarningCount = 2000
	return r
}

var archiveTests = []test{
	{"archive/an ingestion and its body come back as they were stored", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := put(t, s, user, noon, `{"data":{}}`)
		got, err := s.Ingestion(t.Context(), user, want.ID)
		ok(t, "ingestion", err)
		equal(t, "ingestion", got, want)
		if got := body(t, s, user, want.ID); string(got) != `{"data":{}}` {
			t.Errorf("body is %q", got)
		}
	}},
	{"archive/bodies of any length", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		random := rand.NewChaCha8([32]byte{1})
		for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 12345} {
			data := make([]byte, size)
			_, _ = random.Read(data)
			ingestion := newIngestion(t, user, noon, "")
			// One byte short of what was asked for, as a network does.
			ok(t, "put", s.Put(t.Context(), ingestion, iotest.HalfReader(bytes.NewReader(data)), worker, noon))
			if got := body(t, s, user, ingestion.ID); !bytes.Equal(got, data) {
				t.Errorf("a body of %d bytes came back as another one of %d", size, len(got))
			}
			got, err := s.Ingestion(t.Context(), user, ingestion.ID)
			ok(t, "ingestion", err)
			equal(t, "stored size", got.StoredSize, int64(size))
		}
	}},
	{"archive/a body that cannot be read leaves nothing behind", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		ingestion := newIngestion(t, user, noon, "")
		broken := errors.New("the spool is gone")
		source := io.MultiReader(bytes.NewReader(make([]byte, 3<<20)), iotest.ErrReader(broken))
		if err := s.Put(t.Context(), ingestion, source, worker, noon); !errors.Is(err, broken) {
			t.Errorf("put: %v, want the reader's error", err)
		}
		_, err := s.Ingestion(t.Context(), user, ingestion.ID)
		fails(t, "ingestion", err, problem.NotFound)
		_, err = s.Body(t.Context(), user, ingestion.ID)
		fails(t, "body", err, problem.NotFound)
	}},
	{"archive/nothing of another user is found", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		ingestion := put(t, s, ada, noon, "a")
		_, err := s.Ingestion(t.Context(), bob, ingestion.ID)
		fails(t, "ingestion", err, problem.NotFound)
		_, err = s.Body(t.Context(), bob, ingestion.ID)
		fails(t, "body", err, problem.NotFound)
		_, err = s.Reopen(t.Context(), bob, ingestion.ID, worker, noon)
		fails(t, "reopen", err, problem.NotFound)
		listed, err := s.Ingestions(t.Context(), bob, store.IngestionQuery{Limit: 10})
		ok(t, "list", err)
		equal(t, "list", listed, []health.Ingestion{})
		_, err = s.Ingestion(t.Context(), newID(t), ingestion.ID)
		fails(t, "somebody unknown", err, problem.NotFound)
	}},
	{"archive/are listed newest first, page by page, without lists", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var want []health.Ingestion
		for i := range 5 {
			ingestion := put(t, s, user, noon.Add(time.Duration(i)*time.Second), "x")
			if i%2 == 1 {
				ingestion.Status, ingestion.FinishedAt, ingestion.Report = health.StatusPartial, noon, report()
				ok(t, "finish", s.Finish(t.Context(), ingestion, worker))
				ingestion.Report.Errors, ingestion.Report.Warnings, ingestion.Report.Types = nil, nil, nil
			}
			want = append([]health.Ingestion{ingestion}, want...)
		}
		var got []health.Ingestion
		query := store.IngestionQuery{Limit: 2}
		for {
			page, err := s.Ingestions(t.Context(), user, query)
			ok(t, "list", err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			query.Before = page[len(page)-1].ID
		}
		equal(t, "all pages", got, want)

		finished, err := s.Ingestions(t.Context(), user, store.IngestionQuery{Status: health.StatusPartial, Limit: 10})
		ok(t, "list", err)
		equal(t, "those of one status", finished, []health.Ingestion{want[1], want[3]})
	}},
	{"archive/are listed oldest first, of a time and of a format", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var want []health.Ingestion
		for i := range 5 {
			ingestion := put(t, s, user, noon.Add(time.Duration(i)*time.Second), "x")
			ingestion.Status, ingestion.FinishedAt, ingestion.Format = health.StatusProcessed, noon, []string{"hae", "typed"}[i%2]
			ok(t, "finish", s.Finish(t.Context(), ingestion, worker))
			want = append(want, ingestion)
		}
		for name, c := range map[string]struct {
			query store.IngestionQuery
			want  []health.Ingestion
		}{
			"all":            {store.IngestionQuery{}, want},
			"after one":      {store.IngestionQuery{After: want[1].ID}, want[2:]},
			"since":          {store.IngestionQuery{Since: noon.Add(3 * time.Second)}, want[3:]},
			"until":          {store.IngestionQuery{Until: noon.Add(3 * time.Second)}, want[:3]},
			"of one format":  {store.IngestionQuery{Format: "typed"}, []health.Ingestion{want[1], want[3]}},
			"of none":        {store.IngestionQuery{Format: "apple"}, nil},
			"since and page": {store.IngestionQuery{Since: noon.Add(time.Second), After: want[2].ID, Format: "hae"}, want[4:]},
		} {
			c.query.OldestFirst, c.query.Limit = true, 10
			got, err := s.Ingestions(t.Context(), user, c.query)
			ok(t, "list", err)
			equal(t, name, got, c.want)
		}
	}},
	{"archive/active users are counted once", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		createUser(t, s)
		put(t, s, ada, noon, "a")
		put(t, s, ada, noon.Add(time.Hour), "b")
		put(t, s, bob, noon.Add(-time.Hour), "c")
		for since, want := range map[time.Duration]int{-time.Hour: 2, -time.Minute: 1, 2 * time.Hour: 0} {
			got, err := s.ActiveUsers(t.Context(), noon.Add(since))
			ok(t, "active users", err)
			equal(t, "active since "+since.String(), got, want)
		}
	}},
	{"archive/a cancelled context puts nothing", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ingestion := newIngestion(t, user, noon, "")
		if err := s.Put(ctx, ingestion, bytes.NewReader(nil), worker, noon); !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v, want the context's error", err)
		}
		_, err := s.Ingestion(t.Context(), user, ingestion.ID)
		fails(t, "ingestion", err, problem.NotFound)
	}},
}
