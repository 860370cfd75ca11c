package access

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testlog"
)

// fakeStore is a store of users and keys in memory. The fields that are functions let a test step in, and are set before
// the door is used.
type fakeStore struct {
	roles // the methods that a door does not call

	found   func(ctx context.Context) error // called when Key has read a key, before it returns it
	touched func() error                    // called by TouchKeys
	asked   func() error                    // called by RevokedSince

	mu           sync.Mutex
	keys         map[string]account.APIKey
	users        map[uuid.UUID]account.User
	used         map[string]time.Time
	auditEntries []account.AuditEntry
	reads        int // of Key
}

type roles interface {
	store.Keys
	store.Users
	store.Erasure
}

func newFakeStore() *fakeStore {
	return &fakeStore{keys: map[string]account.APIKey{}, users: map[uuid.UUID]account.User{}, used: map[string]time.Time{}}
}

func (p *fakeStore) CreateKey(_ context.Context, k account.APIKey, entries ...account.AuditEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.users[k.UserID]; !ok {
		return problem.NotFound
	}
	p.keys[k.ID] = k
	p.auditEntries = append(p.auditEntries, entries...)
	return nil
}

func (p *fakeStore) Key(ctx context.Context, id string) (account.APIKey, error) {
	p.mu.Lock()
	p.reads++
	k, ok := p.keys[id]
	p.mu.Unlock()
	if p.found != nil {
		if err := p.found(ctx); err != nil {
			return account.APIKey{}, err
		}
	}
	if !ok {
		return account.APIKey{}, problem.NotFound
	}
	return k, nil
}

func (p *fakeStore) RevokeKey(_ context.Context, user uuid.UUID, id string, t time.Time, entries ...account.AuditEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.keys[id]
	if !ok || k.UserID != user {
		return problem.NotFound
	}
	k.RevokedAt = t
	p.keys[id] = k
	p.auditEntries = append(p.auditEntries, entries...)
	return nil
}

func (p *fakeStore) RotateKey(_ context.Context, id string, t time.Time, replacement account.APIKey, entries ...account.AuditEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.keys[id]
	if !old.RevokedAt.IsZero() {
		return problem.New(problem.Conflict, "key_revoked", "")
	}
	old.RevokedAt = t
	p.keys[id], p.keys[replacement.ID] = old, replacement
	p.auditEntries = append(p.auditEntries, entries...)
	return nil
}

func (p *fakeStore) EraseData(_ context.Context, user uuid.UUID, _ time.Time, _ ...account.AuditEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.users[user]; !ok {
		return problem.NotFound
	}
	return nil
}

func (p *fakeStore) DeleteUser(_ context.Context, user uuid.UUID, _ time.Time, entries ...account.AuditEntry) (ids []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.users[user]; !ok {
		return nil, problem.NotFound
	}
	delete(p.users, user)
	for id, k := range p.keys {
		if k.UserID == user {
			ids = append(ids, id)
			delete(p.keys, id)
		}
	}
	p.auditEntries = append(p.auditEntries, entries...)
	return ids, nil
}

func (p *fakeStore) RevokedSince(_ context.Context, t time.Time) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked != nil {
		if err := p.asked(); err != nil {
			return nil, err
		}
	}
	var ids []string
	for id, k := range p.keys {
		if !k.RevokedAt.IsZero() && !k.RevokedAt.Before(t) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (p *fakeStore) TouchKeys(_ context.Context, used map[string]time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.touched != nil {
		if err := p.touched(); err != nil {
			return err
		}
	}
	maps.Copy(p.used, used)
	return nil
}

func (p *fakeStore) User(_ context.Context, id uuid.UUID) (account.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u, ok := p.users[id]; ok {
		return u, nil
	}
	return account.User{}, problem.NotFound
}

// add stores a user and returns it.
func (p *fakeStore) add() account.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := account.User{
		ID: uuid.New(), Email: "anna@example.org", Name: "Anna", TimeZone: "Europe/Helsinki",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC),
	}
	p.users[u.ID] = u
	return u
}

// change edits a stored key behind the door's back.
func (p *fakeStore) change(id string, edit func(*account.APIKey)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.keys[id]
	edit(&k)
	p.keys[id] = k
}

func newTestAuthenticator(t testing.TB, p *fakeStore) *Authenticator {
	return NewAuthenticator(p, p, AuthenticatorOptions{Logger: testlog.Logger(t)})
}

// makeKey creates a key that may read, and returns its id and its text.
func makeKey(t testing.TB, d *Authenticator, u account.User) (id, text string) {
	t.Helper()
	k, text, err := d.CreateKey(t.Context(), NewKey{UserID: u.ID, Name: "phone", Scopes: []account.Scope{account.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	return k.ID, text
}

func wantAccepted(t testing.TB, d *Authenticator, text string) Actor {
	t.Helper()
	actor, err := d.Authenticate(t.Context(), text)
	if err != nil {
		t.Fatalf("Authenticate: %v", err)
	}
	return actor
}

// wantRefusal checks that a key is refused as Unauthenticated with the code.
func wantRefusal(t testing.TB, d *Authenticator, text, code string) {
	t.Helper()
	actor, err := d.Authenticate(t.Context(), text)
	wantCode(t, err, problem.Unauthenticated, code)
	if actor.KeyID != "" {
		t.Errorf("a refused key acts as %v", actor.KeyID)
	}
}

func wantCode(t testing.TB, err error, kind problem.Kind, code string) {
	t.Helper()
	refusal, ok := errors.AsType[*problem.Error](err)
	if !ok || refusal.Kind != kind || refusal.Code != code {
		t.Errorf("error = %v; want kind %q, code %q", err, kind, code)
	}
}
