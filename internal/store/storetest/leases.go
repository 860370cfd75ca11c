package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/store"
)

// acquires checks whether owner gets the lease "job" for d.
func acquires(t *testing.T, s store.Store, owner string, d time.Duration, want bool) {
	t.Helper()
	held, err := s.AcquireLease(t.Context(), "job", owner, d)
	ok(t, "acquire", err)
	equal(t, owner+" acquires the lease", held, want)
}

// renews checks whether owner can make the lease "job" last for d.
func renews(t *testing.T, s store.Store, owner string, d time.Duration, want bool) {
	t.Helper()
	held, err := s.RenewLease(t.Context(), "job", owner, d)
	ok(t, "renew", err)
	equal(t, owner+" renews the lease", held, want)
}

func releases(t *testing.T, s store.Store, owner string, pause time.Duration) {
	t.Helper()
	ok(t, "release", s.ReleaseLease(t.Context(), "job", owner, pause))
}

var leaseTests = []test{
	{"lease/is held by one owner, until it is released", func(t *testing.T, s store.Store) {
		acquires(t, s, "a", time.Hour, true)
		acquires(t, s, "b", time.Hour, false)
		acquires(t, s, "a", time.Hour, false)
		releases(t, s, "b", 0)
		acquires(t, s, "b", time.Hour, false)
		releases(t, s, "a", 0)
		acquires(t, s, "b", time.Hour, true)
		acquires(t, s, "a", time.Hour, false)
	}},
	{"lease/is held by name", func(t *testing.T, s store.Store) {
		acquires(t, s, "a", time.Hour, true)
		held, err := s.AcquireLease(t.Context(), "other", "b", time.Hour)
		ok(t, "acquire", err)
		equal(t, "acquires the other lease", held, true)
		ok(t, "release", s.ReleaseLease(t.Context(), "other", "b", 0))
		acquires(t, s, "b", time.Hour, false)
	}},
	{"lease/is renewed by its owner only", func(t *testing.T, s store.Store) {
		renews(t, s, "a", time.Hour, false) // nobody has ever held it
		acquires(t, s, "a", time.Hour, true)
		renews(t, s, "b", 0, false)
		renews(t, s, "a", time.Hour, true)
		acquires(t, s, "b", time.Hour, false)
		releases(t, s, "a", 0)
		renews(t, s, "a", time.Hour, false)
	}},
	{"lease/that has lapsed is taken over, and lost to its owner", func(t *testing.T, s store.Store) {
		acquires(t, s, "a", 0, true)
		renews(t, s, "a", time.Hour, false)
		acquires(t, s, "b", time.Hour, true)
		renews(t, s, "a", time.Hour, false)
		releases(t, s, "a", 0)
		acquires(t, s, "c", time.Hour, false)
		renews(t, s, "b", 0, true) // ends it
		acquires(t, s, "a", time.Hour, true)
	}},
	{"lease/lapses in time unless it is renewed", func(t *testing.T, s store.Store) {
		const d = 20 * time.Millisecond
		for renewed := false; !renewed; { // a slow machine may take longer than d
			var err error
			acquires(t, s, "a", d, true)
			renewed, err = s.RenewLease(t.Context(), "job", "a", time.Hour)
			ok(t, "renew", err)
		}
		// Another lease of the same length, taken later, lapses: so would the first one have, but for the renewal.
		for round, held := 0, false; round < 2; {
			var err error
			held, err = s.AcquireLease(t.Context(), "other", fmt.Sprint("owner ", round), d)
			ok(t, "acquire", err)
			if held {
				round++
			}
		}
		acquires(t, s, "b", time.Hour, false)
	}},
	{"lease/is kept from the others, but not from its last owner, while it pauses", func(t *testing.T, s store.Store) {
		acquires(t, s, "a", time.Hour, true)
		releases(t, s, "a", time.Hour)
		acquires(t, s, "b", time.Hour, false)
		renews(t, s, "a", time.Hour, false)
		acquires(t, s, "a", time.Hour, true)
		acquires(t, s, "b", time.Hour, false)
		releases(t, s, "a", 0) // nothing was done this time
		acquires(t, s, "b", time.Hour, true)
	}},
	{"lease/that has lapsed pauses no longer than was said before", func(t *testing.T, s store.Store) {
		acquires(t, s, "a", time.Hour, true)
		releases(t, s, "a", -time.Second)
		acquires(t, s, "a", 0, true) // and a is gone
		releases(t, s, "a", time.Hour)
		acquires(t, s, "b", time.Hour, true)
	}},
	{"lease/goes to one of many", func(t *testing.T, s store.Store) {
		for round := range 5 { // the first makes the row, the others find it
			var got atomic.Int32
			var group errgroup.Group
			for i := range 8 {
				owner := fmt.Sprintf("%d of round %d", i, round)
				group.Go(func() error {
					held, err := s.AcquireLease(t.Context(), "job", owner, time.Hour)
					if held {
						got.Add(1)
					}
					return err
				})
			}
			ok(t, "acquire", group.Wait())
			equal(t, "owners", got.Load(), int32(1))
			for i := range 8 {
				releases(t, s, fmt.Sprintf("%d of round %d", i, round), 0)
			}
		}
	}},
}
