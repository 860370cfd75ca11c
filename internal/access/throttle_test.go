package access

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/testlog"
)

// hashesOf returns how many Argon2id hashes a door has computed.
func hashesOf(t *testing.T, d *Authenticator) uint64 {
	t.Helper()
	var m dto.Metric
	if err := d.metrics.argon2.(prometheus.Metric).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.Histogram.GetSampleCount()
}

// An unknown id must cost what a wrong secret costs, and what can be refused without a proof must cost none.
func TestWhatARefusalCosts(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	id, text := makeKey(t, d, p.add())
	wantAccepted(t, d, text)
	for _, tt := range []struct {
		what, text, code string
		hashes           uint64
	}{
		{"unknown id", newKey().text, "unknown_key", 1},
		{"wrong secret", withSecret(id, "x"), "unknown_key", 1},
		{"mistyped", text[:60], "malformed_key", 0},
		{"missing", "", "missing_key", 0},
	} {
		before := hashesOf(t, d)
		wantRefusal(t, d, tt.text, tt.code)
		if got := hashesOf(t, d) - before; got != tt.hashes {
			t.Errorf("%s: %d hashes, want %d", tt.what, got, tt.hashes)
		}
	}
	before := hashesOf(t, d)
	wantAccepted(t, d, text)
	if got := hashesOf(t, d) - before; got != 0 {
		t.Errorf("a remembered key cost %d hashes", got)
	}
}

func from(t *testing.T, address string) context.Context {
	t.Helper()
	return WithRequestInfo(t.Context(), RequestInfo{Address: netip.MustParseAddr(address)})
}

func TestFailuresAreThrottledByAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		_, text := makeKey(t, d, p.add())
		_, fresh := makeKey(t, d, p.add())
		bad, good := from(t, "2001:db8::1"), from(t, "2001:db8:0:1::1")
		if _, err := d.Authenticate(bad, text); err != nil {
			t.Fatal(err)
		}
		for range maxFailures {
			_, err := d.Authenticate(bad, newKey().text)
			wantCode(t, err, problem.Unauthenticated, "unknown_key")
			time.Sleep(time.Second)
		}
		before := hashesOf(t, d)
		for _, from := range []context.Context{bad, from(t, "2001:db8::ffff")} { // of the same subscriber
			_, err := d.Authenticate(from, newKey().text)
			wantCode(t, err, problem.RateLimited, "too_many_failures")
			if refusal, _ := errors.AsType[*problem.Error](err); refusal.RetryAfter != failureWindow-maxFailures*time.Second {
				t.Errorf("retry after %s", refusal.RetryAfter)
			}
		}
		_, err := d.Authenticate(bad, fresh)
		wantCode(t, err, problem.RateLimited, "too_many_failures")
		if got := hashesOf(t, d); got != before {
			t.Errorf("%d hashes were computed for an address that is throttled", got-before)
		}
		if _, err := d.Authenticate(bad, text); err != nil {
			t.Errorf("a key that is remembered is not let in: %v", err)
		}
		if _, err := d.Authenticate(good, fresh); err != nil {
			t.Errorf("another address is throttled too: %v", err)
		}
		time.Sleep(failureWindow - maxFailures*time.Second)
		_, err = d.Authenticate(bad, newKey().text) // the oldest failure is out of the window
		wantCode(t, err, problem.Unauthenticated, "unknown_key")
		_, err = d.Authenticate(bad, newKey().text)
		wantCode(t, err, problem.RateLimited, "too_many_failures")
	})
}

// What is under way counts: a thousand at once must not all get through before the first one has failed.
func TestAttemptsUnderWayCount(t *testing.T) {
	t.Parallel()
	var th throttle
	address, now := netip.MustParseAddr("192.0.2.1"), time.Now()
	var settle func(bool, time.Time)
	for range maxFailures {
		var wait time.Duration
		if settle, wait = th.begin(address, now); wait > 0 {
			t.Fatal("too early")
		}
	}
	if _, wait := th.begin(address, now); wait != time.Second {
		t.Errorf("wait = %s", wait)
	}
	settle(false, now)
	if _, wait := th.begin(address, now); wait != 0 {
		t.Errorf("wait = %s after one succeeded", wait)
	}
}

// TestThrottleAgainstAModel compares the throttle with a list of all failures there ever were.
func TestThrottleAgainstAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var th throttle
		failures := map[int][]time.Time{}
		now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "pause")) * time.Millisecond)
			who := rapid.IntRange(0, 1).Draw(t, "who")
			address := netip.AddrFrom4([4]byte{192, 0, 2, byte(who)})
			recent := slices.DeleteFunc(slices.Clone(failures[who]), func(at time.Time) bool { return now.Sub(at) >= failureWindow })
			settle, wait := th.begin(address, now)
			want := time.Duration(0)
			if len(recent) >= maxFailures {
				want = recent[0].Add(failureWindow).Sub(now)
			}
			if wait != want {
				t.Fatalf("wait = %s, want %s after %d failures", wait, want, len(recent))
			}
			if wait > 0 {
				continue
			}
			failed := rapid.IntRange(0, 3).Draw(t, "luck") > 0
			settle(failed, now)
			if failed {
				failures[who] = append(failures[who], now)
			}
		}
	})
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	var th throttle
	now := time.Now()
	for i := range maxAddresses + 100 {
		settle, _ := th.begin(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		settle(true, now)
	}
	if n := len(th.addresses); n > maxAddresses {
		t.Errorf("%d addresses are kept", n)
	}
	settle, _ := th.begin(netip.MustParseAddr("192.0.2.1"), now.Add(failureWindow))
	settle(false, now)
	if n := len(th.addresses); n != 0 {
		t.Errorf("%d addresses are kept although nothing is against them", n)
	}
}

func TestHasherRefusesWhenTheQueueIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := testHasher(1)
		end := make(chan struct{})
		for range 1 + queuePerSlot {
			go h.compute(t.Context(), func() error {
				<-end
				return nil
			})
		}
		synctest.Wait()
		wantCode(t, h.compute(t.Context(), func() error { return nil }), problem.Unavailable, "door_busy")
		close(end)
		synctest.Wait()
		if err := h.compute(t.Context(), func() error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

func TestRotatedKeyTakesTheOldOnesPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		u := p.add()
		created, old, err := d.CreateKey(t.Context(), NewKey{
			UserID: u.ID, Name: "phone", Scopes: []account.Scope{account.ScopeIngest}, Tier: TierBulk, ExpiresAt: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		wantAccepted(t, d, old)
		replaced, text, err := d.RotateKey(t.Context(), u.ID, created.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if replaced.Name != "phone" || replaced.Tier != TierBulk || !slices.Equal(replaced.Scopes, created.Scopes) ||
			!replaced.ExpiresAt.Equal(created.ExpiresAt) || replaced.ID == created.ID {
			t.Errorf("the new key is %+v", replaced)
		}
		wantRefusal(t, d, old, "revoked_key")
		wantAccepted(t, d, text)

		_, next, err := d.RotateKey(t.Context(), u.ID, replaced.ID, 2*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		wantAccepted(t, d, text)
		time.Sleep(2*time.Minute - time.Second)
		wantAccepted(t, d, text)
		wantAccepted(t, d, next)
		time.Sleep(time.Second)
		if _, err := d.Authenticate(t.Context(), text); !errors.Is(err, problem.Unauthenticated) {
			t.Errorf("after the grace: %v", err)
		}
		last := p.auditEntries[len(p.auditEntries)-1]
		if last.Action != account.ActionKeyRotate || last.Resource != replaced.ID || last.UserID != u.ID {
			t.Errorf("on record is %+v", last)
		}

		_, _, err = d.RotateKey(t.Context(), u.ID, created.ID, 0)
		wantCode(t, err, problem.Conflict, "key_revoked")
		_, _, err = d.RotateKey(t.Context(), p.add().ID, replaced.ID, 0)
		wantCode(t, err, problem.NotFound, "not_found")
		_, _, err = d.RotateKey(t.Context(), u.ID, created.ID, maxGrace+1)
		wantCode(t, err, problem.Invalid, "invalid_grace")
		time.Sleep(time.Hour)
		_, _, err = d.RotateKey(t.Context(), u.ID, created.ID, 0)
		wantCode(t, err, problem.Conflict, "key_expired")
	})
}

// fakeInvalidator collects the users whose responses are erased.
type fakeInvalidator struct {
	cache.NopInvalidator
	erased []uuid.UUID
}

func (f *fakeInvalidator) Erase(_ context.Context, user uuid.UUID) error {
	f.erased = append(f.erased, user)
	return nil
}

func TestDeletedUsersKeysAreRemovedFromTheCache(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	var invalidator fakeInvalidator
	d := NewAuthenticator(p, p, AuthenticatorOptions{Logger: testlog.Logger(t), Invalidator: &invalidator})
	u := p.add()
	_, text := makeKey(t, d, u)
	wantAccepted(t, d, text)
	if err := d.DeleteUser(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, d, text, "unknown_key")
	if err := d.EraseData(t.Context(), u.ID); !errors.Is(err, problem.NotFound) {
		t.Errorf("erase what is gone: %v", err)
	}
	if len(invalidator.erased) != 2 || invalidator.erased[0] != u.ID {
		t.Errorf("the responses of %v were erased", invalidator.erased)
	}
	if err := d.DeleteUser(t.Context(), u.ID); !errors.Is(err, problem.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if entry := p.auditEntries[len(p.auditEntries)-1]; entry.Action != account.ActionUserDelete || entry.Resource != u.ID.String() {
		t.Errorf("on record is %+v", entry)
	}
}
