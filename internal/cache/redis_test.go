package cache_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/testdb"
)

func TestRedisURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:6379", "http://localhost", "redis://:geheim@host/notanumber", "redis://h:geheim@[", "redis://h/1/2"} {
		r, err := cache.OpenRedis(url, cache.RedisOptions{})
		if err == nil {
			r.Close()
			t.Errorf("%q is taken for a Redis", url)
			continue
		}
		if strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "rediss://") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// A server that is not there is no failure, and costs no time.
func TestRedisThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	s.kill()
	r, err := cache.OpenRedis(s.url(), cache.RedisOptions{Timeout: patient})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	r.Set(t.Context(), "a", []byte("1"), time.Minute)
	wantNothing(t, r, "a")
	if err := r.Delete(t.Context(), "a"); !errors.Is(err, cache.ErrUnreachable) {
		t.Errorf("Delete = %v", err)
	}
	if _, err := r.Add(t.Context(), "a", nil, time.Minute); !errors.Is(err, cache.ErrUnreachable) {
		t.Errorf("Add = %v", err)
	}
	if _, err := r.Stats(t.Context()); !errors.Is(err, cache.ErrUnreachable) {
		t.Errorf("Stats = %v", err)
	}
	s.start()
	waitFor(t, r)
	r.Set(t.Context(), "a", []byte("1"), time.Minute)
	wantValue(t, r, "a", "1")
}

// A restarted server may have the data of a while ago; none of it may be taken for what was set last.
func TestRedisIsEmptyAfterARestart(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "--dbfilename", "old.rdb")
	r := openRedis(t, s.url(), cache.RedisOptions{})
	r.Set(t.Context(), "deleted later", []byte("old"), time.Hour)
	s.command("save")
	if err := r.Delete(t.Context(), "deleted later"); err != nil {
		t.Fatal(err)
	}
	s.kill()
	s.start()
	waitFor(t, r)
	if got := s.command("exists", cache.Prefix+"deleted later"); got != "1\n" {
		t.Fatalf("the server did not bring the old data back (%q): the test proves nothing", got)
	}
	wantNothing(t, r, "deleted later")
	if got, err := r.Add(t.Context(), "deleted later", []byte("new"), time.Hour); err != nil || string(got) != "new" {
		t.Errorf("Add = %q, %v", got, err)
	}
	wantValue(t, r, "deleted later", "new")
}

// A server that hangs costs a bounded time, is left alone, and is used again when it goes on.
func TestRedisThatHangs(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	r := openRedis(t, s.url(), cache.RedisOptions{Timeout: 20 * time.Millisecond})
	var calls, slow atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				r.Get(ctx, "a")
				calls.Add(1)
				// Far more than the 20 ms: the machine may be busy, but who waits for the server waits for ever.
				if time.Since(begun) > 20*time.Second {
					slow.Add(1)
				}
			}
		})
	}
	s.signal(syscall.SIGSTOP)
	for before := calls.Load(); calls.Load() < before+10_000; { // only calls that are not made are so many
		runtime.Gosched()
	}
	if err := r.Ping(t.Context()); !errors.Is(err, cache.ErrUnreachable) {
		t.Errorf("Ping = %v", err)
	}
	s.signal(syscall.SIGCONT)
	waitFor(t, r)
	stop()
	load.Wait()
	if n := slow.Load(); n > 0 {
		t.Errorf("%d of %d calls waited for the server", n, calls.Load())
	}
}

func TestRedisStatsAndFlush(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	r := openRedis(t, s.url(), cache.RedisOptions{})
	s.command("set", "of somebody else", "1")
	r.Set(t.Context(), "cache:{u}:version", []byte("1"), time.Hour)
	r.Set(t.Context(), "cache:{u}:answer:day:x", []byte("1"), time.Hour)
	r.Set(t.Context(), "cache:{v}:answer:day:x", []byte("1"), time.Hour)
	r.Set(t.Context(), "limit:{k}:reads", []byte("1"), time.Hour)
	got, err := r.Stats(t.Context())
	if err != nil || got.Memory < 100_000 {
		t.Errorf("Stats = %+v, %v", got, err)
	}
	got.Memory = 0
	if want := (cache.Stats{Responses: 2, Versions: 1, Limits: 1, Nodes: 1}); got != want {
		t.Errorf("Stats = %+v, want %+v", got, want)
	}
	if n, err := r.Flush(t.Context()); err != nil || n != 3 {
		t.Errorf("Flush = %d, %v", n, err)
	}
	wantNothing(t, r, "cache:{u}:version")
	wantValue(t, r, "limit:{k}:reads", "1")
	if got := s.command("get", "of somebody else"); got != "1\n" {
		t.Errorf("flushed what is not ours: %q", got)
	}
}

// Of a user who is gone there is no key left.
func TestErasedUsersLeaveNothing(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	a := cache.NewResponseCache(openRedis(t, s.url(), cache.RedisOptions{}), nil)
	gone, stays := uuid.New(), uuid.New()
	asked := 0
	for _, user := range []uuid.UUID{gone, stays} {
		wantAnswer(t, a, about(user, "steps"), says("1", &asked), "1")
		wantAnswer(t, a, about(user, ""), says("1", &asked), "1")
	}
	if err := a.Erase(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	keys := s.command("keys", "*")
	if strings.Contains(keys, gone.String()) || !strings.Contains(keys, stays.String()) {
		t.Errorf("there are left:\n%s", keys)
	}
}

func TestClusterStats(t *testing.T) {
	t.Parallel()
	r := openRedis(t, testdb.Service(t, "TEST_REDIS_CLUSTER_URL"), cache.RedisOptions{})
	for _, user := range []string{"a", "b", "c", "d", "e", "f"} { // on all nodes
		r.Set(t.Context(), "cache:{"+user+"}:version", []byte("1"), time.Hour)
	}
	got, err := r.Stats(t.Context())
	if err != nil || got.Nodes != 3 || got.Versions < 6 {
		t.Errorf("Stats = %+v, %v", got, err)
	}
}
