package access

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func rememberMany(p *proved, prefix string, n int) {
	for i := range n {
		p.remember(newKey(), Actor{KeyID: prefix + strconv.Itoa(i)}, time.Time{}, p.epoch())
	}
}

func TestProvedIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProved()
		rememberMany(p, "old", maxProved/2)
		time.Sleep(rememberFor)
		rememberMany(p, "new", maxProved/2+1)
		for i := range maxProved/2 + 1 {
			if _, ok := p.passages["new"+strconv.Itoa(i)]; !ok {
				t.Fatal("a key that is in force gave way to one whose time was over")
			}
		}
		rememberMany(p, "more", maxProved)
		if n := len(p.passages); n != maxProved {
			t.Errorf("%d keys are remembered, want %d", n, maxProved)
		}
	})
}

// What one process remembers is of no use to another, nor to a guess at what was hashed.
func TestProofsOfTwoProcessesDiffer(t *testing.T) {
	t.Parallel()
	k, one, other := newKey(), newProved(), newProved()
	if one.proof(k) == other.proof(k) {
		t.Error("two processes have the same proof of a key")
	}
}
