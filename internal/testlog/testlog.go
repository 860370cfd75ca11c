// Package testlog is the log of tests. It looks every line through for what no log may hold: keys, passwords, addresses of
// people, and whatever a person has sent. What finds its way into a log fails the very test that logged it, so that the
// whole suite is one search for leaks.
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

// Log collects lines, as a handler of slog writes them: JSON or text, one line at a time. It is safe for concurrent use.
type Log struct {
	t    reporter
	mu   sync.Mutex
	text bytes.Buffer
	sent sentTexts
}

// reporter is what a Log needs of a test.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// New returns an empty log of a test.
func New(t testing.TB) *Log { return &Log{t: t} }

// Logger returns a logger whose lines, also those that only debugging shows, are looked through.
func Logger(t testing.TB) *slog.Logger { return New(t).Logger() }

// Logger returns a logger that writes to the log, at every level.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Sent says what was sent: a body, a key, a parameter. None of its values may be in a line from then on.
func (l *Log) Sent(content string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent.add(content)
}

// Sending returns a reader of the same, of which everything counts as sent that is read.
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

// Write takes lines and looks them through.
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
