package storetest

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// claims checks which ingestion a worker gets at a time, and returns it.
func claims(t *testing.T, s store.Store, now time.Time, want uuid.UUID) health.Ingestion {
	t.Helper()
	got, err := s.ClaimNext(t.Context(), worker, "", now, now.Add(time.Minute))
	ok(t, "claim", err)
	if got.ID != want {
		t.Fatalf("claimed %s, want %s", got.ID, want)
	}
	return got
}

func noClaim(t *testing.T, s store.Store, now time.Time) {
	t.Helper()
	_, err := s.ClaimNext(t.Context(), "worker 2", "", now, now.Add(time.Minute))
	fails(t, "claim", err, problem.NotFound)
}

func finish(t *testing.T, s store.Store, ingestion health.Ingestion) {
	t.Helper()
	ingestion.Status, ingestion.FinishedAt = health.StatusProcessed, noon
	ok(t, "finish", s.Finish(t.Context(), ingestion, worker))
}

// later is when all claims of put have expired.
var later = noon.Add(time.Hour)

var inboxTests = []test{
	{"inbox/what became of an ingestion is recorded", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := put(t, s, user, noon, "x")
		want.Format, want.Status, want.FinishedAt, want.Size = "hae", health.StatusPartial, noon.Add(time.Second), 99
		want.SHA256 = sha256.Sum256([]byte("the whole"))
		want.Failure, want.FailureCode, want.Duration = "It broke off.", "truncated", 1234567*time.Nanosecond
		want.Report = report()
		ok(t, "finish", s.Finish(t.Context(), want, worker))
		got, err := s.Ingestion(t.Context(), user, want.ID)
		ok(t, "ingestion", err)
		equal(t, "ingestion", got, want)
		noClaim(t, s, later)
	}},
	{"inbox/a body in a spool is claimed by the owner of the spool, and makes no other wait", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		waiting := newIngestion(t, user, noon, "")
		waiting.ImportDir = "disk 1"
		ok(t, "put", s.Put(t.Context(), waiting, strings.NewReader(""), worker, noon.Add(time.Minute)))
		if got := body(t, s, user, waiting.ID); len(got) > 0 {
			t.Errorf("the body is %q", got)
		}
		younger := put(t, s, user, noon.Add(time.Second), "2")
		claims(t, s, later, younger.ID)
		noClaim(t, s, later)
		for spool, want := range map[string]problem.Kind{"disk 2": problem.NotFound, "disk 1": ""} {
			got, err := s.ClaimNext(t.Context(), worker, spool, later, later.Add(time.Minute))
			if want != "" {
				fails(t, "claim", err, want)
				continue
			}
			ok(t, "claim", err)
			waiting.Attempts = 2
			equal(t, "claimed", got, waiting)
		}
		finish(t, s, waiting)
		got, err := s.Ingestion(t.Context(), user, waiting.ID)
		ok(t, "ingestion", err)
		if got.ImportDir != "" {
			t.Errorf("when it is finished it is still in the spool %q", got.ImportDir)
		}
	}},
	{"inbox/the oldest first, each once", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		first := put(t, s, ada, noon, "1")
		second := put(t, s, bob, noon, "2")
		noClaim(t, s, noon.Add(time.Second)) // both are claimed by those who put them
		got := claims(t, s, later, first.ID)
		first.Attempts = 2
		equal(t, "claimed", got, first)
		claims(t, s, later, second.ID)
		noClaim(t, s, later)
	}},
	{"inbox/one user's are taken in their order", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		first := put(t, s, ada, noon, "1")
		second := put(t, s, ada, noon, "2")
		other := put(t, s, bob, noon, "3")
		claims(t, s, later, first.ID)
		claims(t, s, later, other.ID) // not the second: the first is being worked on
		noClaim(t, s, later)
		finish(t, s, first)
		claims(t, s, later, second.ID)
	}},
	{"inbox/a claim expires unless it is renewed", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		ingestion := put(t, s, user, noon, "x")
		ok(t, "renew", s.Renew(t.Context(), ingestion.ID, worker, later))
		noClaim(t, s, later.Add(-time.Second))
		got, err := s.ClaimNext(t.Context(), "worker 2", "", later.Add(time.Second), later.Add(time.Minute))
		ok(t, "claim after it expired", err)
		equal(t, "attempts", got.Attempts, 2)

		fails(t, "renew a lost claim", s.Renew(t.Context(), ingestion.ID, worker, later), problem.Conflict)
		fails(t, "release a lost claim", s.Release(t.Context(), ingestion.ID, worker, later), problem.Conflict)
		ingestion.Status = health.StatusFailed
		fails(t, "finish with a lost claim", s.Finish(t.Context(), ingestion, worker), problem.Conflict)
		got, err = s.Ingestion(t.Context(), user, ingestion.ID)
		ok(t, "ingestion", err)
		equal(t, "status", got.Status, health.StatusAccepted)
	}},
	{"inbox/a released ingestion waits, and the user's next ones with it", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := put(t, s, user, noon, "1")
		second := put(t, s, user, noon, "2")
		ok(t, "release", s.Release(t.Context(), second.ID, worker, noon))
		ok(t, "release", s.Release(t.Context(), first.ID, worker, later))
		noClaim(t, s, later.Add(-time.Second))
		claims(t, s, later.Add(time.Second), first.ID)
		noClaim(t, s, later.Add(time.Second))
		finish(t, s, first)
		claims(t, s, later.Add(time.Second), second.ID)
	}},
	{"inbox/an ingestion put without an owner is claimed by nobody", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		ingestion := newIngestion(t, user, noon, "")
		ok(t, "put", s.Put(t.Context(), ingestion, strings.NewReader("x"), "", time.Time{}))
		equal(t, "attempts", claims(t, s, noon, ingestion.ID).Attempts, 1)
	}},
	{"inbox/finishing twice is a conflict", func(t *testing.T, s store.Store) {
		ingestion := put(t, s, createUser(t, s), noon, "x")
		finish(t, s, ingestion)
		fails(t, "finish again", s.Finish(t.Context(), ingestion, worker), problem.Conflict)
		fails(t, "renew", s.Renew(t.Context(), ingestion.ID, worker, later), problem.Conflict)
		fails(t, "release", s.Release(t.Context(), ingestion.ID, worker, later), problem.Conflict)
	}},
	{"inbox/a finished ingestion is reopened", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := put(t, s, user, noon, "x")
		_, err := s.Reopen(t.Context(), user, want.ID, worker, later)
		fails(t, "reopen what is unfinished", err, problem.Conflict)
		_, err = s.Reopen(t.Context(), user, newID(t), worker, later)
		fails(t, "reopen what does not exist", err, problem.NotFound)

		finished := want
		finished.Status, finished.FinishedAt, finished.Report = health.StatusPartial, noon, report()
		finished.Failure, finished.FailureCode, finished.Duration = "no", "no", time.Second
		ok(t, "finish", s.Finish(t.Context(), finished, worker))
		got, err := s.Reopen(t.Context(), user, want.ID, "worker 2", later)
		ok(t, "reopen", err)
		want.Attempts = 2
		equal(t, "reopened", got, want)
		noClaim(t, s, later.Add(-time.Second))
		fails(t, "the old owner's finish", s.Finish(t.Context(), finished, worker), problem.Conflict)
		ok(t, "the new owner's finish", s.Finish(t.Context(), finished, "worker 2"))
	}},
	{"inbox/all claims are released at once where only one server makes any", func(t *testing.T, s store.Store) {
		if !s.Capabilities().SingleServer {
			return // ReleaseAll would take work from the other servers and is never called
		}
		first := put(t, s, createUser(t, s), noon, "1")
		second := put(t, s, createUser(t, s), noon, "2")
		done := put(t, s, createUser(t, s), noon, "3")
		finish(t, s, done)
		ok(t, "release all", s.ReleaseAll(t.Context()))
		claims(t, s, noon, first.ID)
		claims(t, s, noon, second.ID)
		noClaim(t, s, noon)
	}},
	{"inbox/the backlog", func(t *testing.T, s store.Store) {
		count, oldest, err := s.Backlog(t.Context())
		ok(t, "backlog", err)
		if count != 0 || !oldest.IsZero() {
			t.Errorf("an empty store has a backlog of %d since %v", count, oldest)
		}
		first := put(t, s, createUser(t, s), noon, "1")
		put(t, s, createUser(t, s), noon.Add(time.Minute), "2")
		for i, want := range []time.Time{noon, noon.Add(time.Minute)} {
			count, oldest, err = s.Backlog(t.Context())
			ok(t, "backlog", err)
			equal(t, "unfinished", count, 2-i)
			equal(t, "oldest", oldest, want)
			if i == 0 {
				finish(t, s, first)
			}
		}
	}},
}
