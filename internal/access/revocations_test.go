package access

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/health-export/health-export/internal/account"
)

func revokeElsewhere(p *fakeStore, id string, at time.Time) {
	p.change(id, func(k *account.APIKey) { k.RevokedAt = at })
}

func pollRevocations(t *testing.T, a *Authenticator) {
	t.Helper()
	if err := a.PollRevocations(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRevocationByAnotherProcessIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		a := newTestAuthenticator(t, p)
		u := p.add()
		id, text := makeKey(t, a, u)
		_, other := makeKey(t, a, u)
		wantAccepted(t, a, text)
		wantAccepted(t, a, other)
		pollRevocations(t, a)

		time.Sleep(time.Minute)
		revokeElsewhere(p, id, time.Now())
		time.Sleep(time.Second)
		pollRevocations(t, a)
		wantRefusal(t, a, text, "revoked_key")
		reads := p.reads
		wantAccepted(t, a, other)
		if p.reads != reads {
			t.Error("another key was removed from the cache too")
		}
	})
}

// The write may have waited for its turn, so that the revocation shows up with a time that is past already.
func TestRevocationWrittenLateIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		a := newTestAuthenticator(t, p)
		id, text := makeKey(t, a, p.add())
		wantAccepted(t, a, text)
		time.Sleep(2 * time.Minute)
		pollRevocations(t, a)
		revokeElsewhere(p, id, time.Now().Add(-30*time.Second))
		time.Sleep(time.Second)
		pollRevocations(t, a)
		wantRefusal(t, a, text, "revoked_key")
	})
}

// While the store does not answer, nothing is missed.
func TestRevocationIsNoticedAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		a := newTestAuthenticator(t, p)
		id, text := makeKey(t, a, p.add())
		wantAccepted(t, a, text)
		pollRevocations(t, a)
		revokeElsewhere(p, id, time.Now())

		down := errors.New("connection refused")
		p.asked = func() error { return down }
		for range 4 {
			time.Sleep(time.Minute)
			if err := a.PollRevocations(t.Context()); !errors.Is(err, down) {
				t.Errorf("error = %v; want that of the store", err)
			}
		}
		wantAccepted(t, a, text) // the five minutes are not over
		p.asked = nil
		pollRevocations(t, a)
		wantRefusal(t, a, text, "revoked_key")
	})
}

// Every revocation keeps running verifications from being cached, so each counts once.
func TestRevocationIsNoticedOnce(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	id, _ := makeKey(t, a, p.add())
	revokeElsewhere(p, id, time.Now())
	before := a.cache.epoch()
	for range 3 {
		pollRevocations(t, a)
	}
	if n := a.cache.epoch() - before; n != 1 {
		t.Errorf("noticed %d times, want once", n)
	}
}
