package access

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func testHasher(parallel int) *hasher {
	return newHasher(parallel, prometheus.NewHistogram(prometheus.HistogramOpts{}))
}

func TestHashVerifies(t *testing.T) {
	t.Parallel()
	h := testHasher(1)
	phc, err := h.hash(t.Context(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(phc, "secret") {
		t.Errorf("hash = %s", phc)
	}
	for secret, want := range map[string]bool{"secret": true, "Secret": false, "": false} {
		if ok, err := h.verify(t.Context(), secret, phc); ok != want || err != nil {
			t.Errorf("verify(%q) = %t, %v", secret, ok, err)
		}
	}
}

// A hash that costs less or more than the real ones would reveal which ids exist.
func TestDummyHashCostsWhatOthersCost(t *testing.T) {
	t.Parallel()
	params, _, _, err := argon2id.DecodeHash(dummyHash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(argon2Params(), params); diff != "" {
		t.Error(diff)
	}
}

func TestDamagedHashIsRefused(t *testing.T) {
	t.Parallel()
	const salt, sum = "XHJ3mfwSQZ65M5SJVzpCrQ", "AeVktfnj6S1Cs9c5AXr/mGp5jFN+LeCxvkzZsAe+HJg"
	for name, phc := range map[string]string{
		"empty":          "",
		"cut off":        "$argon2id$v=19$m=19456,t=2,p=1$" + salt,
		"no iterations":  "$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + sum,
		"no lanes":       "$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + sum,
		"all the memory": "$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + sum,
		"all the time":   "$argon2id$v=19$m=19456,t=4294967295,p=1$" + salt + "$" + sum,
		"no sum":         "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"short sum":      "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AeVktQ",
		"other variant":  "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + sum,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if ok, err := testHasher(1).verify(t.Context(), "secret", phc); ok || err == nil {
				t.Errorf("verify = %t, %v; want an error", ok, err)
			}
		})
	}
}

func TestHasherTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := testHasher(2)
		start, end := 0, make(chan struct{})
		for range 3 {
			go h.compute(t.Context(), func() error {
				start++
				<-end
				return nil
			})
			synctest.Wait()
		}
		if start != 2 {
			t.Errorf("%d hashes at a time, want 2", start)
		}

		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() {
			waiting <- h.compute(ctx, func() error {
				t.Error("computed for a caller who has gone away")
				return nil
			})
		}()
		synctest.Wait()
		cancel()
		for range 20 { // which of the two is ready first is left to chance
			free := testHasher(1)
			err := free.compute(ctx, func() error { return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v; want that of the context", err)
			}
		}
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v; want that of the context", err)
		}

		close(end)
		synctest.Wait()
		if start != 3 {
			t.Errorf("%d hashes in the end, want 3", start)
		}
	})
}
