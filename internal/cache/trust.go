package cache

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// Trust is where the processes that share a cache agree on whether it may be believed: a place that every change has
// been written to before it is reported here, such as the database.
type Trust interface {
	// Trusted returns the epoch of what is remembered, and for how long from now it is not to be believed; 0: it is.
	Trusted(ctx context.Context) (epoch int64, distrusted time.Duration, err error)
	// Distrust has Trusted say, to everybody and for d at least, that nothing is to be believed. Where that was not so
	// already, for half of d at least, an epoch begins with it. since is for how long it has been so.
	Distrust(ctx context.Context, d time.Duration) (since time.Duration, err error)
}

const (
	// leaseFor is how long a process believes the cache after it began to ask whether it may. Whoever has it distrusted
	// waits for so long: then everybody knows.
	leaseFor = 2 * time.Second
	// distrustFor is how long the cache is left alone after a change that it could not be told of.
	distrustFor = 10 * time.Second
	// distrustWithin is how long the attempt to have the cache distrusted is repeated.
	distrustWithin = time.Minute
	distrustAgain  = 200 * time.Millisecond
)

// lease is what this process knows of the trust in a cache.
type lease struct {
	trust Trust // nil: this process alone uses the cache, which can always be told

	mu    sync.Mutex
	epoch int64
	until time.Time // when the process has to have asked again

	turn  chan struct{} // holds something while somebody has the cache distrusted; guards known
	known time.Time     // until then everybody distrusts the cache, and knows it
}

func newLease(trust Trust) lease { return lease{trust: trust, turn: make(chan struct{}, 1)} }

// believes returns the epoch of what may be believed now.
func (l *lease) believes() (epoch int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.trust == nil || time.Now().Before(l.until)
}

// refresh asks whether the cache may be believed.
func (l *lease) refresh(ctx context.Context) error {
	if l.trust == nil {
		return nil
	}
	begun := time.Now()
	epoch, distrusted, err := l.trust.Trusted(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.until = epoch, begun.Add(leaseFor)
	if distrusted > 0 {
		l.until = time.Time{}
	}
	return nil
}

// distrust returns when nobody believes what the cache remembers from before: at once where that is known to be so for
// a while yet. What is remembered later is of another epoch.
func (l *lease) distrust(ctx context.Context) error {
	if l.trust == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, distrustWithin)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Until(l.known) > distrustFor/2 {
		return nil
	}
	for {
		begun := time.Now()
		since, err := l.trust.Distrust(ctx, distrustFor)
		if err == nil && time.Since(begun) < distrustFor/2 { // else it may have come to an end before it was prolonged
			if err = pause(ctx, leaseFor-since); err == nil {
				l.known = begun.Add(distrustFor)
			}
			return err
		}
		if cut := pause(ctx, distrustAgain); cut != nil {
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
