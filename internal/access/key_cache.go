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
	// cacheFor is how long a proved key needs no new proof.
	cacheFor = 5 * time.Minute
	// maxCachedKeys bounds how many keys are remembered, to some megabytes. Past it, one of them gives way.
	maxCachedKeys = 10_000
)

// keyCache remembers the keys that were proved a short while ago, in the memory of this process. What it remembers stands
// under the key's id, so that it can be forgotten by who knows only that, and holds a keyed hash of the key in place of
// the key.
type keyCache struct {
	pepper [sha256.BlockSize]byte // made anew by each process: what one remembers is of no use to another

	mu     sync.RWMutex
	epochs uint64
	keys   map[string]cachedKey
}

// cachedKey is what is remembered of one key.
type cachedKey struct {
	proof     [sha256.Size]byte
	actor     Actor
	expiresAt time.Time // zero: never
	until     time.Time // by the clock that nobody sets
}

func newKeyCache() *keyCache {
	p := &keyCache{keys: map[string]cachedKey{}}
	rand.Read(p.pepper[:]) // never fails: crypto/rand ends the program instead
	return p
}

// epoch numbers the time between two revocations. Who looks up a key first asks for it, and hands it to remember: what
// was looked up before a revocation must not be remembered after it.
func (p *keyCache) epoch() uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.epochs
}

// get returns who holds exactly this key, and when it expires, if that is remembered.
func (p *keyCache) get(k key) (actor Actor, expiresAt time.Time, ok bool) {
	proof := p.proof(k)
	p.mu.RLock()
	known, ok := p.keys[k.id()]
	p.mu.RUnlock()
	if !ok || !time.Now().Before(known.until) || subtle.ConstantTimeCompare(known.proof[:], proof[:]) == 0 {
		return Actor{}, time.Time{}, false
	}
	known.actor.Scopes = slices.Clone(known.actor.Scopes)
	return known.actor, known.expiresAt, true
}

// put keeps what was looked up in the given epoch, unless that is over.
func (p *keyCache) put(k key, actor Actor, expiresAt time.Time, epoch uint64) {
	now := time.Now()
	actor.Scopes = slices.Clone(actor.Scopes)
	known := cachedKey{proof: p.proof(k), actor: actor, expiresAt: expiresAt, until: now.Add(cacheFor)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epochs != epoch {
		return
	}
	if len(p.keys) >= maxCachedKeys {
		p.evict(now)
	}
	p.keys[actor.KeyID] = known // not under k.id(), which would keep the whole key in memory
}

// evict forgets the keys whose time is over, or else any one.
func (p *keyCache) evict(now time.Time) {
	for id, known := range p.keys {
		if !now.Before(known.until) {
			delete(p.keys, id)
		}
	}
	for id := range p.keys {
		if len(p.keys) < maxCachedKeys {
			return
		}
		delete(p.keys, id)
	}
}

// forget begins a new epoch and forgets the key with this id. When it returns, nothing that was looked up before is
// remembered of it.
func (p *keyCache) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epochs++
	delete(p.keys, id)
}

// proof is a hash of the key, keyed with the pepper. Both have one length, so that nothing can be moved between them.
func (p *keyCache) proof(k key) [sha256.Size]byte {
	var text [len(p.pepper) + keyLength]byte
	copy(text[copy(text[:], p.pepper[:]):], k.text)
	return sha256.Sum256(text[:])
}
