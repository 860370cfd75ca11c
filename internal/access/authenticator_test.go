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
	d := newTestAuthenticator(t, p)
	k, text, err := d.CreateKey(t.Context(), NewKey{
		UserID: u.ID, Name: "phone", Tier: TierBulk, Scopes: []account.Scope{account.ScopeRead, account.ScopeIngest},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Actor{User: u, KeyID: k.ID, Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead}, Tier: "bulk"}
	for _, way := range []string{"proved", "remembered"} {
		got := wantAccepted(t, d, " "+text+"\r\n")
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
	d := newTestAuthenticator(t, p)
	id, text := makeKey(t, d, p.add())
	revoked, revokedText := makeKey(t, d, p.add())
	expired, expiredText := makeKey(t, d, p.add())
	orphan, orphanText := makeKey(t, d, p.add())
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
			wantRefusal(t, d, tt.text, tt.code)
		})
	}
}

// withSecret makes a well-formed key with the id and a secret of 43 times the character.
func withSecret(id, character string) string {
	body := keyPrefix + id + "_" + strings.Repeat(character, secretLength)
	return body + checksum(body)
}

// A wrong secret and an unknown id must not be told apart: neither by what is said nor by what it costs.
func TestWrongSecretAndUnknownIDLookTheSame(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	id, text := makeKey(t, d, p.add())
	wantAccepted(t, d, text) // also while the right secret is remembered

	var answers []string
	for _, wrong := range []string{withSecret(id, "x"), newKey().text} {
		before := hashes(t, d)
		_, err := d.Authenticate(t.Context(), wrong)
		answers = append(answers, err.Error())
		if n := hashes(t, d) - before; n != 1 {
			t.Errorf("%d hashes, want 1", n)
		}
	}
	if answers[0] != answers[1] {
		t.Errorf("told apart: %q", answers)
	}
	wantAccepted(t, d, text)
}

// A malformed key costs neither a look-up nor a hash.
func TestMistypedKeyCostsNothing(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	wantRefusal(t, d, "hea_nonsense", "malformed_key")
	if p.reads != 0 || hashes(t, d) != 0 {
		t.Errorf("%d look-ups, %d hashes", p.reads, hashes(t, d))
	}
}

func TestKeyIsCachedForFiveMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		id, text := makeKey(t, d, p.add())
		wantAccepted(t, d, text)
		p.change(id, func(k *account.APIKey) { k.RevokedAt = time.Now() }) // by another process

		time.Sleep(5*time.Minute - time.Nanosecond)
		wantAccepted(t, d, text)
		time.Sleep(time.Nanosecond)
		wantRefusal(t, d, text, "revoked_key")
	})
}

func TestCachedKeyStillExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		k, text, err := d.CreateKey(t.Context(), NewKey{
			UserID: p.add().ID, Name: "phone", Scopes: []account.Scope{account.ScopeRead}, ExpiresAt: time.Now().Add(time.Minute),
		})
		if err != nil {
			t.Fatal(err)
		}
		wantAccepted(t, d, text)
		time.Sleep(time.Until(k.ExpiresAt) - time.Nanosecond)
		wantAccepted(t, d, text)
		time.Sleep(time.Nanosecond)
		wantRefusal(t, d, text, "expired_key")
	})
}

func TestStoreThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	_, text := makeKey(t, d, p.add())
	p.found = func(context.Context) error { return problem.New(problem.Unavailable, "database_busy", "Try again.") }

	if _, err := d.Authenticate(t.Context(), text); !errors.Is(err, problem.Unavailable) {
		t.Errorf("error = %v; want that of the store", err)
	}
	p.found = func(context.Context) error { return context.DeadlineExceeded } // the store's own, not the caller's
	if _, err := d.Authenticate(t.Context(), text); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v; want that of the store", err)
	}
	p.found = nil
	wantAccepted(t, d, text) // the failure is not remembered
}

// The key must stay out of what is remembered of it, out of errors, and out of logs.
func TestKeyLeavesNoTrace(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	log := testlog.New(t)
	d := NewAuthenticator(p, p, AuthenticatorOptions{Logger: log.Logger()})
	id, text := makeKey(t, d, p.add())
	secret := key{text: text}.secret()
	wantAccepted(t, d, text)
	known := d.cache.keys[id]
	remembered := fmt.Sprintf("%+v", d.cache.keys) + string(known.digest[:])
	if !strings.Contains(remembered, id) {
		t.Fatal("nothing was remembered")
	}

	wrong := withSecret(id, "q")
	mistyped := text[:60] + "!" + text[61:]
	for _, presented := range []string{wrong, mistyped} {
		_, err := d.Authenticate(t.Context(), presented)
		if strings.Contains(err.Error(), presented[20:50]) {
			t.Errorf("error holds the key: %v", err)
		}
	}
	if err := d.RevokeKey(t.Context(), p.keys[id].UserID, id); err != nil {
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
	var broken atomic.Bool // set while the proof of the caller who went away may still be under way
	p.found = func(context.Context) error {
		if broken.Load() {
			return errors.New("disk")
		}
		return nil
	}
	d := NewAuthenticator(p, p, AuthenticatorOptions{Logger: testlog.Logger(t), Registerer: registry})
	_, text := makeKey(t, d, p.add())
	wantAccepted(t, d, text)
	wantAccepted(t, d, text)
	wantRefusal(t, d, "", "missing_key")
	wantRefusal(t, d, newKey().text, "unknown_key")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Authenticate(gone, newKey().text); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want that of the context", err)
	}
	broken.Store(true)
	if _, err := d.Authenticate(t.Context(), newKey().text); err == nil {
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

// hashes returns how many Argon2id hashes the door has computed.
func hashes(t testing.TB, d *Authenticator) int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(d.metrics.argon2)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].GetMetric()[0].GetHistogram().GetSampleCount())
}

func BenchmarkAuthenticate(b *testing.B) {
	p := newFakeStore()
	d := newTestAuthenticator(b, p)
	_, text := makeKey(b, d, p.add())
	for name, prepare := range map[string]func(){
		"remembered": func() {},
		"proved":     func() { d.cache.remove(key{text: text}.id()) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prepare()
				wantAccepted(b, d, text)
			}
		})
	}
}
