package access

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// revocationLookback is how late a revocation may become visible: its time is taken before it is written, which may have
// to wait, and on the clock of another machine.
const revocationLookback = time.Minute

// revocations is the state of the poll for keys that other processes revoked.
type revocations struct {
	mu       sync.Mutex
	lastPoll time.Time
	// seen are the ids that the last poll returned. The next poll returns some of them again.
	seen map[string]bool
}

// PollRevocations removes from the cache the keys that other processes have revoked since the last call, or since the
// Authenticator was created. When it has returned, they are refused. A job calls it every second.
func (a *Authenticator) PollRevocations(ctx context.Context) error {
	a.revocations.mu.Lock()
	defer a.revocations.mu.Unlock()
	now := a.now()
	ids, err := a.keys.RevokedSince(ctx, a.revocations.lastPoll.Add(-revocationLookback).UTC())
	if err != nil {
		return fmt.Errorf("ask which keys were revoked: %w", err)
	}
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !a.revocations.seen[id] {
			a.cache.remove(id)
		}
		known[id] = true
	}
	a.revocations.lastPoll, a.revocations.seen = now, known
	return nil
}
