package access

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lookBack is how far behind revocations may come to light: the time on record is taken before it is written, which
// may have to wait, and by the clock of another machine.
const lookBack = time.Minute

// revocations is what is known of revocations by other processes.
type revocations struct {
	mu sync.Mutex
	// until is when they were last asked for.
	until time.Time
	// known are the ids of the last answer. The next one holds some of them again.
	known map[string]bool
}

// PollRevocations forgets the keys that other processes have revoked since the last call, or since the door was made.
// When it has returned, this door does not let them in. A job calls it every second.
func (d *Authenticator) PollRevocations(ctx context.Context) error {
	d.revocations.mu.Lock()
	defer d.revocations.mu.Unlock()
	now := d.now()
	ids, err := d.keys.RevokedSince(ctx, d.revocations.until.Add(-lookBack).UTC())
	if err != nil {
		return fmt.Errorf("ask which keys were revoked: %w", err)
	}
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !d.revocations.known[id] {
			d.cache.forget(id)
		}
		known[id] = true
	}
	d.revocations.until, d.revocations.known = now, known
	return nil
}
