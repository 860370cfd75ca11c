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
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/job"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/server"
)

const (
	answersInMemory = 64 << 20 // bytes, where there is no Redis
	// The users whose answers are sought at the start, before they ask.
	warmUsers  = 100
	warmSince  = 7 * 24 * time.Hour
	warmWithin = time.Minute
)

// answerMemory is what a server remembers of its answers, and where.
type answerMemory struct {
	redis   *cache.Redis   // nil: none is configured
	answers *cache.Answers // nil: nothing is remembered
	warm    *query.Cached
}

// openMemory connects to the configured Redis. Without one, answers are remembered in this process, unless other servers
// may write to the database: their changes would not be noticed.
func (p *program) openMemory(db database, logger *slog.Logger, registerer prometheus.Registerer) (answerMemory, error) {
	switch {
	case p.settings.redis != "":
		redis, err := cache.OpenRedis(p.settings.redis, cache.RedisOptions{Logger: logger, Registerer: registerer})
		if err != nil {
			return answerMemory{}, usageError{err}
		}
		return answerMemory{redis: redis, answers: cache.NewAnswers(redis, registerer)}, nil
	case db.Capabilities().SingleServer:
		return answerMemory{answers: cache.NewAnswers(cache.NewMemory(answersInMemory), registerer)}, nil
	default:
		return answerMemory{}, nil
	}
}

func (m *answerMemory) close() {
	if m.redis != nil {
		m.redis.Close()
	}
}

// ping is what asks whether Redis answers; nil where there is none.
func (m *answerMemory) ping() func(context.Context) error {
	if m.redis == nil {
		return nil
	}
	return m.redis.Ping
}

// told is who has to be told of changes; nil where nobody has.
func (m *answerMemory) told() ingest.Answers {
	if m.answers == nil {
		return nil
	}
	return m.answers
}

// erased is who has to be told of erasures; nil where nobody has.
func (m *answerMemory) erased() access.Answers {
	if m.answers == nil {
		return nil
	}
	return m.answers
}

// remembering returns the service with its memory, if it has one.
func (m *answerMemory) remembering(service *query.Service) server.Query {
	if m.answers == nil {
		return service
	}
	m.warm = query.NewCached(service, m.answers)
	return m.warm
}

// tasks are what the memory needs done from time to time.
func (m *answerMemory) tasks(db database) []job.Task {
	if m.answers == nil {
		return nil
	}
	return []job.Task{
		{Name: "deliver_invalidations", Every: time.Second, Run: m.answers.Deliver},
		{Name: "warm_cache", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return m.warmUp(ctx, db)
		}},
	}
}

// warmUp seeks what the most active users will ask first, one user after the other.
func (m *answerMemory) warmUp(ctx context.Context, db database) error {
	limited, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
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

func (m *answerMemory) warmUser(ctx context.Context, db database, id uuid.UUID) error {
	user, err := db.User(ctx, id)
	if errors.Is(err, health.NotFound) {
		return nil // erased meanwhile
	}
	if err != nil {
		return err
	}
	return m.warm.Warm(ctx, user)
}
