package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

func createKey(t *testing.T, s store.Store, user uuid.UUID, id string) account.APIKey {
	t.Helper()
	key := account.APIKey{
		ID: id, UserID: user, Name: "phone", Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead}, Tier: "default",
		Hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", CreatedAt: noon, ExpiresAt: noon.AddDate(1, 0, 0),
	}
	ok(t, "create key", s.CreateKey(t.Context(), key))
	return key
}

var keyTests = []test{
	{"keys/come back as they were stored", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := createKey(t, s, user, "k1")
		got, err := s.Key(t.Context(), "k1")
		ok(t, "key", err)
		equal(t, "key", got, want)

		eternal := account.APIKey{ID: "k0", UserID: user, CreatedAt: noon.Add(time.Second), LastUsedAt: noon.Add(time.Minute)}
		ok(t, "create", s.CreateKey(t.Context(), eternal))
		keys, err := s.KeysOf(t.Context(), user)
		ok(t, "list", err)
		equal(t, "keys in the order of their creation", keys, []account.APIKey{want, eternal})
	}},
	{"keys/an id exists once, and its user must exist", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		key := createKey(t, s, user, "k1")
		fails(t, "the same id again", s.CreateKey(t.Context(), key), problem.Conflict)
		key.ID, key.UserID = "k2", newID(t)
		fails(t, "somebody unknown's", s.CreateKey(t.Context(), key), problem.NotFound)
		_, err := s.Key(t.Context(), "k2")
		fails(t, "key that was not created", err, problem.NotFound)
	}},
	{"keys/are revoked once", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := createKey(t, s, user, "k1")
		want.RevokedAt = noon.Add(time.Hour)
		ok(t, "revoke", s.RevokeKey(t.Context(), user, "k1", want.RevokedAt))
		ok(t, "revoke again", s.RevokeKey(t.Context(), user, "k1", noon.Add(2*time.Hour)))
		got, err := s.Key(t.Context(), "k1")
		ok(t, "key", err)
		equal(t, "revoked key", got, want)
		fails(t, "an id that does not exist", s.RevokeKey(t.Context(), user, "k2", noon), problem.NotFound)
	}},
	{"keys/those revoked since a time, of any user", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		for i, user := range []uuid.UUID{ada, bob, ada} {
			id := "k" + string(rune('1'+i))
			createKey(t, s, user, id)
			ok(t, "revoke", s.RevokeKey(t.Context(), user, id, noon.Add(time.Duration(i)*time.Second)))
		}
		createKey(t, s, ada, "in force")
		for since, want := range map[time.Duration][]string{
			-time.Second: {"k1", "k2", "k3"}, time.Second: {"k2", "k3"}, time.Minute: nil,
		} {
			got, err := s.RevokedSince(t.Context(), noon.Add(since))
			ok(t, "revoked since", err)
			equal(t, "revoked since "+since.String(), got, want)
		}
		got, err := s.RevokedSince(t.Context(), time.Time{})
		ok(t, "revoked ever", err)
		equal(t, "revoked ever", got, []string{"k1", "k2", "k3"})
	}},
	{"keys/of another user are out of reach", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		want := createKey(t, s, ada, "k1")
		fails(t, "revoke", s.RevokeKey(t.Context(), bob, "k1", noon), problem.NotFound)
		keys, err := s.KeysOf(t.Context(), bob)
		ok(t, "list", err)
		equal(t, "keys", keys, []account.APIKey{})
		got, err := s.Key(t.Context(), "k1")
		ok(t, "key", err)
		equal(t, "key", got, want)
	}},
	{"keys/use is recorded, the latest time staying", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		createKey(t, s, user, "k1")
		createKey(t, s, user, "k2")
		ok(t, "touch nothing", s.TouchKeys(t.Context(), nil))
		ok(t, "touch", s.TouchKeys(t.Context(), map[string]time.Time{"k1": noon, "gone": noon}))
		ok(t, "touch earlier", s.TouchKeys(t.Context(), map[string]time.Time{"k1": noon.Add(-time.Hour), "k2": noon}))
		ok(t, "touch later", s.TouchKeys(t.Context(), map[string]time.Time{"k2": noon.Add(time.Hour)}))
		for id, want := range map[string]time.Time{"k1": noon, "k2": noon.Add(time.Hour)} {
			key, err := s.Key(t.Context(), id)
			ok(t, "key", err)
			equal(t, id+" last used", key.LastUsedAt, want)
		}
		_, err := s.Key(t.Context(), "gone")
		fails(t, "a key that was touched but never created", err, problem.NotFound)
	}},
}
