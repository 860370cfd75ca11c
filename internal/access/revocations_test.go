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

func pollRevocations(t *testing.T, d *Authenticator) {
	t.Helper()
	if err := d.PollRevocations(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRevocationByAnotherProcessIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		u := p.add()
		id, text := makeKey(t, d, u)
		_, other := makeKey(t, d, u)
		wantAccepted(t, d, text)
		wantAccepted(t, d, other)
		pollRevocations(t, d)

		time.Sleep(time.Minute)
		revokeElsewhere(p, id, time.Now())
		time.Sleep(time.Second)
		pollRevocations(t, d)
		wantRefusal(t, d, text, "revoked_key")
		reads := p.reads
		wantAccepted(t, d, other)
		if p.reads != reads {
			t.Error("another key was forgotten too")
		}
	})
}

// The write may have waited for its turn, so that the revocation shows up with a time that is past already.
func TestRevocationWrittenLateIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		id, text := makeKey(t, d, p.add())
		wantAccepted(t, d, text)
		time.Sleep(2 * time.Minute)
		pollRevocations(t, d)
		revokeElsewhere(p, id, time.Now().Add(-30*time.Second))
		time.Sleep(time.Second)
		pollRevocations(t, d)
		wantRefusal(t, d, text, "revoked_key")
	})
}

// While the store does not answer, nothing is missed.
func TestRevocationIsNoticedAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		id, text := makeKey(t, d, p.add())
		wantAccepted(t, d, text)
		pollRevocations(t, d)
		revokeElsewhere(p, id, time.Now())

		down := errors.New("connection refused")
		p.asked = func() error { return down }
		for range 4 {
			time.Sleep(time.Minute)
			if err := d.PollRevocations(t.Context()); !errors.Is(err, down) {
				t.Errorf("error = %v; want that of the store", err)
			}
		}
		wantAccepted(t, d, text) // the five minutes are not over
		p.asked = nil
		pollRevocations(t, d)
		wantRefusal(t, d, text, "revoked_key")
	})
}

// Every revocation keeps proofs that are under way from being remembered, so each counts once.
func TestRevocationIsNoticedOnce(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	id, _ := makeKey(t, d, p.add())
	revokeElsewhere(p, id, time.Now())
	before := d.cache.epoch()
	for range 3 {
		pollRevocations(t, d)
	}
	if n := d.cache.epoch() - before; n != 1 {
		t.Errorf("noticed %d times, want once", n)
	}
}
