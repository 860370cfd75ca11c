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
	CacheEpoch(ctx context.Context) (epoch int64, distrusted time.Duration, err error)
	// InvalidateCache has CacheEpoch, to everybody and for d at least, that nothing is to be believed. Where that was not so
	// already, for half of d at least, an epoch begins with it. since is for how long it has been so.
	InvalidateCache(ctx context.Context, d time.Duration) (since time.Duration, err error)
}

const (
	// epochFor is how long a process believes the cache after it began to ask whether it may. Whoever has it distrusted
	// waits for so long: then everybody knows.
	epochFor = 2 * time.Second
	// invalidFor is how long the cache is left alone after a change that it could not be told of.
	invalidFor = 10 * time.Second
	// invalidateWithin is how long the attempt to have the cache distrusted is repeated.
	invalidateWithin = time.Minute
	invalidateRetry  = 200 * time.Millisecond
)

// fence is what this process knows of the trust in a cache.
type fence struct {
	shared Fence // nil: this process alone uses the cache, which can always be told

	mu    sync.Mutex
	epoch int64
	until time.Time // when the process has to have asked again

	turn         chan struct{} // holds something while somebody has the cache distrusted; guards known
	invalidUntil time.Time     // until then everybody distrusts the cache, and knows it
}

func newFence(trust Fence) fence { return fence{shared: trust, turn: make(chan struct{}, 1)} }

// valid returns the epoch of what may be believed now.
func (l *fence) valid() (epoch int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.shared == nil || time.Now().Before(l.until)
}

// refresh asks whether the cache may be believed.
func (l *fence) refresh(ctx context.Context) error {
	if l.shared == nil {
		return nil
	}
	begun := time.Now()
	epoch, distrusted, err := l.shared.CacheEpoch(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.until = epoch, begun.Add(epochFor)
	if distrusted > 0 {
		l.until = time.Time{}
	}
	return nil
}

// invalidate returns when nobody believes what the cache remembers from before: at once where that is known to be so for
// a while yet. What is remembered later is of another epoch.
func (l *fence) invalidate(ctx context.Context) error {
	if l.shared == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, invalidateWithin)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Until(l.invalidUntil) > invalidFor/2 {
		return nil
	}
	for {
		begun := time.Now()
		since, err := l.shared.InvalidateCache(ctx, invalidFor)
		if err == nil && time.Since(begun) < invalidFor/2 { // else it may have come to an end before it was prolonged
			if err = pause(ctx, epochFor-since); err == nil {
				l.invalidUntil = begun.Add(invalidFor)
			}
			return err
		}
		if cut := pause(ctx, invalidateRetry); cut != nil {
			return cmp.Or(err, cut)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
