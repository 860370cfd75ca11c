package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/cache"
)

// rememberFor is how long a proved key needs no new proof.
const rememberFor = 5 * time.Minute

// proved remembers the keys that were proved a short while ago. What it remembers stands under the key's id, so that
// it can be forgotten by who knows only that, and holds a keyed hash of the key in place of the key.
type proved struct {
	cache   cache.Cache
	hmacKey [32]byte // made anew by each process: what one remembers is of no use to another

	mu     sync.Mutex
	epochs uint64
}

// passage is what is remembered of one key.
type passage struct {
	Proof     []byte
	Actor     Actor
	ExpiresAt time.Time // zero: never
}

func newProved(c cache.Cache) *proved {
	p := &proved{cache: c}
	rand.Read(p.hmacKey[:]) // never fails: crypto/rand ends the program instead
	return p
}

// epoch numbers the time between two revocations. Who looks up a key first asks for it, and hands it to remember: what
// was looked up before a revocation must not be remembered after it.
func (p *proved) epoch() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epochs
}

// recall returns what is remembered of exactly this key.
func (p *proved) recall(ctx context.Context, k key) (passage, bool) {
	value, ok := p.cache.Get(ctx, cacheKey(k.id()))
	if !ok {
		return passage{}, false
	}
	var known passage
	if json.Unmarshal(value, &known) != nil || !hmac.Equal(known.Proof, p.proof(k)) {
		return passage{}, false
	}
	return known, true
}

// remember keeps what was looked up in the given epoch, unless that is over.
func (p *proved) remember(ctx context.Context, k key, actor Actor, expiresAt time.Time, epoch uint64) error {
	value, err := json.Marshal(passage{Proof: p.proof(k), Actor: actor, ExpiresAt: expiresAt})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epochs == epoch {
		p.cache.Set(ctx, cacheKey(k.id()), value, rememberFor)
	}
	return nil
}

// forget begins a new epoch and forgets the key with this id. When it returns, nothing that was looked up before is
// remembered of it.
func (p *proved) forget(ctx context.Context, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epochs++
	_ = p.cache.Delete(context.WithoutCancel(ctx), cacheKey(id)) // the memory of a process never fails
}

func (p *proved) proof(k key) []byte {
	mac := hmac.New(sha256.New, p.hmacKey[:])
	mac.Write([]byte(k.text))
	return mac.Sum(nil)
}

func cacheKey(id string) string { return "key:" + id }
