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

// serverLog is the log of a running server, with a level that can be changed.
type serverLog struct {
	*slog.Logger
	level *slog.LevelVar
}

// newLog returns the configured log. Lines about a traced request or job have its trace id.
func (p *program) newLog() serverLog {
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(p.settings.logLevel)) // the value was checked when it was read
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(p.err, options)
	if p.settings.logFormat == "text" {
		handler = slog.NewTextHandler(p.err, options)
	}
	return serverLog{slog.New(tracing.NewHandler(handler)), level}
}

// ServeHTTP responds with the level. PUT sets it until the next start, to one of the values of the setting.
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

// set changes the level and logs the change at any level.
func (l serverLog) set(ctx context.Context, level string) {
	before := l.level.Level()
	_ = l.level.UnmarshalText([]byte(level))
	l.Log(ctx, max(slog.LevelInfo, l.level.Level()), "log level changed", "from", before.String(), "to", l.level.Level().String())
}
