package server

import (
	"context"
	"net/http"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

// pingTimeout is how long a health check waits for the database.
const pingTimeout = 3 * time.Second

// getHealth reports whether the process runs and reaches its database.
func (s *server) getHealth(w http.ResponseWriter, r *request) error {
	if err := s.pingDatabase(r.Context()); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// getReady reports whether requests should be sent to this server: it is not stopping, and its dependencies answer.
// Without Redis it is only slower, so it stays ready and says so.
func (s *server) getReady(w http.ResponseWriter, r *request) error {
	if s.Drain.announced() {
		requestLogOf(r.Context()).expected = true
		return errStopping()
	}
	if err := s.pingDatabase(r.Context()); err != nil {
		return err
	}
	checks := map[string]string{"database": "ok"}
	if s.PingRedis != nil {
		checks["redis"] = "ok"
		if s.PingRedis(r.Context()) != nil {
			checks["redis"] = "unreachable"
		}
	}
	return writeJSON(w, http.StatusOK, struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ready", checks})
}

func (s *server) pingDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := s.Ping(ctx); err != nil {
		return problem.New(problem.Unavailable, "database_unreachable", "The database does not answer.").Because(err)
	}
	return nil
}
