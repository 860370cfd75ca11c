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
	newMemoryCache = 64 << 20 // bytes, where there is no Redis
	// The users whose answers are sought at the start, before they ask.
	warmUsers  = 100
	warmSince  = 7 * 24 * time.Hour
	warmWithin = time.Minute
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
		return responseCache{responses: cache.NewResponseCache(cache.NewMemory(newMemoryCache), registerer)}, nil
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

func (m *responseCache) close() {
	if m.redis != nil {
		m.redis.Close()
	}
}

// ping is what asks whether Redis answers; nil where there is none.
func (m *responseCache) ping() func(context.Context) error {
	if m.redis == nil {
		return nil
	}
	return m.redis.Ping
}

// told is who has to be told of changes; nil where nobody has.
func (m *responseCache) told() ingest.Invalidator {
	if m.responses == nil {
		return nil
	}
	return m.responses
}

// erased is who has to be told of erasures; nil where nobody has.
func (m *responseCache) erased() access.Invalidator {
	if m.responses == nil {
		return nil
	}
	return m.responses
}

// remembering returns the service with its memory, if it has one.
func (m *responseCache) remembering(service *query.Service) server.Query {
	if m.responses == nil {
		return service
	}
	m.warm = query.NewCached(service, m.responses)
	return m.warm
}

// tasks are what the memory needs done from time to time.
func (m *responseCache) tasks(db database) []job.Task {
	if m.responses == nil {
		return nil
	}
	tasks := []job.Task{
		{Name: "refresh_trust", Every: 500 * time.Millisecond, AtStart: true, Run: m.responses.Refresh},
		{Name: "warm_cache", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return m.warmUp(ctx, db)
		}},
	}
	if watched, ok := db.(writtenElsewhere); ok {
		notice := watchWrites{database: watched, responses: m.responses}
		tasks = append(tasks, job.Task{Name: "notice_foreign_writes", Every: time.Second, AtStart: true, Run: notice.run})
	}
	return tasks
}

// writtenElsewhere is a database of one server to which commands may write beside it, without telling it.
type writtenElsewhere interface {
	// WrittenExternally reports whether another process may have written since the last call.
	WrittenExternally(ctx context.Context) (bool, error)
}

// watchWrites forgets all answers when another process has written.
type watchWrites struct {
	database  writtenElsewhere
	responses *cache.ResponseCache
	seen      bool // and not yet forgotten
}

func (n *watchWrites) run(ctx context.Context) error {
	written, err := n.database.WrittenExternally(ctx)
	n.seen = n.seen || written
	if err != nil || !n.seen {
		return err
	}
	if err := n.responses.InvalidateAll(ctx); errors.Is(err, cache.ErrUnreachable) {
		return nil // it is still away, which is logged and measured where it is noticed
	} else if err != nil {
		return err
	}
	n.seen = false
	return nil
}

// warmUp seeks what the most active users will ask first, one user after the other.
func (m *responseCache) warmUp(ctx context.Context, db database) error {
	limited, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	if err := m.responses.Refresh(limited); err != nil {
		return err
	}
	users, err := db.MostActive(limited, time.Now().Add(-warmSince), warmUsers)
	for _, id := range users {
		if err = m.warmUser(limited, db, id); err != nil {
			break
		}
	}
	if limited.Err() != nil {
		return nil // there is no harm in those who are left
	}
	return err
}

func (m *responseCache) warmUser(ctx context.Context, db database, id uuid.UUID) error {
	user, err := db.User(ctx, id)
	if errors.Is(err, problem.NotFound) {
		return nil // erased meanwhile
	}
	if err != nil {
		return err
	}
	return m.warm.Warm(ctx, user)
}
