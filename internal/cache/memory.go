package cache

import (
	"bytes"
	"context"
	"math"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
)

// entryOverhead is about how many bytes an entry takes besides its key and value: the node, its place in the table and in
// the queues. It keeps the bound true for many small values.
const entryOverhead = 160

// Memory is a Cache in the memory of this process, bounded in size. It prefers to keep what is read often.
type Memory struct {
	entries *otter.Cache[string, entry]
}

var _ Cache = (*Memory)(nil)

type entry struct {
	value []byte
	ttl   time.Duration
}

// NewMemory returns an empty cache that holds about maxBytes of keys and values, and for a moment a little more while it
// evicts. It has no goroutine and needs no closing.
func NewMemory(maxBytes int) *Memory {
	return &Memory{entries: otter.Must(&otter.Options[string, entry]{
		MaximumWeight: uint64(max(maxBytes, 1)),
		Weigher: func(key string, e entry) uint32 {
			return uint32(min(len(key)+len(e.value)+entryOverhead, math.MaxUint32))
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, entry]) time.Duration {
			return e.Value.ttl
		}),
		Clock: monotonicClock{start: time.Now()},
	})}
}

// Get is Cache.Get.
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool) {
	e, ok := m.entries.GetIfPresent(key)
	return bytes.Clone(e.value), ok
}

// GetAll is Cache.GetAll. It never fails.
func (m *Memory) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if value, ok := m.Get(ctx, key); ok {
			values[i] = notNil(value)
		}
	}
	return values, nil
}

// Add is Cache.Add. It never fails.
func (m *Memory) Add(_ context.Context, key string, value []byte, ttl time.Duration) ([]byte, error) {
	e, _ := m.entries.SetIfAbsent(key, entry{value: bytes.Clone(value), ttl: ttl})
	return notNil(bytes.Clone(e.value)), nil
}

func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// Set is Cache.Set.
func (m *Memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) {
	if ttl <= 0 {
		m.entries.Invalidate(key)
		return
	}
	m.entries.Set(key, entry{value: bytes.Clone(value), ttl: ttl})
}

// Delete is Cache.Delete. It never fails.
func (m *Memory) Delete(_ context.Context, keys ...string) error {
	for _, key := range keys {
		m.entries.Invalidate(key)
	}
	return nil
}

// DeleteAll is Cache.DeleteAll. It never fails.
func (m *Memory) DeleteAll(_ context.Context, prefix string) error {
	for key := range m.entries.Keys() {
		if strings.HasPrefix(key, prefix) {
			m.entries.Invalidate(key)
		}
	}
	return nil
}

// monotonicClock counts from its start by the monotonic clock, so that a correction of the wall clock does not extend the
// life of an entry.
type monotonicClock struct{ start time.Time }

// NowNano returns the nanoseconds since the start.
func (c monotonicClock) NowNano() int64 { return int64(time.Since(c.start)) }

// Tick returns no ticks: without a periodic clean-up there is no goroutine to stop. Expired entries are never returned;
// later writes free their memory.
func (monotonicClock) Tick(time.Duration) <-chan time.Time { return nil }
