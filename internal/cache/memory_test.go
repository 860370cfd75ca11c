package cache_test

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/health-export/health-export/internal/cache"
)

const testCacheSize = 1 << 20

func TestMemoryKeepsWhatIsSet(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(testCacheSize)
	m.Set(t.Context(), "a", []byte("1"), time.Minute)
	m.Set(t.Context(), "b", []byte("2"), time.Minute)
	m.Set(t.Context(), "a", []byte("3"), time.Minute)
	m.Set(t.Context(), "empty", nil, time.Minute)

	wantValue(t, m, "a", "3")
	wantValue(t, m, "b", "2")
	wantValue(t, m, "empty", "")
	wantNothing(t, m, "c")
}

func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(testCacheSize)
	for _, key := range []string{"a", "b", "c", "d"} {
		m.Set(t.Context(), key, []byte("1"), time.Minute)
	}
	m.Delete(t.Context(), "a", "b", "never set")
	m.Set(t.Context(), "c", []byte("2"), 0)

	wantNothing(t, m, "a")
	wantNothing(t, m, "b")
	wantNothing(t, m, "c")
	wantValue(t, m, "d", "1")
}

func TestMemoryCopiesInAndOut(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(testCacheSize)
	sent := []byte("steps")
	m.Set(t.Context(), "a", sent, time.Minute)
	copy(sent, "XXXXX")
	wantValue(t, m, "a", "steps")

	got, _ := m.Get(t.Context(), "a")
	copy(got, "YYYYY")
	wantValue(t, m, "a", "steps")
}

func TestMemoryEndsEachEntryInItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cache.NewMemory(testCacheSize)
		m.Set(t.Context(), "short", []byte("1"), time.Second)
		m.Set(t.Context(), "long", []byte("1"), time.Hour)
		m.Set(t.Context(), "renewed", []byte("1"), time.Second)

		time.Sleep(time.Second - time.Nanosecond)
		wantValue(t, m, "short", "1")
		m.Set(t.Context(), "renewed", []byte("2"), time.Minute)

		time.Sleep(time.Nanosecond)
		wantNothing(t, m, "short")
		wantValue(t, m, "renewed", "2")

		time.Sleep(time.Minute)
		wantNothing(t, m, "renewed")
		wantValue(t, m, "long", "1")

		time.Sleep(time.Hour)
		wantNothing(t, m, "long")
	})
}

// A read must not extend the life of an entry: a cached key would never be looked up again.
func TestMemoryReadingDoesNotProlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cache.NewMemory(testCacheSize)
		m.Set(t.Context(), "a", []byte("1"), time.Minute)
		for range 6 {
			wantValue(t, m, "a", "1")
			time.Sleep(10 * time.Second)
		}
		wantNothing(t, m, "a")
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 100, 4 << 10} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			// In the bubble, Wait returns when the cache has made room.
			synctest.Test(t, func(t *testing.T) {
				const limit = 64 << 10
				m := cache.NewMemory(limit)
				value := bytes.Repeat([]byte{'v'}, size)
				for i := range 2000 {
					m.Set(t.Context(), fmt.Sprint("key", i), value, time.Hour)
				}
				synctest.Wait()

				held, count := 0, 0
				for i := range 2000 {
					if v, ok := m.Get(t.Context(), fmt.Sprint("key", i)); ok {
						held += len(v)
						count++
					}
				}
				if held > limit || count == 2000 {
					t.Errorf("holds %d values of together %d bytes, limit %d", count, held, limit)
				}
				if count == 0 {
					t.Error("holds nothing, although values fit")
				}
			})
		})
	}
}

func TestMemoryDoesNotHoldWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cache.NewMemory(1 << 10)
		m.Set(t.Context(), "small", []byte("1"), time.Hour)
		m.Set(t.Context(), "large", make([]byte, 1<<20), time.Hour)
		none := cache.NewMemory(0)
		none.Set(t.Context(), "a", []byte("1"), time.Hour)
		synctest.Wait()

		wantNothing(t, m, "large")
		wantValue(t, m, "small", "1")
		wantNothing(t, none, "a")
	})
}

func TestMemoryServesManyAtOnce(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(testCacheSize)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			key := fmt.Sprint("key", worker%4)
			for i := range 500 {
				m.Set(t.Context(), key, []byte(key), time.Minute)
				if got, ok := m.Get(t.Context(), key); ok && string(got) != key {
					t.Errorf("Get(%q) = %q", key, got)
					return
				}
				if i%10 == 0 {
					m.Delete(t.Context(), key)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkMemoryGet(b *testing.B) {
	m := cache.NewMemory(testCacheSize)
	m.Set(b.Context(), "key:abcdefghijkl", make([]byte, 300), time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := m.Get(b.Context(), "key:abcdefghijkl"); !ok {
			b.Fatal("the entry is gone")
		}
	}
}

func wantValue(t *testing.T, c cache.Cache, key, want string) {
	t.Helper()
	if got, ok := c.Get(t.Context(), key); !ok || string(got) != want {
		t.Errorf("Get(%q) = %q, %t; want %q", key, got, ok, want)
	}
}

func wantNothing(t *testing.T, c cache.Cache, key string) {
	t.Helper()
	if got, ok := c.Get(t.Context(), key); ok {
		t.Errorf("Get(%q) = %q; want nothing", key, got)
	}
}
