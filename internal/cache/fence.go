package cache

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// Fence is where the processes that share a cache agree on whether its responses are valid. It is kept in the database,
// which every change has been written to before it is reported here.
//
// It is needed because a process may change data while it cannot reach the cache, and another one that can would go on
// returning the old response. Without it, TestNoResponseIsStaleWhateverRedisDoes and the simulation of processes that
// lose the cache find stale responses; docs/adr/0009 has the figures, and what it costs.
type Fence interface {
	// CacheEpoch returns the current epoch of the responses, and for how long from now none is valid; 0: they are.
	CacheEpoch(ctx context.Context) (epoch int64, invalidFor time.Duration, err error)
	// InvalidateCache makes CacheEpoch report, to every process and for at least d, that no response is valid. Unless
	// that holds for at least half of d already, it begins a new epoch. It returns for how long it has been so.
	InvalidateCache(ctx context.Context, d time.Duration) (since time.Duration, err error)
}

const (
	// epochTTL is how long a process uses the epoch after it began to read it. InvalidateCache is followed by a wait of
	// that time, after which every process has read the new state or stopped using the cache.
	epochTTL = 2 * time.Second
	// invalidPeriod is how long the cache is not used after a change that it could not be told of.
	invalidPeriod = 10 * time.Second
	// invalidateTimeout bounds how long the attempt to invalidate the cache is repeated.
	invalidateTimeout       = time.Minute
	invalidateRetryInterval = 200 * time.Millisecond
)

// fence is this process's view of a Fence.
type fence struct {
	shared Fence // nil: only this process uses the cache, which is always reachable

	mu    sync.Mutex
	epoch int64
	until time.Time // when epoch must have been read again

	invalidating chan struct{} // a lock that can be waited for with a context; guards invalidUntil
	invalidUntil time.Time     // until then every process knows that the cache is invalid
}

func newFence(shared Fence) fence { return fence{shared: shared, invalidating: make(chan struct{}, 1)} }

// valid returns the current epoch; ok is false where no response may be used or stored.
func (f *fence) valid() (epoch int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch, f.shared == nil || time.Now().Before(f.until)
}

// refresh reads the epoch.
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

// invalidate returns when no process uses responses from before the call: at once where the cache is known to be invalid
// for some time yet. Responses stored later belong to another epoch.
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
		if err == nil && time.Since(begun) < invalidPeriod/2 { // otherwise the period may have ended before it was extended
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
