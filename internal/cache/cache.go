// Package cache keeps what may be lost: answers that were costly to find and can be found again.
package cache

import (
	"context"
	"errors"
	"time"
)

// Cache remembers values for a while. It may forget any of them at any time, so it is never the only place where
// something is kept. One that cannot be reached has forgotten everything, and says so within milliseconds.
//
// Keys of one call belong together: where they hold a {tag}, it is the same in all of them, and a cluster keeps them on
// one node by it.
//
// It may be used from several goroutines at once. Values are copied in and out: a caller may change what it passed or
// was given.
type Cache interface {
	// Get returns the value last set for key, unless its time is over or it was forgotten.
	Get(ctx context.Context, key string) ([]byte, bool)
	// GetAll is Get for several keys in one go. The values are in the order of the keys; nil stands for one that is not
	// there. An error says that the cache cannot be reached.
	GetAll(ctx context.Context, keys ...string) ([][]byte, error)
	// Add remembers value for ttl, which is more than zero, unless key stands for something already, and returns what
	// key then stands for. An error says that the cache cannot be reached.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, error)
	// Set remembers value for ttl in place of what key stood for. A ttl of zero or less forgets key.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration)
	// Delete forgets keys. A Get that begins after it has returned nil does not find what was set before it began, by
	// anybody who uses the same cache. An error says that the cache could not be told: it may still remember them.
	Delete(ctx context.Context, keys ...string) error
	// DeleteAll is Delete for all keys that begin with prefix. It looks at every key there is, and is for rare deeds.
	DeleteAll(ctx context.Context, prefix string) error
}

// ErrUnreachable is the error of a cache that does not answer.
var ErrUnreachable = errors.New("the cache does not answer")
