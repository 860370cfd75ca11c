package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/operation"
)

const memoryCacheSize = 64 << 20 // bytes, where there is no Redis

// responseCache is the cache of responses of a server, and where it is kept.
type responseCache struct {
	redis     *cache.Redis         // nil: none is configured
	responses *cache.ResponseCache // nil: nothing is cached
}

// openResponseCache connects to the configured Redis. Without one, responses are cached in this process, unless other
// servers may write to the database: their changes would not be noticed.
func (p *program) openResponseCache(db database, logger *slog.Logger, registerer prometheus.Registerer) (responseCache, error) {
	switch {
	case p.settings.redis != "":
		redis, err := cache.OpenRedis(p.settings.redis, cache.RedisOptions{Logger: logger, Registerer: registerer})
		if err != nil {
			return responseCache{}, usageError{err}
		}
		return responseCache{redis: redis, responses: cache.NewSharedResponseCache(redis, db, registerer)}, nil
	case db.Capabilities().SingleServer:
		return responseCache{responses: cache.NewResponseCache(cache.NewMemory(memoryCacheSize), registerer)}, nil
	default:
		return responseCache{}, nil
	}
}

// withSharedCache opens the cache that running servers share, for one command that changes what responses depend on.
// Without Redis there is none: a server that caches in its own memory looks for changes itself.
func (p *program) withSharedCache(db database, do func(responseCache) error) error {
	if p.settings.redis == "" {
		return do(responseCache{})
	}
	redis, err := cache.OpenRedis(p.settings.redis, cache.RedisOptions{Timeout: time.Second})
	if err != nil {
		return usageError{err}
	}
	defer redis.Close()
	return do(responseCache{redis: redis, responses: cache.NewSharedResponseCache(redis, db, nil)})
}

func (c *responseCache) close() {
	if c.redis != nil {
		c.redis.Close()
	}
}

// ping returns a function that asks whether Redis answers; nil where there is none.
func (c *responseCache) ping() func(context.Context) error {
	if c.redis == nil {
		return nil
	}
	return c.redis.Ping
}

// invalidator returns what changes of the stored data are reported to.
func (c *responseCache) invalidator() cache.Invalidator {
	if c.responses == nil {
		return cache.NopInvalidator{}
	}
	return c.responses
}

// answers returns the cache that operations keep their answers in; nil where nothing is cached.
func (c *responseCache) answers() operation.ResponseCache {
	if c.responses == nil {
		return nil
	}
	return c.responses
}

// writtenElsewhere is a database of one server, to which commands may write without telling the server.
type writtenElsewhere interface {
	// WrittenExternally reports whether another process may have written since the last call.
	WrittenExternally(ctx context.Context) (bool, error)
}

// writeWatch drops all cached responses when another process has written.
type writeWatch struct {
	database  writtenElsewhere
	responses *cache.ResponseCache
	pending   bool // a write was seen, and the responses are not dropped yet
}

// newWriteWatch returns a watch; needed is false for a database to which commands do not write unnoticed.
func newWriteWatch(db database, responses *cache.ResponseCache) (watch *writeWatch, needed bool) {
	watched, needed := db.(writtenElsewhere)
	return &writeWatch{database: watched, responses: responses}, needed
}

func (w *writeWatch) run(ctx context.Context) error {
	written, err := w.database.WrittenExternally(ctx)
	w.pending = w.pending || written
	if err != nil || !w.pending {
		return err
	}
	if err := w.responses.InvalidateAll(ctx); errors.Is(err, cache.ErrUnreachable) {
		return nil // Redis is still unreachable, which package cache logs and measures
	} else if err != nil {
		return err
	}
	w.pending = false
	return nil
}
