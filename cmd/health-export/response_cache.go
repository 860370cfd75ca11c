package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/job"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/server"
)

const (
	memoryCacheSize = 64 << 20 // bytes, where there is no Redis
	// The users whose answers are sought at the start, before they ask.
	warmUsers   = 100
	warmSince   = 7 * 24 * time.Hour
	warmTimeout = time.Minute
)

// responseCache is what a server remembers of its answers, and where.
type responseCache struct {
	redis     *cache.Redis         // nil: none is configured
	responses *cache.ResponseCache // nil: nothing is remembered
	warm      *query.Cached
}

// openResponseCache connects to the configured Redis. Without one, answers are remembered in this process, unless other servers
// may write to the database: their changes would not be noticed.
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

// withSharedCache opens the memory of answers that running servers share, for the time of a command that changes what
// answers depend on. Without Redis there is nobody to tell: a server that remembers in its own memory looks for itself.
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

// ping is what asks whether Redis answers; nil where there is none.
func (c *responseCache) ping() func(context.Context) error {
	if c.redis == nil {
		return nil
	}
	return c.redis.Ping
}

// told is who has to be told of changes; nil where nobody has.
func (c *responseCache) told() ingest.Invalidator {
	if c.responses == nil {
		return nil
	}
	return c.responses
}

// erased is who has to be told of erasures; nil where nobody has.
func (c *responseCache) erased() access.Invalidator {
	if c.responses == nil {
		return nil
	}
	return c.responses
}

// remembering returns the service with its memory, if it has one.
func (c *responseCache) remembering(service *query.Service) server.Query {
	if c.responses == nil {
		return service
	}
	c.warm = query.NewCached(service, c.responses)
	return c.warm
}

// tasks are what the memory needs done from time to time.
func (c *responseCache) tasks(db database) []job.Task {
	if c.responses == nil {
		return nil
	}
	tasks := []job.Task{
		{Name: "refresh_trust", Every: 500 * time.Millisecond, AtStart: true, Run: c.responses.Refresh},
		{Name: "warm_cache", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return c.warmUp(ctx, db)
		}},
	}
	if watched, ok := db.(writtenElsewhere); ok {
		watch := watchWrites{database: watched, responses: c.responses}
		tasks = append(tasks, job.Task{Name: "notice_foreign_writes", Every: time.Second, AtStart: true, Run: watch.run})
	}
	return tasks
}

// writtenElsewhere is a database of one server to which commands may write beside it, without telling it.
type writtenElsewhere interface {
	// WrittenElsewhere reports whether another process may have written since the last call.
	WrittenElsewhere(ctx context.Context) (bool, error)
}

// watchWrites forgets all answers when another process has written.
type watchWrites struct {
	database  writtenElsewhere
	responses *cache.ResponseCache
	pending   bool // and not yet forgotten
}

func (n *watchWrites) run(ctx context.Context) error {
	written, err := n.database.WrittenElsewhere(ctx)
	n.pending = n.pending || written
	if err != nil || !n.pending {
		return err
	}
	if err := n.responses.InvalidateAll(ctx); errors.Is(err, cache.ErrUnreachable) {
		return nil // it is still away, which is logged and measured where it is noticed
	} else if err != nil {
		return err
	}
	n.pending = false
	return nil
}

// warmUp seeks what the most active users will ask first, one user after the other.
func (c *responseCache) warmUp(ctx context.Context, db database) error {
	limited, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	if err := c.responses.Refresh(limited); err != nil {
		return err
	}
	users, err := db.MostActive(limited, time.Now().Add(-warmSince), warmUsers)
	for _, id := range users {
		if err = c.warmUser(limited, db, id); err != nil {
			break
		}
	}
	if limited.Err() != nil {
		return nil // there is no harm in those who are left
	}
	return err
}

func (c *responseCache) warmUser(ctx context.Context, db database, id uuid.UUID) error {
	user, err := db.User(ctx, id)
	if errors.Is(err, problem.NotFound) {
		return nil // erased meanwhile
	}
	if err != nil {
		return err
	}
	return c.warm.Warm(ctx, user)
}
