package access

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func cacheMany(p *keyCache, prefix string, n int) {
	for i := range n {
		p.put(newKey(), Actor{KeyID: prefix + strconv.Itoa(i)}, time.Time{}, p.epoch())
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newKeyCache()
		cacheMany(p, "old", maxCachedKeys/2)
		time.Sleep(cachedKeyTTL)
		cacheMany(p, "new", maxCachedKeys/2+1)
		for i := range maxCachedKeys/2 + 1 {
			if _, ok := p.keys["new"+strconv.Itoa(i)]; !ok {
				t.Fatal("a key that is in force gave way to one whose time was over")
			}
		}
		cacheMany(p, "more", maxCachedKeys)
		if n := len(p.keys); n != maxCachedKeys {
			t.Errorf("%d keys are remembered, want %d", n, maxCachedKeys)
		}
	})
}

// What one process remembers is of no use to another, nor to a guess at what was hashed.
func TestDigestsOfTwoProcessesDiffer(t *testing.T) {
	t.Parallel()
	k, one, other := newKey(), newKeyCache(), newKeyCache()
	if one.digest(k) == other.digest(k) {
		t.Error("two processes have the same proof of a key")
	}
}
