package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/testdb"
)

// onEveryCache runs a test on every kind of cache there is. key makes a name that no other test uses.
func onEveryCache(t *testing.T, test func(t *testing.T, c cache.Cache, key func(string) string)) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) cache.Cache{
		"memory": func(*testing.T) cache.Cache { return cache.NewMemory(roomy) },
		"redis": func(t *testing.T) cache.Cache {
			return openRedis(t, testdb.Service(t, "TEST_REDIS_URL"), cache.RedisOptions{})
		},
		"cluster": func(t *testing.T) cache.Cache {
			return openRedis(t, testdb.Service(t, "TEST_REDIS_CLUSTER_URL"), cache.RedisOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := "test:{" + uuid.NewString() + "}:"
			test(t, open(t), func(name string) string { return tag + name })
		})
	}
}

func TestCacheKeepsTheLastValue(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		binary := string([]byte{0, 0xff, '\r', '\n', 0})
		c.Set(t.Context(), key("a"), []byte("1"), time.Minute)
		c.Set(t.Context(), key("b"), []byte(binary), time.Minute)
		c.Set(t.Context(), key("a"), []byte("3"), time.Minute)
		c.Set(t.Context(), key("empty"), nil, time.Minute)

		wantValue(t, c, key("a"), "3")
		wantValue(t, c, key("b"), binary)
		wantValue(t, c, key("empty"), "")
		wantNothing(t, c, key("c"))

		got, err := c.GetAll(t.Context(), key("b"), key("c"), key("empty"), key("a"))
		if err != nil || len(got) != 4 || string(got[0]) != binary || got[1] != nil || got[2] == nil || len(got[2]) != 0 || string(got[3]) != "3" {
			t.Errorf("GetAll = %q, %v", got, err)
		}
	})
}

func TestCacheAddsOnlyWhatIsNotThere(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		for _, value := range []string{"first", "second"} {
			if got, err := c.Add(t.Context(), key("a"), []byte(value), time.Minute); err != nil || string(got) != "first" {
				t.Errorf("Add(%q) = %q, %v", value, got, err)
			}
		}
		wantValue(t, c, key("a"), "first")
		if err := c.Delete(t.Context(), key("a")); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Add(t.Context(), key("a"), []byte("third"), time.Minute); err != nil || string(got) != "third" {
			t.Errorf("Add = %q, %v", got, err)
		}
	})
}

func TestCacheAddsOnceForAll(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		got := make([]string, 16)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				value, err := c.Add(t.Context(), key("a"), fmt.Append(nil, i), time.Minute)
				if err != nil {
					t.Error(err)
				}
				got[i] = string(value)
			})
		}
		wg.Wait()
		for i := range got {
			if got[i] != got[0] {
				t.Fatalf("one added %s, another %s", got[0], got[i])
			}
		}
	})
}

func TestCacheForgets(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		for _, name := range []string{"a", "b", "c", "d"} {
			c.Set(t.Context(), key(name), []byte("1"), time.Minute)
		}
		if err := c.Delete(t.Context(), key("a"), key("b"), key("never set")); err != nil {
			t.Fatal(err)
		}
		c.Set(t.Context(), key("c"), []byte("2"), 0)

		wantNothing(t, c, key("a"))
		wantNothing(t, c, key("b"))
		wantNothing(t, c, key("c"))
		wantValue(t, c, key("d"), "1")
		if err := c.Delete(t.Context()); err != nil {
			t.Error("deleting nothing:", err)
		}
	})
}

func TestCacheForgetsAllThatBeginsWith(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		for _, name := range []string{"a*:1", "a*:2", "ab:1", "a"} {
			c.Set(t.Context(), key(name), []byte("1"), time.Minute)
		}
		if err := c.DeleteAll(t.Context(), key("a*:")); err != nil {
			t.Fatal(err)
		}
		wantNothing(t, c, key("a*:1"))
		wantNothing(t, c, key("a*:2"))
		wantValue(t, c, key("ab:1"), "1")
		wantValue(t, c, key("a"), "1")
	})
}

// The memory's time is tested with a clock of its own; here it is only seen that the time reaches the server.
func TestCacheEndsAnEntryInItsTime(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		c.Set(t.Context(), key("short"), []byte("1"), 30*time.Millisecond)
		if _, err := c.Add(t.Context(), key("added"), []byte("1"), 30*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		c.Set(t.Context(), key("long"), []byte("1"), time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for _, name := range []string{"short", "added"} {
			for {
				if _, ok := c.Get(ctx, key(name)); !ok {
					break
				}
			}
		}
		if ctx.Err() != nil {
			t.Error("still there")
		}
		wantValue(t, c, key("long"), "1")
	})
}

func TestCacheHoldsLargeValues(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		large := bytes.Repeat([]byte("0123456789abcdef"), 30_000)
		c.Set(t.Context(), key("large"), large, time.Minute)
		if got, ok := c.Get(t.Context(), key("large")); !ok || !bytes.Equal(got, large) {
			t.Errorf("%d bytes came back of %d", len(got), len(large))
		}
	})
}

func TestCacheServesManyAtOnce(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, key func(string) string) {
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				name := key(fmt.Sprint(worker % 4))
				for range 50 {
					c.Set(t.Context(), name, []byte(name), time.Minute)
					if got, ok := c.Get(t.Context(), name); ok && string(got) != name {
						t.Errorf("Get(%q) = %q", name, got)
						return
					}
					if err := c.Delete(t.Context(), name); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestRedisReturnsWhenTheCallerIsCancelled(t *testing.T) {
	t.Parallel()
	r := openRedis(t, testdb.Service(t, "TEST_REDIS_URL"), cache.RedisOptions{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 { // more than would make it give up on the server
		if _, err := r.GetAll(gone, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
	}
	if err := r.Ping(t.Context()); err != nil {
		t.Error("it gave up on the server because its callers left:", err)
	}
}
