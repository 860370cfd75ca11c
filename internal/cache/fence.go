package cache

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// Fence is where the processes that share a cache agree on whether it may be believed: a place that every change has
// been written to before it is reported here, such as the database.
type Fence interface {
	// CacheEpoch returns the epoch of what is remembered, and for how long from now it is not to be believed; 0: it is.
	CacheEpoch(ctx context.Context) (epoch int64, invalidFor time.Duration, err error)
	// InvalidateCache has CacheEpoch, to everybody and for d at least, that nothing is to be believed. Where that was not so
	// already, for half of d at least, an epoch begins with it. since is for how long it has been so.
	InvalidateCache(ctx context.Context, d time.Duration) (since time.Duration, err error)
}

const (
	// epochTTL is how long a process believes the cache after it began to ask whether it may. Whoever has it distrusted
	// waits for so long: then everybody knows.
	epochTTL = 2 * time.Second
	// invalidPeriod is how long the cache is left alone after a change that it could not be told of.
	invalidPeriod = 10 * time.Second
	// invalidateTimeout is how long the attempt to have the cache distrusted is repeated.
	invalidateTimeout       = time.Minute
	invalidateRetryInterval = 200 * time.Millisecond
)

// fence is what this process knows of the trust in a cache.
type fence struct {
	shared Fence // nil: this process alone uses the cache, which can always be told

	mu    sync.Mutex
	epoch int64
	until time.Time // when the process has to have asked again

	invalidating chan struct{} // holds something while somebody has the cache distrusted; guards known
	invalidUntil time.Time     // until then everybody distrusts the cache, and knows it
}

func newFence(shared Fence) fence { return fence{shared: shared, invalidating: make(chan struct{}, 1)} }

// valid returns the epoch of what may be believed now.
func (f *fence) valid() (epoch int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch, f.shared == nil || time.Now().Before(f.until)
}

// refresh asks whether the cache may be believed.
func (f *fence) refresh(ctx context.Context) error {
	if f.shared == nil {
		return nil
	}
	begun := time.Now()
	epoch, invalidFor, err := f.shared.CacheEpoch(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.until = epoch, begun.Add(epochTTL)
	if invalidFor > 0 {
		f.until = time.Time{}
	}
	return nil
}

// invalidate returns when nobody believes what the cache remembers from before: at once where that is known to be so for
// a while yet. What is remembered later is of another epoch.
func (f *fence) invalidate(ctx context.Context) error {
	if f.shared == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, invalidateTimeout)
	defer cancel()
	select {
	case f.invalidating <- struct{}{}:
		defer func() { <-f.invalidating }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Until(f.invalidUntil) > invalidPeriod/2 {
		return nil
	}
	for {
		begun := time.Now()
		since, err := f.shared.InvalidateCache(ctx, invalidPeriod)
		if err == nil && time.Since(begun) < invalidPeriod/2 { // else it may have come to an end before it was prolonged
			if err = sleep(ctx, epochTTL-since); err == nil {
				f.invalidUntil = begun.Add(invalidPeriod)
			}
			return err
		}
		if ended := sleep(ctx, invalidateRetryInterval); ended != nil {
			return cmp.Or(err, ended)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
