// Package access authenticates API keys and decides what their holders may do: scopes, limits, throttling, and the audit
// log.
package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// Authenticator verifies, creates and revokes API keys. It is safe for concurrent use.
type Authenticator struct {
	keys        store.Keys
	users       Users
	now         func() time.Time
	logger      *slog.Logger
	metrics     metrics
	hasher      *hasher
	cache       *keyCache
	flights     singleflight.Group
	lastUsed    lastUsed
	revocations revocations
	audit       *AuditBuffer
	invalidator cache.Invalidator

	failures throttle
}

// AuthenticatorOptions are the optional settings of an Authenticator.
type AuthenticatorOptions struct {
	Now         func() time.Time      // nil: time.Now
	Logger      *slog.Logger          // nil: nothing is logged
	Registerer  prometheus.Registerer // nil: the metrics are not registered
	Audit       *AuditBuffer          // nil: refused keys are not recorded
	Invalidator cache.Invalidator     // nil: no responses are cached
}

// NewAuthenticator returns an Authenticator for the keys and users of a store. It caches verified keys in memory, so a
// process needs exactly one: another one's revocations reach it only through PollRevocations.
func NewAuthenticator(keys store.Keys, users Users, options AuthenticatorOptions) *Authenticator {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	m := newMetrics(options.Registerer)
	hasher := newHasher(max(1, runtime.NumCPU()), m.argon2)
	registerQueueLength(options.Registerer, hasher)
	return &Authenticator{
		keys:        keys,
		users:       users,
		now:         options.Now,
		logger:      options.Logger,
		metrics:     m,
		hasher:      hasher,
		cache:       newKeyCache(),
		revocations: revocations{lastPoll: options.Now()},
		audit:       options.Audit,
		invalidator: cache.OrNop(options.Invalidator),
	}
}

// Authenticate returns the actor that a key belongs to. Blanks, line breaks and invisible characters around the key are
// ignored.
//
// The error is Unauthenticated with one of the codes missing_key, malformed_key, unknown_key (also for a wrong secret,
// after the same time), revoked_key and expired_key; RateLimited (too_many_failures) after many of these from the client
// address in ctx (WithRequestInfo), before anything is computed; Unavailable (door_busy) when too many other keys are
// being verified; an error of the store; or that of ctx. It never holds a part of the key.
//
// A verified key is cached for 5 minutes, unless it expires, RevokeKey of this Authenticator has returned, or
// PollRevocations has found that another process revoked it.
func (a *Authenticator) Authenticate(ctx context.Context, text string) (Actor, error) {
	actor, outcome, err := a.authenticate(ctx, text)
	a.metrics.count(outcome, err)
	if err != nil {
		a.recordFailure(ctx, actor, err)
		return Actor{}, err
	}
	a.lastUsed.record(actor.KeyID, a.now().UTC())
	return actor, nil
}

// recordFailure adds a refused key to the audit log. owner is who the key would have acted for, where that is known.
func (a *Authenticator) recordFailure(ctx context.Context, owner Actor, err error) {
	refusal, ok := errors.AsType[*problem.Error](err)
	if !ok || refusal.Code == "missing_key" || refusal.Kind != problem.Unauthenticated && refusal.Kind != problem.RateLimited {
		return
	}
	entry := NewAuditEntry(ctx, account.ActionLoginFailed, owner.User.ID, "", a.now(), map[string]any{"code": refusal.Code})
	entry.KeyID = owner.KeyID
	a.audit.add(entry)
}

// authenticate returns, with a refusal, the owner of the key if the key exists.
func (a *Authenticator) authenticate(ctx context.Context, text string) (actor Actor, outcome string, err error) {
	k, err := parseKey(text)
	if err != nil {
		return Actor{}, "", err
	}
	if actor, expiresAt, ok := a.cache.get(k); ok {
		if a.isPast(expiresAt) {
			return actor, "", errExpiredKey()
		}
		return actor, outcomeCached, nil
	}
	actor, err = a.verifyOnce(ctx, k)
	return actor, outcomeVerified, err
}

// verifyOnce verifies a key once for all simultaneous calls with it. A call that begins after a revocation does not share
// a verification that began before it.
func (a *Authenticator) verifyOnce(ctx context.Context, k key) (Actor, error) {
	epoch := a.cache.epoch()
	flight := strconv.FormatUint(epoch, 10) + k.text
	for {
		leader := false
		result := a.flights.DoChan(flight, func() (any, error) {
			leader = true
			return a.verifyThrottled(ctx, k, epoch)
		})
		select {
		case <-ctx.Done():
			return Actor{}, ctx.Err()
		case p := <-result:
			if leader || !isCancelled(p.Err) {
				actor, _ := p.Val.(Actor)
				actor.Scopes = slices.Clone(actor.Scopes)
				return actor, p.Err
			}
			// The caller that verified the key for this one was cancelled: try again.
		}
	}
}

// verifyThrottled verifies a key unless many keys from the same address were wrong a short while ago.
func (a *Authenticator) verifyThrottled(ctx context.Context, k key, epoch uint64) (Actor, error) {
	done, wait := a.failures.begin(RequestInfoFrom(ctx).Address, a.now())
	if wait > 0 {
		return Actor{}, errTooManyFailures(wait)
	}
	failed := false
	defer func() { done(failed, a.now()) }()
	actor, err := a.verify(ctx, k, epoch)
	failed = errors.Is(err, problem.Unauthenticated)
	return actor, err
}

// verify looks a key up, verifies its secret, and caches it. That a key is revoked or expired is reported only to those
// who have its secret.
func (a *Authenticator) verify(ctx context.Context, k key, epoch uint64) (Actor, error) {
	stored, err := a.keys.Key(ctx, k.id())
	exists := !errors.Is(err, problem.NotFound)
	switch {
	case !exists:
		stored.Hash = dummyHash
	case err != nil:
		return Actor{}, fmt.Errorf("look up an API key: %w", err)
	}
	matches, err := a.hasher.verify(ctx, k.secret(), stored.Hash)
	owner := Actor{User: account.User{ID: stored.UserID}, KeyID: stored.ID}
	switch {
	case err != nil:
		return Actor{}, err
	case !exists, !matches:
		return owner, errUnknownKey()
	case stored.Revoked(a.now()):
		return owner, errRevokedKey()
	case a.isPast(stored.ExpiresAt):
		return owner, errExpiredKey()
	}
	user, err := a.users.User(ctx, stored.UserID)
	if errors.Is(err, problem.NotFound) {
		return Actor{}, errUnknownKey().Because(err)
	}
	if err != nil {
		return Actor{}, fmt.Errorf("look up the user of an API key: %w", err)
	}
	actor := Actor{User: user, KeyID: stored.ID, Scopes: stored.Scopes, Tier: stored.Tier}
	a.cache.put(k, actor, stored.End(), epoch)
	return actor, nil
}

// isPast reports whether an expiry has come; the zero time never does.
func (a *Authenticator) isPast(expiry time.Time) bool {
	return !expiry.IsZero() && !a.now().Before(expiry)
}
