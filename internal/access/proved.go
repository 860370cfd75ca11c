package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"sync"
	"time"
)

const (
	// rememberFor is how long a proved key needs no new proof.
	rememberFor = 5 * time.Minute
	// maxProved bounds how many keys are remembered, to some megabytes. Past it, one of them gives way.
	maxProved = 10_000
)

// proved remembers the keys that were proved a short while ago, in the memory of this process. What it remembers stands
// under the key's id, so that it can be forgotten by who knows only that, and holds a keyed hash of the key in place of
// the key.
type proved struct {
	pepper [sha256.BlockSize]byte // made anew by each process: what one remembers is of no use to another

	mu       sync.RWMutex
	epochs   uint64
	passages map[string]passage
}

// passage is what is remembered of one key.
type passage struct {
	proof     [sha256.Size]byte
	actor     Actor
	expiresAt time.Time // zero: never
	until     time.Time // by the clock that nobody sets
}

func newProved() *proved {
	p := &proved{passages: map[string]passage{}}
	rand.Read(p.pepper[:]) // never fails: crypto/rand ends the program instead
	return p
}

// epoch numbers the time between two revocations. Who looks up a key first asks for it, and hands it to remember: what
// was looked up before a revocation must not be remembered after it.
func (p *proved) epoch() uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.epochs
}

// recall returns who holds exactly this key, and when it expires, if that is remembered.
func (p *proved) recall(k key) (actor Actor, expiresAt time.Time, ok bool) {
	proof := p.proof(k)
	p.mu.RLock()
	known, ok := p.passages[k.id()]
	p.mu.RUnlock()
	if !ok || !time.Now().Before(known.until) || subtle.ConstantTimeCompare(known.proof[:], proof[:]) == 0 {
		return Actor{}, time.Time{}, false
	}
	known.actor.Scopes = slices.Clone(known.actor.Scopes)
	return known.actor, known.expiresAt, true
}

// remember keeps what was looked up in the given epoch, unless that is over.
func (p *proved) remember(k key, actor Actor, expiresAt time.Time, epoch uint64) {
	now := time.Now()
	actor.Scopes = slices.Clone(actor.Scopes)
	known := passage{proof: p.proof(k), actor: actor, expiresAt: expiresAt, until: now.Add(rememberFor)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epochs != epoch {
		return
	}
	if len(p.passages) >= maxProved {
		p.makeRoom(now)
	}
	p.passages[actor.KeyID] = known // not under k.id(), which would keep the whole key in memory
}

// makeRoom forgets the keys whose time is over, or else any one.
func (p *proved) makeRoom(now time.Time) {
	for id, known := range p.passages {
		if !now.Before(known.until) {
			delete(p.passages, id)
		}
	}
	for id := range p.passages {
		if len(p.passages) < maxProved {
			return
		}
		delete(p.passages, id)
	}
}

// forget begins a new epoch and forgets the key with this id. When it returns, nothing that was looked up before is
// remembered of it.
func (p *proved) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epochs++
	delete(p.passages, id)
}

// proof is a hash of the key, keyed with the pepper. Both have one length, so that nothing can be moved between them.
func (p *proved) proof(k key) [sha256.Size]byte {
	var text [len(p.pepper) + keyLength]byte
	copy(text[copy(text[:], p.pepper[:]):], k.text)
	return sha256.Sum256(text[:])
}
