package access

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// revocationLookback is how far behind revocations may come to light: the time on record is taken before it is written, which
// may have to wait, and by the clock of another machine.
const revocationLookback = time.Minute

// revocations is what is known of revocations by other processes.
type revocations struct {
	mu sync.Mutex
	// lastPoll is when they were last asked for.
	lastPoll time.Time
	// seen are the ids of the last answer. The next one holds some of them again.
	seen map[string]bool
}

// PollRevocations forgets the keys that other processes have revoked since the last call, or since the door was made.
// When it has returned, this door does not let them in. A job calls it every second.
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
