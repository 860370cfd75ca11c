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

// dummyHash is the hash of a secret that nobody has. A key with an unknown id is verified against it, so that the
// response time does not reveal which ids exist.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$XHJ3mfwSQZ65M5SJVzpCrQ$AeVktfnj6S1Cs9c5AXr/mGp5jFN+LeCxvkzZsAe+HJg"

// argon2Params are the minimum for Argon2id in OWASP's Password Storage Cheat Sheet: 19 MiB, 2 iterations, 1 lane. The
// secret has 256 random bits, so a more expensive hash would protect nothing more.
func argon2Params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// queuePerSlot is how many verifications may wait for each running one: about two seconds. Later ones are refused,
// because a response that takes longer is of no use.
const queuePerSlot = 32

// hasher computes Argon2id hashes, a limited number at a time, because each takes 19 MiB and one core.
type hasher struct {
	slots     chan struct{}
	active    atomic.Int64 // running and waiting computations
	maxActive int64
	duration  prometheus.Observer
}

func newHasher(parallel int, seconds prometheus.Observer) *hasher {
	return &hasher{slots: make(chan struct{}, parallel), maxActive: int64(parallel * (1 + queuePerSlot)), duration: seconds}
}

// waiting returns how many computations wait for a slot.
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

// verify reports whether phc is the hash of secret, in a time that does not depend on the result.
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

// compute runs f when a slot is free, or returns the error of ctx if that ends first. Unavailable: too many wait.
func (h *hasher) compute(ctx context.Context, f func() error) (err error) {
	ctx, span := tracing.Start(ctx, "compute Argon2id hash")
	defer func() { span.End(err) }()
	defer h.active.Add(-1)
	if h.active.Add(1) > h.maxActive {
		return errTooManyVerifications()
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil { // select chooses at random when both are ready
		return err
	}
	start := time.Now()
	defer func() { h.duration.Observe(time.Since(start).Seconds()) }()
	return f()
}

// checkHash refuses a hash that cannot be verified, that takes very much memory or time, or that matches too easily: a
// damaged row must neither exhaust the process nor let anybody in.
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
