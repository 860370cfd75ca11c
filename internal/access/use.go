package access

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// maxUses bounds how many keys' last uses wait to be written, to about a megabyte. Past it a use is not noted until
// the next FlushUse; the key works all the same.
const maxUses = 10_000

// uses collects when keys were last used, because a write for every request would cost more than the request.
type uses struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// note records a use of the key with this id at t.
func (u *uses) note(id string, t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.add(id, t)
}

// take returns what has been noted since the last take.
func (u *uses) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.last
	u.last = nil
	return taken
}

// giveBack notes again what was taken but could not be written.
func (u *uses) giveBack(taken map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, t := range maps.All(taken) {
		u.add(id, t)
	}
}

func (u *uses) add(id string, t time.Time) {
	have, ok := u.last[id]
	switch {
	case ok && !t.After(have), !ok && len(u.last) >= maxUses:
		return
	case u.last == nil:
		u.last = map[string]time.Time{}
	}
	u.last[id] = t
}

// FlushUse writes when keys were last used, as far as that has not been written. What cannot be written now is kept
// for the next call.
func (d *Door) FlushUse(ctx context.Context) error {
	taken := d.uses.take()
	if len(taken) == 0 {
		return nil
	}
	if err := d.keys.TouchKeys(ctx, taken); err != nil {
		d.uses.giveBack(taken)
		return fmt.Errorf("write when %d keys were last used: %w", len(taken), err)
	}
	return nil
}
