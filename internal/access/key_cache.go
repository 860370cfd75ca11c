package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// cachedKeyTTL is how long a verified key is not verified again.
	cachedKeyTTL = 5 * time.Minute
	// maxCachedKeys bounds the cached keys, to some megabytes. Past it, one of them is evicted.
	maxCachedKeys = 10_000
)

// keyCache holds recently verified keys in the memory of this process. Entries are found by the key's id, so that a key
// can be removed without its secret, and hold a keyed hash instead of the key.
type keyCache struct {
	pepper [sha256.BlockSize]byte // random for each process: a cache is of no use outside its process

	mu      sync.RWMutex
	current uint64
	keys    map[string]cachedKey
}

// cachedKey is one entry of the cache.
type cachedKey struct {
	digest     [sha256.Size]byte
	actor      Actor
	expiresAt  time.Time // zero: never
	validUntil time.Time // on the monotonic clock
}

func newKeyCache() *keyCache {
	c := &keyCache{keys: map[string]cachedKey{}}
	rand.Read(c.pepper[:]) // never fails: crypto/rand ends the program instead
	return c
}

// epoch returns a number that every removal increments. Read it before a key is looked up and pass it to put: what was
// looked up before a revocation must not be cached after it.
func (c *keyCache) epoch() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.current
}

// get returns the actor and the expiry of exactly this key, if it is cached.
func (c *keyCache) get(k key) (actor Actor, expiresAt time.Time, ok bool) {
	digest := c.digest(k)
	c.mu.RLock()
	known, ok := c.keys[k.id()]
	c.mu.RUnlock()
	if !ok || !time.Now().Before(known.validUntil) || subtle.ConstantTimeCompare(known.digest[:], digest[:]) == 0 {
		return Actor{}, time.Time{}, false
	}
	known.actor.Scopes = slices.Clone(known.actor.Scopes)
	return known.actor, known.expiresAt, true
}

// put caches what was looked up in the given epoch, unless the epoch has changed since.
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

// evict removes the expired keys, or else an arbitrary one.
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

// remove removes the key with this id and begins a new epoch. When it has returned, nothing that was looked up before is
// in the cache or gets into it.
func (c *keyCache) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current++
	delete(c.keys, id)
}

// removeOf removes the keys of a user, as remove does.
func (c *keyCache) removeOf(user uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current++
	maps.DeleteFunc(c.keys, func(_ string, known cachedKey) bool { return known.actor.User.ID == user })
}

// digest returns the hash of the pepper and the key. Both have a fixed length, so no two different pairs have the same
// input.
func (c *keyCache) digest(k key) [sha256.Size]byte {
	var text [len(c.pepper) + keyLength]byte
	copy(text[copy(text[:], c.pepper[:]):], k.text)
	return sha256.Sum256(text[:])
}
