package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/store"
)

var cacheFenceTests = []test{
	{"trust/what is distrusted is so in a new epoch, and for as long as it was last said", func(t *testing.T, s store.Store) {
		first, distrusted, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		equal(t, "distrusted at first", distrusted, time.Duration(0))

		since, err := s.InvalidateCache(t.Context(), time.Hour)
		ok(t, "distrust", err)
		equal(t, "distrusted since", since, time.Duration(0))
		since, err = s.InvalidateCache(t.Context(), 90*time.Minute)
		ok(t, "distrust for longer", err)
		if since <= 0 || since > time.Hour {
			t.Errorf("it has been distrusted for %s", since)
		}
		_, err = s.InvalidateCache(t.Context(), time.Minute)
		ok(t, "distrust for less", err)

		epoch, distrusted, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		equal(t, "epochs begun", epoch-first, int64(1))
		if distrusted < time.Hour || distrusted > 90*time.Minute {
			t.Errorf("it is distrusted for %s", distrusted)
		}
	}},
	{"trust/it comes back in time, and ends in another epoch", func(t *testing.T, s store.Store) {
		first, _, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		for round := range int64(2) {
			_, err := s.InvalidateCache(t.Context(), time.Microsecond)
			ok(t, "distrust", err)
			epoch, distrusted, err := s.CacheEpoch(t.Context())
			for ; err == nil && distrusted > 0; epoch, distrusted, err = s.CacheEpoch(t.Context()) {
			}
			ok(t, "ask", err)
			equal(t, "epochs begun", epoch-first, round+1)
		}
	}},
	{"trust/several at once begin one epoch", func(t *testing.T, s store.Store) {
		first, _, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := s.InvalidateCache(t.Context(), time.Hour); err != nil {
					t.Errorf("distrust: %v", err)
				}
			})
		}
		wg.Wait()
		epoch, _, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		equal(t, "epochs begun", epoch-first, int64(1))
	}},
}
