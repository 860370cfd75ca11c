package ingest

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/storetest"
	"github.com/health-export/health-export/internal/testdb"
)

// A body that is being processed when its user's data is erased ends there, and nothing of it is left.
func TestErasureEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		for name, erase := range map[string]func(ctx context.Context, b *harness) error{
			"data": func(ctx context.Context, b *harness) error { return s.EraseData(ctx, b.user.ID, b.now()) },
			"user": func(ctx context.Context, b *harness) error {
				_, err := s.DeleteUser(ctx, b.user.ID, b.now())
				return err
			},
		} {
			slow := &gate{open: make(chan struct{})}
			b := newHarness(t, s, func(s Store) Store {
				slow.Store = s
				return slow
			}, Limits{})
			body := metric("step_count", "count", point1("2026-03-10 00:00:00 +0100", 1, "Watch"))
			if _, err := b.Receive(t.Context(), Request{User: b.user, Body: strings.NewReader(body), Async: true}); err != nil {
				t.Fatal(err)
			}
			if err := erase(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			close(slow.open)
			if err := b.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Log(name)
			storetest.HoldsNothing(t, s, b.user.ID)
			if count, _, err := s.Backlog(t.Context()); err != nil || count != 0 {
				t.Errorf("%s: %d ingestions are still to be done (%v)", name, count, err)
			}
		}
	})
}

// The entry of the audit log is there when the ingestion is finished, not before, and knows who sent the body.
func TestIngestionsAreOnRecordWithTheirCounts(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		ctx := access.WithRequestInfo(access.WithActor(t.Context(), access.Actor{User: b.user, KeyID: "k"}), access.RequestInfo{RequestID: "r"})
		body := metric("step_count", "count", point1("2026-03-10 00:00:00 +0100", 1, "Watch"))
		sent, err := b.Receive(ctx, Request{User: b.user, KeyID: "k", Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Replay(ctx, b.user, sent.ID); err != nil {
			t.Fatal(err)
		}
		// What was taken up by a job knows no more than the archive does.
		crashed, _, err := b.archive(ctx, Request{User: b.user, KeyID: "k2", Body: strings.NewReader(body), Headers: map[string]string{"user-agent": "Phone"}})
		if err != nil {
			t.Fatal(err)
		}
		b.at("2026-06-01T12:05:00Z")
		if err := b.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := s.AuditEntries(t.Context(), store.AuditQuery{User: &b.user.ID, Limit: 10})
		if err != nil || len(found) != 3 {
			t.Fatalf("on record is %+v (%v)", found, err)
		}
		byAction := map[account.Action]account.AuditEntry{}
		for _, e := range found {
			if e.Resource == crashed.ID.String() {
				e.Action = "resumed"
			}
			byAction[e.Action] = e
		}
		for action, want := range map[account.Action]struct {
			resource         uuid.UUID
			key, request     string
			inserted, number float64
		}{
			account.ActionIngest: {sent.ID, "k", "r", 1, 1}, account.ActionReplay: {sent.ID, "k", "r", 0, 2}, "resumed": {crashed.ID, "k2", "", 0, 2},
		} {
			e := byAction[action]
			if e.Resource != want.resource.String() || e.KeyID != want.key || e.RequestID != want.request ||
				e.Metadata["inserted"] != want.inserted || e.Metadata["attempt"] != want.number {
				t.Errorf("%s is on record as %+v", action, e)
			}
		}
	})
}
