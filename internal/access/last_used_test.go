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
		d := newTestAuthenticator(t, p)
		u := p.add()
		first, firstText := makeKey(t, d, u)
		second, secondText := makeKey(t, d, u)
		unused, _ := makeKey(t, d, u)

		wantAccepted(t, d, firstText)
		firstUse := time.Now()
		time.Sleep(time.Second)
		wantAccepted(t, d, secondText)
		wantAccepted(t, d, secondText)
		secondUse := time.Now()
		time.Sleep(time.Second)
		wantRefusal(t, d, withSecret(second, "x"), "unknown_key")
		flush(t, d)

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
	d := newTestAuthenticator(t, p)
	writes := 0
	p.touched = func() error { writes++; return nil }
	flush(t, d)
	d.lastUsed.record("a", time.Now())
	flush(t, d)
	flush(t, d)
	if writes != 1 {
		t.Errorf("%d writes, want 1", writes)
	}
}

func TestFlushLastUsedKeepsWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	early := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	late := early.Add(time.Hour)
	d.lastUsed.record("a", early)
	d.lastUsed.record("b", late)
	full := errors.New("disk full")
	p.touched = func() error {
		d.lastUsed.record("a", late) // used while it was being written
		d.lastUsed.record("b", early)
		return full
	}
	if err := d.FlushLastUsed(t.Context()); !errors.Is(err, full) {
		t.Errorf("error = %v; want that of the store", err)
	}
	p.touched = nil
	flush(t, d)
	if want := map[string]time.Time{"a": late, "b": late}; !maps.Equal(p.used, want) {
		t.Errorf("used = %v; want %v", p.used, want)
	}
}

func TestLastUsedIsBounded(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	early := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range maxLastUsed + 5 {
		d.lastUsed.record(fmt.Sprint(i), early)
	}
	d.lastUsed.record("0", early.Add(time.Hour)) // a key that has its place is still updated
	flush(t, d)
	if len(p.used) != maxLastUsed || !p.used["0"].Equal(early.Add(time.Hour)) {
		t.Errorf("%d uses, the first at %v", len(p.used), p.used["0"])
	}
}

func TestLastUsedFromManyRequests(t *testing.T) {
	t.Parallel()
	p := newFakeStore()
	d := newTestAuthenticator(t, p)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				d.lastUsed.record(fmt.Sprint(i%7), start.Add(time.Duration(i)*time.Second))
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			if err := d.FlushLastUsed(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	flush(t, d)
	if len(p.used) != 7 {
		t.Errorf("%d keys, want 7", len(p.used))
	}
}

func flush(t *testing.T, d *Authenticator) {
	t.Helper()
	if err := d.FlushLastUsed(t.Context()); err != nil {
		t.Fatal(err)
	}
}
