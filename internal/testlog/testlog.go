// Package testlog is the log of tests. It checks every line for what no log may contain: keys, passwords, e-mail
// addresses, and anything that a person has sent. A leak fails the test that logged it, so that the whole test suite
// looks for leaks.
package testlog

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// Log collects and checks the lines of an slog handler: JSON or text, whole lines per write. It is safe for concurrent
// use.
type Log struct {
	t    reporter
	mu   sync.Mutex
	text bytes.Buffer
	sent sentTexts
}

// reporter is the part of testing.TB that a Log uses.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// New returns an empty log that reports leaks to t.
func New(t testing.TB) *Log { return &Log{t: t} }

// Logger returns a logger whose lines, at every level, are checked.
func Logger(t testing.TB) *slog.Logger { return New(t).Logger() }

// Logger returns a logger that writes to the log, at every level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Sent adds content that was sent: a body, a key, a parameter. None of its values may be in a line from then on.
func (l *Log) Sent(content string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent.add(content)
}

// Sending returns a reader of body that passes what is read to Sent.
func (l *Log) Sending(body io.Reader) io.Reader {
	if body == nil {
		return nil
	}
	return io.TeeReader(body, sentWriter{l})
}

type sentWriter struct{ log *Log }

func (s sentWriter) Write(p []byte) (int, error) {
	s.log.Sent(string(p))
	return len(p), nil
}

// Write adds lines, and fails the test where one has a leak.
func (l *Log) Write(lines []byte) (int, error) {
	l.mu.Lock()
	l.text.Write(lines)
	var leaks []string
	for line := range strings.Lines(string(lines)) {
		for _, leak := range l.sent.leaksIn(line) {
			leaks = append(leaks, leak+" in the log: "+line)
		}
	}
	l.mu.Unlock()
	for _, leak := range leaks {
		l.t.Errorf("%s", leak)
	}
	return len(lines), nil
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the lines that are JSON and have a message.
func (l *Log) Lines(message string) (lines []map[string]any) {
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			lines = append(lines, line)
		}
	}
	return lines
}
