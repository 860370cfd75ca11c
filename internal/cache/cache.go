// Package cache keeps what may be lost: answers that were costly to find and can be found again.
package cache

import (
	"context"
	"time"
)

// Cache remembers values for a while. It may forget any of them at any time, so it is never the only place where
// something is kept, and it never fails: one that cannot be reached has forgotten everything.
//
// It may be used from several goroutines at once. Values are copied in and out: a caller may change what it passed or
// was given.
type Cache interface {
	// Get returns the value last set for key, unless its time is over or it was forgotten.
	Get(ctx context.Context, key string) ([]byte, bool)
	// Set remembers value for ttl in place of what key stood for. A ttl of zero or less forgets key.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration)
	// Delete forgets keys. A Get that begins after it has returned does not find what was set before it began.
	Delete(ctx context.Context, keys ...string)
}
