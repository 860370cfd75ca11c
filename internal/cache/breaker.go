package cache

import (
	"sync"
	"time"
)

const (
	// failuresToOpen is how many calls in a row must fail before the circuit opens: calls are refused without asking the
	// server.
	failuresToOpen = 3
	// probeInterval is the least time between two probes of the server while the circuit is open.
	probeInterval = 250 * time.Millisecond
)

// breaker is a circuit breaker: it keeps requests from waiting, one after the other, for a server that does not answer.
type breaker struct {
	mu       sync.Mutex
	failures int
	open     bool
	probing  bool
	probed   time.Time
}

// allows reports whether the server may be called. Where it may not, probe asks the caller to call the server in the
// background, and to report the result to succeeded or failed.
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

// succeeded records an answer, and reports whether that closed the circuit.
func (b *breaker) succeeded() (closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	closed = b.open
	b.failures, b.open, b.probing = 0, false, false
	return closed
}

// failed records that there was no answer, and reports whether that opened the circuit.
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
