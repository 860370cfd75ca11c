// Package cache holds what may be lost: responses that were costly to compute and can be computed again, and counters of
// limits.
package cache

import (
	"context"
	"errors"
	"time"
)

// Cache holds values for a limited time. It may drop any of them at any time, so it is never the only place where
// something is kept. One that cannot be reached is empty, and returns within milliseconds.
//
// Keys of one call belong together: where they hold a {tag}, it is the same in all of them, and a cluster keeps them on
// one node by it.
//
// It is safe for concurrent use. Values are copied in and out: a caller may change what it passed or was given.
type Cache interface {
	// Get returns the value last set for key, unless it has expired or was dropped.
	Get(ctx context.Context, key string) ([]byte, bool)
	// GetAll is Get for several keys in one call. The values are in the order of the keys; nil stands for an absent one.
	// An error means that the cache cannot be reached.
	GetAll(ctx context.Context, keys ...string) ([][]byte, error)
	// Add sets value for ttl, which is more than zero, unless the key has a value already, and returns the value that the
	// key then has. An error means that the cache cannot be reached.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, error)
	// Set sets value for ttl in place of the one before. A ttl of zero or less deletes the key.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration)
	// Delete deletes keys. A Get that begins after Delete has returned nil does not return what was set before Delete
	// began, in any process that uses the same cache. An error means that the cache could not be reached, and may still
	// hold the values.
	Delete(ctx context.Context, keys ...string) error
	// DeleteAll is Delete for all keys that begin with prefix. It reads the names of all keys: use it rarely.
	DeleteAll(ctx context.Context, prefix string) error
}

// ErrUnreachable is the error of a cache that does not answer.
var ErrUnreachable = errors.New("the cache does not answer")
