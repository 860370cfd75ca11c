package storetest

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// auditEntry returns an entry about a user, with something in every field.
func auditEntry(action account.Action, user uuid.UUID, resource string, at time.Time) account.AuditEntry {
	e := account.NewAuditEntry(action, user, resource, at)
	e.KeyID, e.Address, e.UserAgent, e.RequestID = "k1", netip.MustParseAddr("2001:db8::7"), "curl ☂", "r-1"
	e.Metadata = map[string]any{"code": "unknown_key", "count": 2.0, "admin": true}
	return e
}

func entries(t *testing.T, s store.Store, query store.AuditQuery) []account.AuditEntry {
	t.Helper()
	if query.Limit == 0 {
		query.Limit = 100
	}
	found, err := s.AuditEntries(t.Context(), query)
	ok(t, "list the audit log", err)
	return found
}

// checkAudit checks what the audit log holds about a user, oldest first.
func checkAudit(t *testing.T, s store.Store, what string, user uuid.UUID, want ...account.AuditEntry) {
	t.Helper()
	got := entries(t, s, store.AuditQuery{User: &user})
	slices.Reverse(got)
	equal(t, what, got, want, addresses)
}

var auditTests = []test{
	{"audit/entries come back as they were stored, newest first", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		full := auditEntry(account.ActionLoginFailed, ada, "k1", noon)
		bare := account.AuditEntry{ID: newID(t), At: noon.Add(time.Second), Action: account.ActionLimitHit}
		ok(t, "append nothing", s.AppendAudit(t.Context(), nil))
		ok(t, "append", s.AppendAudit(t.Context(), []account.AuditEntry{full, bare}))
		ok(t, "append again", s.AppendAudit(t.Context(), []account.AuditEntry{bare, full}))
		equal(t, "all", entries(t, s, store.AuditQuery{}), []account.AuditEntry{bare, full}, addresses)
		checkAudit(t, s, "Ada's", ada, full)
		checkAudit(t, s, "of no user", uuid.Nil, bare)
		checkAudit(t, s, "somebody unknown's", newID(t))
	}},
	{"audit/are narrowed and paged", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		var all []account.AuditEntry
		for i := range 7 {
			e := auditEntry(account.ActionExport, ada, "", noon.Add(time.Duration(i/2)*time.Minute)) // some at the same time
			if i%3 == 0 {
				e.Action, e.KeyID = account.ActionErase, "k2"
			}
			all = append(all, e)
		}
		ok(t, "append", s.AppendAudit(t.Context(), all))
		slices.Reverse(all)
		only := func(keep func(e account.AuditEntry) bool) (kept []account.AuditEntry) {
			for _, e := range all {
				if keep(e) {
					kept = append(kept, e)
				}
			}
			return kept
		}
		from, to := noon.Add(time.Minute), noon.Add(3*time.Minute)
		for name, tt := range map[string]struct {
			query store.AuditQuery
			want  []account.AuditEntry
		}{
			"action": {store.AuditQuery{Action: account.ActionErase}, only(func(e account.AuditEntry) bool { return e.Action == account.ActionErase })},
			"key":    {store.AuditQuery{KeyID: "k2", User: &ada}, only(func(e account.AuditEntry) bool { return e.KeyID == "k2" })},
			"time": {store.AuditQuery{From: from, To: to}, only(func(e account.AuditEntry) bool {
				return !e.At.Before(from) && e.At.Before(to)
			})},
		} {
			equal(t, name, entries(t, s, tt.query), tt.want, addresses)
		}
		var paged []account.AuditEntry
		for query := (store.AuditQuery{User: &ada, Limit: 2}); ; {
			page := entries(t, s, query)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			last := page[len(page)-1]
			query.Before, query.BeforeAt = last.ID, last.At
		}
		equal(t, "pages", paged, all, addresses)
	}},
	{"audit/lets go of what is old", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		recent := auditEntry(account.ActionExport, ada, "", noon)
		ok(t, "append", s.AppendAudit(t.Context(), []account.AuditEntry{auditEntry(account.ActionExport, ada, "", noon.AddDate(0, -6, 0)), recent}))
		ok(t, "drop", s.DropAuditBefore(t.Context(), noon.AddDate(0, -1, 0)))
		checkAudit(t, s, "what is left", ada, recent)
		ok(t, "append after that", s.AppendAudit(t.Context(), []account.AuditEntry{auditEntry(account.ActionExport, ada, "", noon.AddDate(0, -6, 1))}))
	}},
	{"audit/a change and its entry are written together", func(t *testing.T, s store.Store) {
		ada := newID(t)
		created := auditEntry(account.ActionUserCreate, ada, ada.String(), noon)
		ok(t, "create user", s.CreateUser(t.Context(), account.User{ID: ada, Email: "ada@example.org", CreatedAt: noon}, created))
		again := auditEntry(account.ActionUserCreate, ada, "", noon)
		fails(t, "create her again", s.CreateUser(t.Context(), account.User{ID: newID(t), Email: "ada@example.org", CreatedAt: noon}, again), problem.Conflict)

		key := account.APIKey{ID: "k1", UserID: ada, CreatedAt: noon}
		made := auditEntry(account.ActionKeyCreate, ada, "k1", noon.Add(time.Second))
		ok(t, "create key", s.CreateKey(t.Context(), key, made))
		fails(t, "create it again", s.CreateKey(t.Context(), key, auditEntry(account.ActionKeyCreate, ada, "k1", noon)), problem.Conflict)

		revoked := auditEntry(account.ActionKeyRevoke, ada, "k1", noon.Add(2*time.Second))
		ok(t, "revoke", s.RevokeKey(t.Context(), ada, "k1", noon, revoked))
		ok(t, "revoke again", s.RevokeKey(t.Context(), ada, "k1", noon, auditEntry(account.ActionKeyRevoke, ada, "k1", noon)))
		fails(t, "revoke another", s.RevokeKey(t.Context(), ada, "k2", noon, auditEntry(account.ActionKeyRevoke, ada, "k2", noon)), problem.NotFound)

		ingestion := put(t, s, ada, noon, "x")
		ingestion.Status = health.StatusProcessed
		finished := auditEntry(account.ActionIngest, ada, ingestion.ID.String(), noon.Add(3*time.Second))
		ok(t, "finish", s.Finish(t.Context(), ingestion, worker, finished))
		fails(t, "finish again", s.Finish(t.Context(), ingestion, worker, auditEntry(account.ActionIngest, ada, "", noon)), problem.Conflict)
		checkAudit(t, s, "the audit log", ada, created, made, revoked, finished)
	}},
}

var rotateTests = []test{
	{"keys/are rotated in one step", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		old := createKey(t, s, user, "k1")
		replacement := old
		replacement.ID, replacement.CreatedAt = "k2", noon.Add(time.Hour)
		done := auditEntry(account.ActionKeyRotate, user, "k1", noon)
		until := noon.Add(2 * time.Hour)
		ok(t, "rotate", s.RotateKey(t.Context(), "k1", until, replacement, done))
		old.RevokedAt = until
		keys, err := s.KeysOf(t.Context(), user)
		ok(t, "list", err)
		equal(t, "keys", keys, []account.APIKey{old, replacement})
		checkAudit(t, s, "the audit log", user, done)

		another := replacement
		another.ID = "k3"
		refusedDeed := auditEntry(account.ActionKeyRotate, user, "k1", noon)
		fails(t, "rotate a key that is about to be revoked", s.RotateKey(t.Context(), "k1", noon, another, refusedDeed), problem.Conflict)
		fails(t, "rotate to an id that is taken", s.RotateKey(t.Context(), "k2", noon, old, refusedDeed), problem.Conflict)
		fails(t, "rotate what does not exist", s.RotateKey(t.Context(), "k9", noon, another, refusedDeed), problem.NotFound)
		another.UserID = createUser(t, s)
		fails(t, "rotate somebody else's", s.RotateKey(t.Context(), "k2", noon, another, refusedDeed), problem.NotFound)
		if got, err := s.Key(t.Context(), "k2"); err != nil || !got.RevokedAt.IsZero() {
			t.Errorf("a rotation that failed revoked the key: %+v, %v", got, err)
		}
		checkAudit(t, s, "the audit log after what failed", user, done)

		ids, err := s.RevokedSince(t.Context(), noon)
		ok(t, "revoked since", err)
		equal(t, "keys that will be revoked are named ahead", ids, []string{"k1"})
		ok(t, "revoke at once", s.RevokeKey(t.Context(), user, "k1", noon))
		got, err := s.Key(t.Context(), "k1")
		ok(t, "key", err)
		equal(t, "revoked at", got.RevokedAt, noon)
	}},
}
