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
	// cachedKeyTTL is how long a proved key needs no new proof.
	cachedKeyTTL = 5 * time.Minute
	// maxCachedKeys bounds how many keys are remembered, to some megabytes. Past it, one of them gives way.
	maxCachedKeys = 10_000
)

// keyCache remembers the keys that were proved a short while ago, in the memory of this process. What it remembers stands
// under the key's id, so that it can be forgotten by who knows only that, and holds a keyed hash of the key in place of
// the key.
type keyCache struct {
	pepper [sha256.BlockSize]byte // made anew by each process: what one remembers is of no use to another

	mu      sync.RWMutex
	current uint64
	keys    map[string]cachedKey
}

// cachedKey is what is remembered of one key.
type cachedKey struct {
	digest     [sha256.Size]byte
	actor      Actor
	expiresAt  time.Time // zero: never
	validUntil time.Time // by the clock that nobody sets
}

func newKeyCache() *keyCache {
	c := &keyCache{keys: map[string]cachedKey{}}
	rand.Read(c.pepper[:]) // never fails: crypto/rand ends the program instead
	return c
}

// epoch numbers the time between two revocations. Who looks up a key first asks for it, and hands it to remember: what
// was looked up before a revocation must not be remembered after it.
func (c *keyCache) epoch() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.current
}

// get returns who holds exactly this key, and when it expires, if that is remembered.
func (c *keyCache) get(k key) (actor Actor, expiresAt time.Time, ok bool) {
	proof := c.digest(k)
	c.mu.RLock()
	known, ok := c.keys[k.id()]
	c.mu.RUnlock()
	if !ok || !time.Now().Before(known.validUntil) || subtle.ConstantTimeCompare(known.digest[:], proof[:]) == 0 {
		return Actor{}, time.Time{}, false
	}
	known.actor.Scopes = slices.Clone(known.actor.Scopes)
	return known.actor, known.expiresAt, true
}

// put keeps what was looked up in the given epoch, unless that is over.
func (c *keyCache) put(k key, actor Actor, expiresAt time.Time, epoch uint64) {
	now := time.Now()
	actor.Scopes = slices.Clone(actor.Scopes)
	known := cachedKey{digest: c.digest(k), actor: actor, expiresAt: expiresAt, validUntil: now.Add(cachedKeyTTL)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != epoch {
		return
	}
	if len(c.keys) >= maxCachedKeys {
		c.evict(now)
	}
	c.keys[actor.KeyID] = known // not under k.id(), which would keep the whole key in memory
}

// evict forgets the keys whose time is over, or else any one.
func (c *keyCache) evict(now time.Time) {
	for id, known := range c.keys {
		if !now.Before(known.validUntil) {
			delete(c.keys, id)
		}
	}
	for id := range c.keys {
		if len(c.keys) < maxCachedKeys {
			return
		}
		delete(c.keys, id)
	}
}

// remove begins a new epoch and forgets the key with this id. When it returns, nothing that was looked up before is
// remembered of it.
func (c *keyCache) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current++
	delete(c.keys, id)
}

// digest is a hash of the key, keyed with the pepper. Both have one length, so that nothing can be moved between them.
func (c *keyCache) digest(k key) [sha256.Size]byte {
	var text [len(c.pepper) + keyLength]byte
	copy(text[copy(text[:], c.pepper[:]):], k.text)
	return sha256.Sum256(text[:])
}
