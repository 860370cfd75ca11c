package access

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxFailures is how many keys from one address may turn out wrong within failureWindow before the next one is looked
	// at. A key that is remembered is let in all the same.
	maxFailures   = 20
	failureWindow = time.Minute
	// maxThrottledAddresses bounds how many addresses are kept in mind, to some megabytes. Past it, one of them gives way.
	maxThrottledAddresses = 10_000
)

// throttle counts, by address, the proofs of keys that failed in an exact sliding window. One that is under way counts as
// a failure until it is known: otherwise a thousand at once would all be let through to the costly part.
type throttle struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*attempts
}

// attempts are the failures of one address within the window, in order, and how many proofs are under way.
type attempts struct {
	failed  []time.Time // at most maxFailures
	pending int
}

// begin asks whether a proof may begin. Where it may not, wait is how long nothing will change. settle is called when the
// proof is over.
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

// evict forgets the addresses that have nothing against them any more, or else any one.
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

// expire leaves out what is not in the window any more.
func (a *attempts) expire(now time.Time) {
	old := func(at time.Time) bool { return !now.Before(at.Add(failureWindow)) }
	a.failed = slices.DeleteFunc(a.failed, old)
}
