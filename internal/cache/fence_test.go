package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/cache"
)

// memoryFence is a Trust for the processes of a test.
type memoryFence struct {
	mu           sync.Mutex
	epoch        int64
	since, until time.Time
	broken       error // what it answers instead
}

func (a *memoryFence) CacheEpoch(context.Context) (int64, time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.epoch, max(time.Until(a.until), 0), a.broken
}

func (a *memoryFence) InvalidateCache(_ context.Context, d time.Duration) (time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken != nil {
		return 0, a.broken
	}
	now := time.Now()
	if a.until.Before(now.Add(d / 2)) {
		a.epoch++
		a.since = now
	}
	a.until = now.Add(d)
	return now.Sub(a.since), nil
}

func (a *memoryFence) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = err
}

// unreachableCache is a cache that one process cannot always reach, while others can.
type unreachableCache struct {
	cache.Cache
	unreachable atomic.Bool
}

func (c *unreachableCache) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	if c.unreachable.Load() {
		return nil, cache.ErrUnreachable
	}
	return c.Cache.GetAll(ctx, keys...)
}

func (c *unreachableCache) Delete(ctx context.Context, keys ...string) error {
	if c.unreachable.Load() {
		return cache.ErrUnreachable
	}
	return c.Cache.Delete(ctx, keys...)
}

// refreshing has processes ask for trust every half second, until ctx ends.
func refreshing(ctx context.Context, processes ...*cache.ResponseCache) {
	for _, a := range processes {
		_ = a.Refresh(ctx) // it may not be there yet
		go func() {
			ticker := time.NewTicker(500 * time.Millisecond)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					_ = a.Refresh(ctx)
				}
			}
		}()
	}
}

// One process writes and cannot reach the cache; another reaches it all the time.
func TestInvalidationThatTheCacheMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shared, trust := cache.NewMemory(roomy), &memoryFence{}
		far := &unreachableCache{Cache: shared}
		writer, reader := cache.NewSharedResponseCache(far, trust, nil), cache.NewSharedResponseCache(shared, trust, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		refreshing(ctx, writer, reader)
		q := about(uuid.New(), "")
		asked := 0
		wantAnswer(t, reader, q, says("old", &asked), "old")
		wantAnswer(t, reader, q, says("old", &asked), "old")
		if asked != 1 {
			t.Fatalf("asked %d times, want 1: nothing is remembered", asked)
		}
		time.Sleep(300 * time.Millisecond) // so that the reader has just asked, or is about to

		far.unreachable.Store(true)
		for range 5 {
			begun := time.Now()
			writer.InvalidateMetrics(t.Context(), q.User, []string{"steps"})
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("the writer was held up for %s", took)
			}
			asked = 0
			wantAnswer(t, reader, q, says("new", &asked), "new")
			wantAnswer(t, writer, q, says("new", &asked), "new")
			if asked != 2 {
				t.Errorf("asked %d times while the cache is not believed, want 2", asked)
			}
		}
		time.Sleep(time.Second)
		begun := time.Now()
		writer.InvalidateMetrics(t.Context(), q.User, nil)
		if took := time.Since(begun); took > 0 {
			t.Errorf("a writer was held up for %s though everybody knows", took)
		}

		far.unreachable.Store(false)
		time.Sleep(15 * time.Second)
		asked = 0
		wantAnswer(t, reader, q, says("newer", &asked), "newer")
		wantAnswer(t, writer, q, says("newer", &asked), "newer")
		if asked != 1 {
			t.Errorf("asked %d times, want 1: the cache is not used again", asked)
		}
	})
}

// Who cannot ask whether the cache may be believed does not believe it, and who cannot have it distrusted tries again.
func TestFenceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		trust := &memoryFence{broken: errors.New("connection refused")}
		far := &unreachableCache{Cache: cache.NewMemory(roomy)}
		a := cache.NewSharedResponseCache(far, trust, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		refreshing(ctx, a)
		q := about(uuid.New(), "")
		asked := 0
		ask := func(want int) {
			t.Helper()
			asked = 0
			for range 3 {
				wantAnswer(t, a, q, says("1", &asked), "1")
			}
			if asked != want {
				t.Errorf("asked %d times, want %d", asked, want)
			}
		}
		ask(3)
		trust.fail(nil)
		time.Sleep(time.Second)
		ask(1)
		trust.fail(errors.New("connection refused"))
		time.Sleep(3 * time.Second)
		ask(3)

		far.unreachable.Store(true)
		go func() {
			time.Sleep(5 * time.Second)
			trust.fail(nil)
		}()
		a.InvalidateMetrics(t.Context(), q.User, nil)
		if _, distrusted, _ := trust.CacheEpoch(t.Context()); distrusted == 0 {
			t.Error("the cache is believed")
		}
	})
}

// Processes that lose and find the cache at any time, each by itself: nobody gets an answer that is older than the last
// change that was over when they asked.
func TestNoResponseIsOlderWhateverProcessLosesTheCache(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			shared, trust := cache.NewMemory(roomy), &memoryFence{}
			w := newSimulation()
			var caches [3]*unreachableCache
			for i := range caches {
				caches[i] = &unreachableCache{Cache: shared}
				w.instances = append(w.instances, cache.NewSharedResponseCache(caches[i], trust, nil))
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			refreshing(ctx, w.instances...)
			var wg sync.WaitGroup
			for worker := range uint64(6) {
				random := rand.New(rand.NewPCG(seed, worker)) // #nosec G404 -- a test
				wg.Go(func() {
					for range 100 {
						time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
						i := random.IntN(len(caches))
						if random.IntN(5) == 0 {
							caches[i].unreachable.Store(random.IntN(2) == 0)
						}
						w.do(t.Context(), step{Instance: i, Write: random.IntN(4) == 0, Metric: random.IntN(3)})
					}
				})
			}
			wg.Wait()
			if n := w.stale.Load(); n > 0 {
				t.Errorf("%d answers were older than the last change", n)
			}
		})
	})
}

// Redis hangs and goes on, dies and comes back, without its data and with old data, while two processes read and write.
func TestNoResponseIsStaleWhateverRedisDoes(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	trust, w := &memoryFence{}, newSimulation()
	var redises [2]*cache.Redis
	for i := range redises {
		redises[i] = openRedis(t, s.url(), cache.RedisOptions{Timeout: 50 * time.Millisecond})
		w.instances = append(w.instances, cache.NewSharedResponseCache(redises[i], trust, nil))
	}
	refreshing(t.Context(), w.instances...)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var reads, writes atomic.Int64
	for worker := range 6 {
		load.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				write := worker < 2 && i%4 == 0
				w.do(t.Context(), step{Instance: worker % 2, Write: write, Metric: i % 3})
				if reads.Add(1); write {
					writes.Add(1)
				}
			}
		})
	}
	more := func(counter *atomic.Int64, n int64) {
		for before := counter.Load(); counter.Load() < before+n; {
			runtime.Gosched()
		}
	}
	for round := range 4 {
		more(&reads, 200)
		switch round {
		case 0, 1:
			s.signal(syscall.SIGSTOP)
			more(&writes, int64(2*round)) // some are waiting when it goes on, or none
			s.signal(syscall.SIGCONT)
		case 2:
			s.kill()
			more(&reads, 200)
			s.start()
		case 3:
			s.command("save")
			s.kill()
			more(&reads, 200)
			s.start()
		}
		waitFor(t, redises[0])
		waitFor(t, redises[1])
	}
	more(&writes, 4)
	stop()
	load.Wait()
	if n := w.stale.Load(); n > 0 {
		t.Errorf("%d of %d answers were older than the last change", n, reads.Load())
	}
	for i := 0; ; i++ { // until it is used again
		asked := 0
		q := about(w.user, fmt.Sprint("used again ", i))
		wantAnswer(t, w.instances[0], q, says("1", &asked), "1")
		wantAnswer(t, w.instances[1], q, says("1", &asked), "1")
		if asked == 1 {
			break
		}
		runtime.Gosched()
	}
}
