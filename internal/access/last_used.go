package access

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// maxLastUsed bounds how many keys wait for their last use to be written, to about a megabyte. Past it a use is not
// recorded until the next FlushLastUsed; the key works nevertheless.
const maxLastUsed = 10_000

// lastUsed collects when keys were last used, because a write for every request would cost more than the request.
type lastUsed struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// record records a use of the key with this id at t.
func (u *lastUsed) record(id string, t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.add(id, t)
}

// take returns and removes what was recorded.
func (u *lastUsed) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.last
	u.last = nil
	return taken
}

// putBack records again what was taken and could not be written.
func (u *lastUsed) putBack(taken map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, t := range maps.All(taken) {
		u.add(id, t)
	}
}

func (u *lastUsed) add(id string, t time.Time) {
	have, ok := u.last[id]
	switch {
	case ok && !t.After(have), !ok && len(u.last) >= maxLastUsed:
		return
	case u.last == nil:
		u.last = map[string]time.Time{}
	}
	u.last[id] = t
}

// FlushLastUsed writes when keys were last used. What cannot be written now is kept for the next call.
func (a *Authenticator) FlushLastUsed(ctx context.Context) error {
	taken := a.lastUsed.take()
	if len(taken) == 0 {
		return nil
	}
	if err := a.keys.TouchKeys(ctx, taken); err != nil {
		a.lastUsed.putBack(taken)
		return fmt.Errorf("write when %d keys were last used: %w", len(taken), err)
	}
	return nil
}
