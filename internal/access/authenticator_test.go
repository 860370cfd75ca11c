package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/testlog"
)

func TestAuthenticateReturnsTheActor(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	u := p.add()
	a := newTestAuthenticator(t, p)
	k, text, err := a.CreateKey(t.Context(), NewKey{
		UserID: u.ID, Name: "phone", Tier: TierBulk, Scopes: []account.Scope{account.ScopeRead, account.ScopeIngest},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Actor{User: u, KeyID: k.ID, Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead}, Tier: "bulk"}
	for _, way := range []string{"proved", "remembered"} {
		got := wantAccepted(t, a, " "+text+"\r\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", way, diff)
		}
		got.Scopes[0] = account.ScopeAdmin // must not reach the next caller
	}
	if p.reads != 1 {
		t.Errorf("the key was looked up %d times, want 1", p.reads)
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	id, text := makeKey(t, a, p.add())
	revoked, revokedText := makeKey(t, a, p.add())
	expired, expiredText := makeKey(t, a, p.add())
	orphan, orphanText := makeKey(t, a, p.add())
	p.change(revoked, func(k *account.APIKey) { k.RevokedAt = time.Now() })
	p.change(expired, func(k *account.APIKey) { k.ExpiresAt = time.Now().Add(-time.Second) })
	p.change(orphan, func(k *account.APIKey) { k.UserID[0]++ })

	for name, tt := range map[string]struct{ text, code string }{
		"missing":                    {"", "missing_key"},
		"only blanks":                {" \u00a0\n", "missing_key"},
		"malformed":                  {"secret", "malformed_key"},
		"mistyped":                   {text[:30] + text[31:] + "0", "malformed_key"},
		"unknown id":                 {newKey().text, "unknown_key"},
		"wrong secret":               {withSecret(id, "x"), "unknown_key"},
		"revoked":                    {revokedText, "revoked_key"},
		"revoked, with wrong secret": {withSecret(revoked, "x"), "unknown_key"},
		"expired":                    {expiredText, "expired_key"},
		"expired, with wrong secret": {withSecret(expired, "x"), "unknown_key"},
		"of a user who is gone":      {orphanText, "unknown_key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, a, tt.text, tt.code)
		})
	}
}

// withSecret makes a well-formed key with the id and a secret of 43 times the character.
func withSecret(id, character string) string {
	body := keyPrefix + id + "_" + strings.Repeat(character, secretLength)
	return body + checksum(body)
}

// A wrong secret and an unknown id must look the same, in the response and in its cost.
func TestWrongSecretAndUnknownIDLookTheSame(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	id, text := makeKey(t, a, p.add())
	wantAccepted(t, a, text) // also while the right secret is cached

	var answers []string
	for _, wrong := range []string{withSecret(id, "x"), newKey().text} {
		before := hashes(t, a)
		_, err := a.Authenticate(t.Context(), wrong)
		answers = append(answers, err.Error())
		if n := hashes(t, a) - before; n != 1 {
			t.Errorf("%d hashes, want 1", n)
		}
	}
	if answers[0] != answers[1] {
		t.Errorf("they differ: %q", answers)
	}
	wantAccepted(t, a, text)
}

// A malformed key costs neither a look-up nor a hash.
func TestMistypedKeyCostsNothing(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	wantRefusal(t, a, "hea_nonsense", "malformed_key")
	if p.reads != 0 || hashes(t, a) != 0 {
		t.Errorf("%d look-ups, %d hashes", p.reads, hashes(t, a))
	}
}

func TestKeyIsCachedForFiveMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		a := newTestAuthenticator(t, p)
		id, text := makeKey(t, a, p.add())
		wantAccepted(t, a, text)
		p.change(id, func(k *account.APIKey) { k.RevokedAt = time.Now() }) // by another process

		time.Sleep(5*time.Minute - time.Nanosecond)
		wantAccepted(t, a, text)
		time.Sleep(time.Nanosecond)
		wantRefusal(t, a, text, "revoked_key")
	})
}

func TestCachedKeyStillExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		a := newTestAuthenticator(t, p)
		k, text, err := a.CreateKey(t.Context(), NewKey{
			UserID: p.add().ID, Name: "phone", Scopes: []account.Scope{account.ScopeRead}, ExpiresAt: time.Now().Add(time.Minute),
		})
		if err != nil {
			t.Fatal(err)
		}
		wantAccepted(t, a, text)
		time.Sleep(time.Until(k.ExpiresAt) - time.Nanosecond)
		wantAccepted(t, a, text)
		time.Sleep(time.Nanosecond)
		wantRefusal(t, a, text, "expired_key")
	})
}

func TestStoreThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	_, text := makeKey(t, a, p.add())
	p.found = func(context.Context) error { return problem.New(problem.Unavailable, "database_busy", "Try again.") }

	if _, err := a.Authenticate(t.Context(), text); !errors.Is(err, problem.Unavailable) {
		t.Errorf("error = %v; want that of the store", err)
	}
	p.found = func(context.Context) error { return context.DeadlineExceeded } // the store's own, not the caller's
	if _, err := a.Authenticate(t.Context(), text); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v; want that of the store", err)
	}
	p.found = nil
	wantAccepted(t, a, text) // the failure is not cached
}

// The key must be neither in the cache, nor in errors, nor in logs.
func TestKeyLeavesNoTrace(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	log := testlog.New(t)
	a := NewAuthenticator(p, p, AuthenticatorOptions{Logger: log.Logger()})
	id, text := makeKey(t, a, p.add())
	secret := key{text: text}.secret()
	wantAccepted(t, a, text)
	known := a.cache.keys[id]
	remembered := fmt.Sprintf("%+v", a.cache.keys) + string(known.digest[:])
	if !strings.Contains(remembered, id) {
		t.Fatal("nothing was cached")
	}

	wrong := withSecret(id, "q")
	mistyped := text[:60] + "!" + text[61:]
	for _, presented := range []string{wrong, mistyped} {
		_, err := a.Authenticate(t.Context(), presented)
		if strings.Contains(err.Error(), presented[20:50]) {
			t.Errorf("error holds the key: %v", err)
		}
	}
	if err := a.RevokeKey(t.Context(), p.keys[id].UserID, id); err != nil {
		t.Fatal(err)
	}
	for place, written := range map[string]string{"memory": remembered, "log": log.String()} {
		if strings.Contains(written, secret) || strings.Contains(written, secret[:20]) {
			t.Errorf("the %s holds the secret", place)
		}
	}
	if n := strings.Count(log.String(), id); n != 2 {
		t.Errorf("the log names the key %d times, want once created and once revoked:\n%s", n, log)
	}
}

func TestVerificationsAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	p := newFakeStore()
	var broken atomic.Bool // set while the verification of the cancelled caller may still be running
	p.found = func(context.Context) error {
		if broken.Load() {
			return errors.New("disk")
		}
		return nil
	}
	a := NewAuthenticator(p, p, AuthenticatorOptions{Logger: testlog.Logger(t), Registerer: registry})
	_, text := makeKey(t, a, p.add())
	wantAccepted(t, a, text)
	wantAccepted(t, a, text)
	wantRefusal(t, a, "", "missing_key")
	wantRefusal(t, a, newKey().text, "unknown_key")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Authenticate(gone, newKey().text); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want that of the context", err)
	}
	broken.Store(true)
	if _, err := a.Authenticate(t.Context(), newKey().text); err == nil {
		t.Error("no error, although the store has one")
	}

	want := `
# HELP health_export_key_verifications_total API keys presented, by outcome: proved, remembered, the code of the refusal, cancelled or error.
# TYPE health_export_key_verifications_total counter
health_export_key_verifications_total{outcome="cancelled"} 1
health_export_key_verifications_total{outcome="door_busy"} 0
health_export_key_verifications_total{outcome="error"} 1
health_export_key_verifications_total{outcome="expired_key"} 0
health_export_key_verifications_total{outcome="malformed_key"} 0
health_export_key_verifications_total{outcome="missing_key"} 1
health_export_key_verifications_total{outcome="proved"} 1
health_export_key_verifications_total{outcome="remembered"} 1
health_export_key_verifications_total{outcome="revoked_key"} 0
health_export_key_verifications_total{outcome="too_many_failures"} 0
health_export_key_verifications_total{outcome="unknown_key"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "health_export_key_verifications_total"); err != nil {
		t.Error(err)
	}
}

// hashes returns how many Argon2id hashes the Authenticator has computed.
func hashes(t testing.TB, a *Authenticator) int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(a.metrics.argon2)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].GetMetric()[0].GetHistogram().GetSampleCount())
}

func BenchmarkAuthenticate(b *testing.B) {
	p := newFakeStore()
	a := newTestAuthenticator(b, p)
	_, text := makeKey(b, a, p.add())
	for name, prepare := range map[string]func(){
		"remembered": func() {},
		"proved":     func() { a.cache.remove(key{text: text}.id()) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prepare()
				wantAccepted(b, a, text)
			}
		})
	}
}
