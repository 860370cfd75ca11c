package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

func TestCreateKeyStoresWhatItReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		u := p.add()
		time.Sleep(1234567891)
		now := time.Now().UTC()
		got, text, err := d.CreateKey(t.Context(), NewKey{
			UserID: u.ID, Name: "  Anna’s phone\n", Tier: TierUnlimited,
			Scopes:    []account.Scope{account.ScopeAdmin, account.ScopeIngest, account.ScopeAdmin},
			ExpiresAt: now.Add(time.Hour).In(time.FixedZone("", 7200)),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := account.APIKey{
			ID: text[4:16], UserID: u.ID, Name: "Anna’s phone", Tier: "unlimited",
			Scopes:    []account.Scope{account.ScopeIngest, account.ScopeAdmin},
			CreatedAt: now.Truncate(time.Microsecond),
			ExpiresAt: now.Add(time.Hour).Truncate(time.Microsecond),
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(account.APIKey{}, "Hash")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(got, p.keys[got.ID]); diff != "" {
			t.Error("stored otherwise:", diff)
		}
		if strings.Contains(got.Hash, text[17:60]) {
			t.Error("the hash holds the secret")
		}
	})
}

func TestCreateKeyRefuses(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	u := p.add()
	for name, tt := range map[string]struct {
		edit        func(*NewKey)
		field, code string
	}{
		"no name":           {func(n *NewKey) { n.Name = " \t" }, "name", "invalid_name"},
		"long name":         {func(n *NewKey) { n.Name = strings.Repeat("ä", 101) }, "name", "invalid_name"},
		"NUL in name":       {func(n *NewKey) { n.Name = "a\x00b" }, "name", "invalid_name"},
		"line in name":      {func(n *NewKey) { n.Name = "a\nb" }, "name", "invalid_name"},
		"name not in UTF-8": {func(n *NewKey) { n.Name = "a\xff" }, "name", "invalid_name"},
		"no scope":          {func(n *NewKey) { n.Scopes = nil }, "scopes", "invalid_scopes"},
		"unknown scope":     {func(n *NewKey) { n.Scopes = append(n.Scopes, "write") }, "scopes", "invalid_scopes"},
		"only unknown":      {func(n *NewKey) { n.Scopes = []account.Scope{""} }, "scopes", "invalid_scopes"},
		"unknown tier":      {func(n *NewKey) { n.Tier = "gold" }, "tier", "invalid_tier"},
		"expired":           {func(n *NewKey) { n.ExpiresAt = time.Now() }, "expires_at", "invalid_expiry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := NewKey{UserID: u.ID, Name: "phone", Scopes: []account.Scope{account.ScopeRead}}
			tt.edit(&n)
			_, text, err := d.CreateKey(t.Context(), n)
			wantCode(t, err, problem.Invalid, tt.code)
			if e, _ := errors.AsType[*problem.Error](err); e != nil && e.Field != tt.field {
				t.Errorf("field %q, want %q", e.Field, tt.field)
			}
			if text != "" {
				t.Error("a key was made all the same")
			}
		})
	}
}

func TestCreateKeyAllows(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	k, text, err := d.CreateKey(t.Context(), NewKey{
		UserID: p.add().ID, Name: strings.Repeat("ä", 100), Scopes: []account.Scope{account.ScopeRead},
	})
	if err != nil {
		t.Fatal(err)
	}
	if k.Tier != "default" || !k.ExpiresAt.IsZero() {
		t.Errorf("tier %q, expires %v", k.Tier, k.ExpiresAt)
	}
	wantAccepted(t, d, text)
}

func TestKeyOfUnknownUser(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	id, text := makeKey(t, d, p.add())
	wantAccepted(t, d, text)
	_, _, err := d.CreateKey(t.Context(), NewKey{UserID: uuid.New(), Name: "x", Scopes: []account.Scope{account.ScopeRead}})
	if !errors.Is(err, problem.NotFound) {
		t.Errorf("CreateKey: %v; want NotFound", err)
	}
	if err := d.RevokeKey(t.Context(), uuid.New(), id); !errors.Is(err, problem.NotFound) {
		t.Errorf("RevokeKey: %v; want NotFound", err)
	}
	wantAccepted(t, d, text)
	if p.reads != 1 {
		t.Error("somebody else's key was forgotten")
	}
}

func TestRevokedKeyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	u := p.add()
	id, text := makeKey(t, d, u)
	_, other := makeKey(t, d, u)
	wantAccepted(t, d, text)
	wantAccepted(t, d, other)
	reads := p.reads

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.RevokeKey(gone, u.ID, id); err != nil { // the store of this test does not look at the context
		t.Fatal(err)
	}
	wantRefusal(t, d, text, "revoked_key")
	wantAccepted(t, d, other)
	if p.reads != reads+1 {
		t.Error("another key was forgotten too")
	}
}

func TestParseScopes(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]account.Scope{
		"ingest":              {account.ScopeIngest},
		"read,ingest":         {account.ScopeIngest, account.ScopeRead},
		" Read , INGEST,read": {account.ScopeIngest, account.ScopeRead},
		"admin read":          {account.ScopeRead, account.ScopeAdmin},
	} {
		if got, err := ParseScopes(list); !slices.Equal(got, want) || err != nil {
			t.Errorf("ParseScopes(%q) = %v, %v", list, got, err)
		}
	}
	for _, list := range []string{"", " , ", "write", "read,write", "read;ingest"} {
		_, err := ParseScopes(list)
		wantCode(t, err, problem.Invalid, "invalid_scopes")
	}
}

func TestActorAllows(t *testing.T) {
	t.Parallel()
	reader := Actor{Scopes: []account.Scope{account.ScopeRead}}
	admin := Actor{Scopes: []account.Scope{account.ScopeAdmin}}
	for _, tt := range []struct {
		actor Actor
		scope account.Scope
		want  bool
	}{
		{reader, account.ScopeRead, true},
		{reader, account.ScopeIngest, false},
		{reader, account.ScopeAdmin, false},
		{admin, account.ScopeIngest, true},
		{admin, account.ScopeAdmin, true},
		{Actor{}, account.ScopeRead, false},
	} {
		if got := tt.actor.Allows(tt.scope); got != tt.want {
			t.Errorf("%v allows %s: %t", tt.actor.Scopes, tt.scope, got)
		}
	}
}

func TestActorTravelsInTheContext(t *testing.T) {
	t.Parallel()
	if _, ok := ActorFrom(t.Context()); ok {
		t.Error("an actor out of nothing")
	}
	want := Actor{KeyID: "abc", User: account.User{Email: "anna@example.org"}}
	got, ok := ActorFrom(WithActor(t.Context(), want))
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Error(diff, ok)
	}
}
