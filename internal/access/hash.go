package access

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/tracing"
)

// dummyHash is the hash of a secret that nobody has. A key with an unknown id is verified against it, so that the time
// an answer takes does not tell which ids exist.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$XHJ3mfwSQZ65M5SJVzpCrQ$AeVktfnj6S1Cs9c5AXr/mGp5jFN+LeCxvkzZsAe+HJg"

// argon2Params is what OWASP's Password Storage Cheat Sheet names as a minimum for Argon2id: 19 MiB, 2 iterations,
// 1 lane. The secret has 256 random bits, so a dearer hash would protect nothing more.
func argon2Params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// queuePerSlot is how many may wait for each that computes: about two seconds. Who comes later is sent away, because
// answers that take longer are of no use to anybody.
const queuePerSlot = 32

// hasher computes Argon2id hashes, a limited number at a time, because each takes 19 MiB and one core.
type hasher struct {
	slots      chan struct{}
	active     atomic.Int64 // who computes or waits
	maxWaiting int64        // of them
	duration   prometheus.Observer
}

func newHasher(parallel int, seconds prometheus.Observer) *hasher {
	return &hasher{slots: make(chan struct{}, parallel), maxWaiting: int64(parallel * (1 + queuePerSlot)), duration: seconds}
}

// waiting returns how many wait for their turn to compute.
func (h *hasher) waiting() float64 {
	return float64(max(0, h.active.Load()-int64(cap(h.slots))))
}

// hash returns the hash of secret in PHC form.
func (h *hasher) hash(ctx context.Context, secret string) (phc string, err error) {
	err = h.compute(ctx, func() error {
		phc, err = argon2id.CreateHash(secret, argon2Params())
		return err
	})
	return phc, err
}

// verify reports whether phc is the hash of secret. The time it takes does not depend on the answer.
func (h *hasher) verify(ctx context.Context, secret, phc string) (ok bool, err error) {
	if err := checkHash(phc); err != nil {
		return false, err
	}
	err = h.compute(ctx, func() error {
		ok, err = argon2id.ComparePasswordAndHash(secret, phc)
		return err
	})
	return ok, err
}

// compute runs f when it is its turn, or returns the error of ctx if that ends first. Unavailable: too many wait.
func (h *hasher) compute(ctx context.Context, f func() error) (err error) {
	ctx, span := tracing.Start(ctx, "compute Argon2id hash")
	defer func() { span.End(err) }()
	defer h.active.Add(-1)
	if h.active.Add(1) > h.maxWaiting {
		return errTooManyVerifications()
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // both were ready
		return err
	}
	start := time.Now()
	defer func() { h.duration.Observe(time.Since(start).Seconds()) }()
	return f()
}

// checkHash refuses a hash that cannot be verified, or only with a great deal of memory or time, or that would match
// too easily: a damaged row must neither bring the program down nor open the door.
func checkHash(phc string) error {
	params, _, hash, err := argon2id.DecodeHash(phc)
	if err != nil {
		return fmt.Errorf("read the hash of a key: %w", err)
	}
	if params.Memory > 256<<10 || params.Iterations < 1 || params.Iterations > 10 || params.Parallelism < 1 || len(hash) < 16 {
		return errors.New("read the hash of a key: its parameters are out of range")
	}
	return nil
}
