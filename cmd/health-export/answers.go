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
		return answerMemory{redis: redis, answers: cache.NewSharedAnswers(redis, db, registerer)}, nil
	case db.Capabilities().SingleServer:
		return answerMemory{answers: cache.NewAnswers(cache.NewMemory(answersInMemory), registerer)}, nil
	default:
		return answerMemory{}, nil
	}
}

// withSharedAnswers opens the memory of answers that running servers share, for the time of a command that changes what
// answers depend on. Without Redis there is nobody to tell: a server that remembers in its own memory looks for itself.
func (p *program) withSharedAnswers(db database, do func(answerMemory) error) error {
	if p.settings.redis == "" {
		return do(answerMemory{})
	}
	redis, err := cache.OpenRedis(p.settings.redis, cache.RedisOptions{Timeout: time.Second})
	if err != nil {
		return usageError{err}
	}
	defer redis.Close()
	return do(answerMemory{redis: redis, answers: cache.NewSharedAnswers(redis, db, nil)})
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
	tasks := []job.Task{
		{Name: "refresh_trust", Every: 500 * time.Millisecond, AtStart: true, Run: m.answers.Refresh},
		{Name: "warm_cache", Every: 24 * time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			return m.warmUp(ctx, db)
		}},
	}
	if watched, ok := db.(writtenElsewhere); ok {
		notice := noticeWrites{database: watched, answers: m.answers}
		tasks = append(tasks, job.Task{Name: "notice_foreign_writes", Every: time.Second, AtStart: true, Run: notice.run})
	}
	return tasks
}

// writtenElsewhere is a database of one server to which commands may write beside it, without telling it.
type writtenElsewhere interface {
	// WrittenElsewhere reports whether another process may have written since the last call.
	WrittenElsewhere(ctx context.Context) (bool, error)
}

// noticeWrites forgets all answers when another process has written.
type noticeWrites struct {
	database writtenElsewhere
	answers  *cache.Answers
	noticed  bool // and not yet forgotten
}

func (n *noticeWrites) run(ctx context.Context) error {
	written, err := n.database.WrittenElsewhere(ctx)
	n.noticed = n.noticed || written
	if err != nil || !n.noticed {
		return err
	}
	if err := n.answers.ForgetAll(ctx); errors.Is(err, cache.ErrUnreachable) {
		return nil // it is still away, which is logged and measured where it is noticed
	} else if err != nil {
		return err
	}
	n.noticed = false
	return nil
}

// warmUp seeks what the most active users will ask first, one user after the other.
func (m *answerMemory) warmUp(ctx context.Context, db database) error {
	limited, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	if err := m.answers.Refresh(limited); err != nil {
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
