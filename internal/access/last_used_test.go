package access

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFlushLastUsedWritesWhenKeysWereUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newFakeStore()
		a := newTestAuthenticator(t, p)
		u := p.add()
		first, firstText := makeKey(t, a, u)
		second, secondText := makeKey(t, a, u)
		unused, _ := makeKey(t, a, u)

		wantAccepted(t, a, firstText)
		firstUse := time.Now()
		time.Sleep(time.Second)
		wantAccepted(t, a, secondText)
		wantAccepted(t, a, secondText)
		secondUse := time.Now()
		time.Sleep(time.Second)
		wantRefusal(t, a, withSecret(second, "x"), "unknown_key")
		flush(t, a)

		if !p.used[first].Equal(firstUse) || !p.used[second].Equal(secondUse) {
			t.Errorf("used = %v; want %v and %v", p.used, firstUse, secondUse)
		}
		if _, ok := p.used[unused]; ok || len(p.used) != 2 {
			t.Errorf("used = %v; want two keys", p.used)
		}
	})
}

func TestFlushLastUsedWritesNothingTwice(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	writes := 0
	p.touched = func() error { writes++; return nil }
	flush(t, a)
	a.lastUsed.record("a", time.Now())
	flush(t, a)
	flush(t, a)
	if writes != 1 {
		t.Errorf("%d writes, want 1", writes)
	}
}

func TestFlushLastUsedKeepsWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	early := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	late := early.Add(time.Hour)
	a.lastUsed.record("a", early)
	a.lastUsed.record("b", late)
	full := errors.New("disk full")
	p.touched = func() error {
		a.lastUsed.record("a", late) // used while it was being written
		a.lastUsed.record("b", early)
		return full
	}
	if err := a.FlushLastUsed(t.Context()); !errors.Is(err, full) {
		t.Errorf("error = %v; want that of the store", err)
	}
	p.touched = nil
	flush(t, a)
	if want := map[string]time.Time{"a": late, "b": late}; !maps.Equal(p.used, want) {
		t.Errorf("used = %v; want %v", p.used, want)
	}
}

func TestLastUsedIsBounded(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	early := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range maxLastUsed + 5 {
		a.lastUsed.record(fmt.Sprint(i), early)
	}
	a.lastUsed.record("0", early.Add(time.Hour)) // a key that has its place is still updated
	flush(t, a)
	if len(p.used) != maxLastUsed || !p.used["0"].Equal(early.Add(time.Hour)) {
		t.Errorf("%d uses, the first at %v", len(p.used), p.used["0"])
	}
}

func TestLastUsedFromManyRequests(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	a := newTestAuthenticator(t, p)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				a.lastUsed.record(fmt.Sprint(i%7), start.Add(time.Duration(i)*time.Second))
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			if err := a.FlushLastUsed(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	flush(t, a)
	if len(p.used) != 7 {
		t.Errorf("%d keys, want 7", len(p.used))
	}
}

func flush(t *testing.T, a *Authenticator) {
	t.Helper()
	if err := a.FlushLastUsed(t.Context()); err != nil {
		t.Fatal(err)
	}
}
