package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/health-export/health-export/internal/tracing"
)

// serverLog is the log of a running server, whose level can be changed.
type serverLog struct {
	*slog.Logger
	level *slog.LevelVar
}

// newLog returns the log as it is configured. Lines about a request or a job that is traced name its trace.
func (p *program) newLog() serverLog {
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(p.settings.logLevel)) // one of four words, checked when it was read
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(p.err, options)
	if p.settings.logFormat == "text" {
		handler = slog.NewTextHandler(p.err, options)
	}
	return serverLog{slog.New(tracing.NewHandler(handler)), level}
}

// ServeHTTP tells the level, and changes it until the next start where it is put: one word of those of the setting.
func (l serverLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16))
		var level string
		if err == nil {
			err = oneOf(&level, logLevels...)(strings.TrimSpace(string(body)))
		}
		if err != nil {
			http.Error(w, "send one of "+strings.Join(logLevels, ", "), http.StatusBadRequest)
			return
		}
		l.set(r.Context(), level)
	}
	fmt.Fprintln(w, strings.ToLower(l.level.Level().String()))
}

// set changes the level and says so, whatever the levels are.
func (l serverLog) set(ctx context.Context, level string) {
	before := l.level.Level()
	_ = l.level.UnmarshalText([]byte(level))
	l.Log(ctx, max(slog.LevelInfo, l.level.Level()), "log level changed", "from", before.String(), "to", l.level.Level().String())
}
