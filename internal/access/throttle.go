package access

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxFailures is how many keys from one address may be wrong within failureWindow before further ones are refused
	// unseen. A cached key is accepted nevertheless.
	maxFailures   = 20
	failureWindow = time.Minute
	// maxThrottledAddresses bounds the counted addresses, to some megabytes. Past it, one of them is evicted.
	maxThrottledAddresses = 10_000
)

// throttle counts failed verifications by client address in an exact sliding window. A verification counts as a failure
// while it runs: otherwise a thousand at once would all reach the expensive computation.
type throttle struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*attempts
}

// attempts are the failures of one address within the window, in order, and the number of running verifications.
type attempts struct {
	failed  []time.Time // at most maxFailures
	pending int
}

// begin reports whether a verification may begin. If wait is more than zero it may not, until then at the earliest.
// Otherwise done must be called when the verification has ended.
func (t *throttle) begin(address netip.Addr, now time.Time) (done func(failed bool, at time.Time), wait time.Duration) {
	if !address.IsValid() {
		return func(bool, time.Time) {}, 0 // not from the network
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	network := networkOf(address)
	a := t.attemptsOf(network, now)
	a.expire(now)
	if len(a.failed)+a.pending >= maxFailures {
		if len(a.failed) == 0 {
			return nil, time.Second
		}
		return nil, a.failed[0].Add(failureWindow).Sub(now)
	}
	a.pending++
	return func(failed bool, at time.Time) {
		t.mu.Lock()
		defer t.mu.Unlock()
		a.pending--
		if failed {
			a.failed = append(a.failed, at)
		} else if a.pending == 0 && len(a.failed) == 0 {
			delete(t.addresses, network)
		}
	}, 0
}

func (t *throttle) attemptsOf(network netip.Prefix, now time.Time) *attempts {
	if a := t.addresses[network]; a != nil {
		return a
	}
	if len(t.addresses) >= maxThrottledAddresses {
		t.evict(now)
	}
	if t.addresses == nil {
		t.addresses = map[netip.Prefix]*attempts{}
	}
	a := &attempts{}
	t.addresses[network] = a
	return a
}

// evict removes the addresses without failures in the window, or else an arbitrary one.
func (t *throttle) evict(now time.Time) {
	for network, a := range t.addresses {
		if a.expire(now); a.pending == 0 && len(a.failed) == 0 {
			delete(t.addresses, network)
		}
	}
	for network := range t.addresses {
		if len(t.addresses) < maxThrottledAddresses {
			return
		}
		delete(t.addresses, network)
	}
}

// expire removes the failures that have left the window.
func (a *attempts) expire(now time.Time) {
	old := func(at time.Time) bool { return !now.Before(at.Add(failureWindow)) }
	a.failed = slices.DeleteFunc(a.failed, old)
}
