package access

import (
	"net/netip"
	"sync"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

const (
	// addressRequests is how many requests without a key one address may make in addressWindow: enough for pages with all
	// their parts, and for several people behind one address.
	addressRequests = 300
	addressWindow   = time.Minute
	// maxAddresses bounds the counted addresses, to some 70 MB; further ones share one allowance.
	maxAddresses = 10_000
)

// addressLimit counts, in this process, the requests without a key by client address.
type addressLimit struct {
	now func() time.Time

	mu        sync.Mutex
	addresses map[netip.Prefix]*window
}

func newAddressLimit(now func() time.Time) *addressLimit {
	return &addressLimit{now: now, addresses: map[netip.Prefix]*window{}}
}

// ChargeAddress counts one request without a key. The error is an *Exceeded of kind RateLimited; the request is not
// counted then.
func (l *Limits) ChargeAddress(address netip.Addr) error {
	err := l.addresses.charge(address)
	l.metrics.count(useAddress, err)
	return err
}

func (l *addressLimit) charge(address netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, length := l.now().UnixMicro(), addressWindow.Microseconds()
	w := l.windowOf(networkOf(address), now, length)
	now = max(now, w.last())
	w.slide(now, length)
	if w.count() < addressRequests {
		w.add(windowEntry{at: now})
		return nil
	}
	wait := time.Duration(w.entries[w.count()-addressRequests].at+length-now) * time.Microsecond
	return &Exceeded{
		Refusal: problem.New(problem.RateLimited, "rate_limited",
			"Too many requests without an API key came from this address. Wait a minute."),
		RetryAfter: (wait + time.Second - 1).Truncate(time.Second),
	}
}

// windowOf returns the window of an address or, for IPv6, of its network.
func (l *addressLimit) windowOf(network netip.Prefix, now, length int64) *window {
	if w, ok := l.addresses[network]; ok {
		return w
	}
	if len(l.addresses) >= maxAddresses {
		for other, w := range l.addresses {
			if w.slide(now, length); w.count() == 0 {
				delete(l.addresses, other)
			}
		}
	}
	if len(l.addresses) >= maxAddresses {
		network = netip.Prefix{}
		if w, ok := l.addresses[network]; ok {
			return w
		}
	}
	w := &window{}
	l.addresses[network] = w
	return w
}
