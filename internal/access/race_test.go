package access

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

func TestSimultaneousRequestsShareOneVerification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		_, text := makeKey(t, d, p.add())
		made := hashes(t, d)
		goOn := make(chan struct{})
		p.found = func(context.Context) error { <-goOn; return nil }

		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				actor, err := d.Authenticate(t.Context(), text)
				if err != nil || !slices.Equal(actor.Scopes, []account.Scope{account.ScopeRead}) {
					t.Error(err, actor.Scopes)
					return
				}
				actor.Scopes[0] = account.ScopeAdmin // each has its own
			})
		}
		wrong := newKey().text
		for range 20 {
			wg.Go(func() { wantRefusal(t, d, wrong, "unknown_key") })
		}
		synctest.Wait()
		close(goOn)
		wg.Wait()
		if n := hashes(t, d) - made; n != 2 {
			t.Errorf("%d hashes for 40 requests with two keys, want 2", n)
		}
	})
}

// A caller who goes away must neither be kept waiting nor take the others along.
func TestCallerWhoGoesAwayLeavesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		_, text := makeKey(t, d, p.add())
		goOn := make(chan struct{})
		p.found = func(ctx context.Context) error {
			select {
			case <-goOn:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		leaves := func(ctx context.Context, left *atomic.Int32) {
			if _, err := d.Authenticate(ctx, text); errors.Is(err, context.Canceled) {
				left.Add(1)
			}
		}
		var left atomic.Int32
		leader, leaderGoes := context.WithCancel(t.Context())
		go leaves(leader, &left)
		synctest.Wait()
		follower, followerGoes := context.WithCancel(t.Context())
		go leaves(follower, &left)
		letIn := make(chan Actor, 1)
		go func() {
			actor, err := d.Authenticate(t.Context(), text)
			if err != nil {
				t.Errorf("the caller who stayed: %v", err)
			}
			letIn <- actor
		}()
		synctest.Wait()

		followerGoes()
		synctest.Wait()
		leaderGoes()
		synctest.Wait()
		if left.Load() != 2 {
			t.Errorf("%d callers have gone, want 2", left.Load())
		}
		close(goOn)
		<-letIn
	})
}

// A revocation while a key is being proved: the proof read the key before, and ends after.
func TestKeyRevokedWhileItIsVerifiedIsNotCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		d := newTestAuthenticator(t, p)
		u := p.add()
		id, text := makeKey(t, d, u)
		goOn := make(chan struct{})
		p.found = func(context.Context) error { <-goOn; return nil }
		var early, late sync.WaitGroup
		early.Go(func() { d.Authenticate(t.Context(), text) }) // may go either way
		synctest.Wait()

		if err := d.RevokeKey(t.Context(), u.ID, id); err != nil {
			t.Fatal(err)
		}
		// This one begins after the revocation, while the first is still under way.
		late.Go(func() { wantRefusal(t, d, text, "revoked_key") })
		synctest.Wait()
		close(goOn)
		early.Wait()
		late.Wait()
		wantRefusal(t, d, text, "revoked_key")
	})
}

func TestRevocationAmongManyRequests(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	u := p.add()
	// Revoked during the first proof, just after it, and while the key is remembered.
	for _, uses := range []int32{0, 1, 100} {
		id, text := makeKey(t, d, u)
		var revoked atomic.Bool
		var letIn atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 100 {
					wasRevoked := revoked.Load()
					_, err := d.Authenticate(t.Context(), text)
					switch {
					case err == nil && wasRevoked:
						t.Error("let in after RevokeKey had returned")
						return
					case err == nil:
						letIn.Add(1)
					case !isRefusal(err, "revoked_key"):
						t.Errorf("error = %v", err)
						return
					default:
						return
					}
				}
			})
		}
		wg.Go(func() {
			for letIn.Load() < uses {
				if _, err := d.Authenticate(t.Context(), text); err == nil {
					letIn.Add(1)
				}
			}
			if err := d.RevokeKey(t.Context(), u.ID, id); err != nil {
				t.Error(err)
			}
			revoked.Store(true)
		})
		wg.Wait()
		wantRefusal(t, d, text, "revoked_key")
	}
}

func isRefusal(err error, code string) bool {
	refusal, ok := errors.AsType[*problem.Error](err)
	return ok && refusal.Code == code
}
