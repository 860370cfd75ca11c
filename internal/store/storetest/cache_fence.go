package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/store"
)

var cacheFenceTests = []test{
	{"cache fence/invalidating begins an epoch, and lasts as long as the longest call asks for", func(t *testing.T, s store.Store) {
		first, distrusted, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		equal(t, "invalid at first", distrusted, time.Duration(0))

		since, err := s.InvalidateCache(t.Context(), time.Hour)
		ok(t, "invalidate", err)
		equal(t, "invalid since", since, time.Duration(0))
		since, err = s.InvalidateCache(t.Context(), 90*time.Minute)
		ok(t, "invalidate for longer", err)
		if since <= 0 || since > time.Hour {
			t.Errorf("it has been invalid for %s", since)
		}
		_, err = s.InvalidateCache(t.Context(), time.Minute)
		ok(t, "invalidate for less", err)

		epoch, distrusted, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		equal(t, "epochs begun", epoch-first, int64(1))
		if distrusted < time.Hour || distrusted > 90*time.Minute {
			t.Errorf("it is invalid for %s", distrusted)
		}
	}},
	{"cache fence/it expires, and the next call begins another epoch", func(t *testing.T, s store.Store) {
		first, _, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		for round := range int64(2) {
			_, err := s.InvalidateCache(t.Context(), time.Microsecond)
			ok(t, "invalidate", err)
			epoch, distrusted, err := s.CacheEpoch(t.Context())
			for ; err == nil && distrusted > 0; epoch, distrusted, err = s.CacheEpoch(t.Context()) {
			}
			ok(t, "ask", err)
			equal(t, "epochs begun", epoch-first, round+1)
		}
	}},
	{"cache fence/several calls at once begin one epoch", func(t *testing.T, s store.Store) {
		first, _, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := s.InvalidateCache(t.Context(), time.Hour); err != nil {
					t.Errorf("invalidate: %v", err)
				}
			})
		}
		wg.Wait()
		epoch, _, err := s.CacheEpoch(t.Context())
		ok(t, "ask", err)
		equal(t, "epochs begun", epoch-first, int64(1))
	}},
}
