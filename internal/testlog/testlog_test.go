package testlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// errorRecorder records the errors that a test would report.
type errorRecorder struct{ errors []string }

func (*errorRecorder) Helper() {}
func (s *errorRecorder) Errorf(format string, args ...any) {
	s.errors = append(s.errors, fmt.Sprintf(format, args...))
}

const (
	body = `{"data":{"metrics":[{"name":"heart_rate","units":"bpm","data":[{"date":"2026-03-10 08:00:00 +0100","qty":61.5,"source":"Anna's Watch"}]}],"note":12345}}`
	csv  = "Date/Time,Weight (kg),Source\n2026-03-10 00:00:00,71.25,Anna's Scale\n"
	key  = "hea_nQUY5ASHtOVT_1234567890abcdefghijklmnopqrstuvwxyzABCDEFG123456" // #nosec G101 -- made up
)

// Every kind of leak is found, in messages, attributes and groups.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	for name, leak := range map[string]func(*slog.Logger){
		"a key":                   func(l *slog.Logger) { l.Info("request", "header", "Bearer "+key) },
		"a key in a message":      func(l *slog.Logger) { l.Info("refused " + key) },
		"a part of a key":         func(l *slog.Logger) { l.Debug("x", "secret", strings.SplitN(key, "_", 3)[2]) },
		"a password":              func(l *slog.Logger) { l.Error("x", "err", errors.New("dial postgres://anna:geheim@db:5432/health")) },
		"an address of a person":  func(l *slog.Logger) { l.Info("user created", "user", "Anna.Smith@example.org") },
		"a value as a number":     func(l *slog.Logger) { l.Info("x", "qty", 7) },
		"a value in an error":     func(l *slog.Logger) { l.Error("x", "err", errors.New("61.5 is out of range")) },
		"a whole number":          func(l *slog.Logger) { l.Error("x", "err", errors.New("what is 12345?")) },
		"a value of a table":      func(l *slog.Logger) { l.Error("x", "err", errors.New("line 2: 71.25")) },
		"a text":                  func(l *slog.Logger) { l.Info("x", "source", "Anna's Watch") },
		"a text of a table":       func(l *slog.Logger) { l.Info("from Anna's Scale") },
		"a metric":                func(l *slog.Logger) { l.Info("x", slog.Group("g", "metric", "heart_rate")) },
		"a time":                  func(l *slog.Logger) { l.Warn("x", "at", "2026-03-10 08:00:00 +0100") },
		"a parameter":             func(l *slog.Logger) { l.Warn("x", "query", "start=1&q=Headache") },
		"a list":                  func(l *slog.Logger) { l.Warn("x", "values", []int{61}) },
		"a line that is no JSON":  func(*slog.Logger) {},
		"a body that was read":    func(l *slog.Logger) { l.Info("x", "name", "from a reader") },
		"nothing, which is right": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder := &errorRecorder{}
			log := &Log{t: recorder}
			log.Sent(body)
			log.Sent(csv)
			log.Sent(key)
			log.Sent("Headache")
			log.Sent(strings.SplitN(key, "_", 3)[2])
			if _, err := io.ReadAll(log.Sending(strings.NewReader(`{"name":"from a reader"}`))); err != nil {
				t.Fatal(err)
			}
			if leak == nil {
				logHarmlessLines(log.Logger())
				if len(recorder.errors) > 0 {
					t.Errorf("what is no leak is taken for one: %q", recorder.errors)
				}
				return
			}
			leak(log.Logger())
			if name == "a line that is no JSON" {
				fmt.Fprintln(log, "level=INFO msg=x source=\"Anna's Watch\"")
			}
			if len(recorder.errors) == 0 {
				t.Error("the leak is not found")
			}
		})
	}
}

// logHarmlessLines logs what may be logged.
func logHarmlessLines(l *slog.Logger) {
	l.Info("request", "request_id", "K6NFGLLQ2O3DDIYCZKEBMSVUGH", "method", "POST", "route", "/v1/metrics/{name}/samples", "status", 200,
		"bytes_in", 12345, "duration", 61500*time.Microsecond, "user", uuid.New(), "key_id", "nQUY5ASHtOVT", "code", "unknown_metric")
	l.Info("ready", "listen", "127.0.0.1:18080", "version", "1.2.3")
	l.Error("job failed", "job", "count_backlog", "err", errors.New("postgres@127.0.0.1:5432: heart_rates are 161.51 of 612345"))
}

func TestLinesAreKept(t *testing.T) {
	t.Parallel()
	log := New(t)
	log.Logger().Info("one", "status", 200)
	log.Logger().Info("two")
	fmt.Fprintln(log, "msg=one")
	if lines := log.Lines("one"); len(lines) != 1 || lines[0]["status"] != 200.0 || strings.Count(log.String(), "\n") != 3 {
		t.Errorf("the lines are %v of\n%s", lines, log)
	}
}
