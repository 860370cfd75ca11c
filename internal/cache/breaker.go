package cache

import (
	"sync"
	"time"
)

const (
	// failuresToOpen is how many calls in a row must fail before the server is left alone.
	failuresToOpen = 3
	// probeInterval is the least time between two attempts to reach a server that is left alone.
	probeInterval = 250 * time.Millisecond
)

// breaker keeps requests from waiting, one after the other, for a server that does not answer.
type breaker struct {
	mu       sync.Mutex
	failures int
	open     bool
	probing  bool
	probed   time.Time
}

// allows reports whether the server may be asked. Where it may not, probe tells the caller to find out in the
// background whether it is back, and to report that to succeeded or failed.
func (b *breaker) allows() (allowed, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return true, false
	}
	if b.probing || time.Since(b.probed) < probeInterval {
		return false, false
	}
	b.probing, b.probed = true, time.Now()
	return false, true
}

// succeeded notes an answer, and reports whether the server is back with it.
func (b *breaker) succeeded() (closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	closed = b.open
	b.failures, b.open, b.probing = 0, false, false
	return closed
}

// failed notes that there was no answer, and reports whether the server is left alone from now on.
func (b *breaker) failed() (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.probing = false
	if b.open || b.failures < failuresToOpen {
		return false
	}
	b.open, b.probed = true, time.Now()
	return true
}
