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

// Processing ends when the data of its user is erased, and leaves nothing.
func TestErasureEndsProcessing(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		for name, erase := range map[string]func(ctx context.Context, h *harness) error{
			"data": func(ctx context.Context, h *harness) error { return s.EraseData(ctx, h.user.ID, h.now()) },
			"user": func(ctx context.Context, h *harness) error {
				_, err := s.DeleteUser(ctx, h.user.ID, h.now())
				return err
			},
		} {
			slow := &blockedStore{open: make(chan struct{})}
			h := newHarness(t, s, func(s Store) Store {
				slow.Store = s
				return slow
			}, Limits{})
			body := metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, "Watch"))
			if _, err := h.Receive(t.Context(), Request{User: h.user, Body: strings.NewReader(body), Async: true}); err != nil {
				t.Fatal(err)
			}
			if err := erase(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			close(slow.open)
			if err := h.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Log(name)
			storetest.HoldsNothing(t, s, h.user.ID)
			if count, _, err := s.Backlog(t.Context()); err != nil || count != 0 {
				t.Errorf("%s: %d ingestions are still to be done (%v)", name, count, err)
			}
		}
	})
}

// The audit entry is written when the ingestion is finished, not before, and names who sent the body.
func TestAuditEntriesHaveTheCounts(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		ctx := access.WithRequestInfo(access.WithActor(t.Context(), access.Actor{User: h.user, KeyID: "k"}), access.RequestInfo{RequestID: "r"})
		body := metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, "Watch"))
		sent, err := h.Receive(ctx, Request{User: h.user, KeyID: "k", Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Replay(ctx, h.user, sent.ID); err != nil {
			t.Fatal(err)
		}
		// An ingestion resumed by a job has only what is archived.
		crashed, _, err := h.archive(ctx, Request{User: h.user, KeyID: "k2", Body: strings.NewReader(body), Headers: map[string]string{"user-agent": "Phone"}})
		if err != nil {
			t.Fatal(err)
		}
		h.at("2026-06-01T12:05:00Z")
		if err := h.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := s.AuditEntries(t.Context(), store.AuditQuery{User: &h.user.ID, Limit: 10})
		if err != nil || len(found) != 3 {
			t.Fatalf("audit entries %+v (%v)", found, err)
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
				t.Errorf("the audit entry of %s is %+v", action, e)
			}
		}
	})
}
