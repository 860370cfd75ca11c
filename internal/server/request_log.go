package server

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/netip"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// requestLog is what there is to tell about one request and its answer when it is over. The parts of the server fill it
// in as they learn it; only the goroutine that serves the request touches it.
type requestLog struct {
	id         string // the request id
	address    netip.Addr
	route      string // the pattern, never the path: that holds ids
	user       uuid.UUID
	keyID      string
	ingestion  uuid.UUID     // what was received, zero where that was no body
	outcome    health.Status // of it, as far as it is known by now
	code       string        // of the problem, "" where there was none
	err        error
	clientGone bool // it did not wait for the whole answer
	expected   bool // the failure is nobody's fault: /ready of a server that is being stopped
	response   responseWriter
	body       requestBody
	slowClient slowClient
}

type requestLogKey struct{}

func withRequestLog(ctx context.Context, l *requestLog) context.Context {
	return context.WithValue(ctx, requestLogKey{}, l)
}

// requestLogOf returns the exchange that observe put into every request's context.
func requestLogOf(ctx context.Context) *requestLog { return ctx.Value(requestLogKey{}).(*requestLog) }

// requestID returns the id the client gave its request, if that is fit for a log, else a new one.
func requestID(header http.Header) string {
	if id := header.Get("X-Request-ID"); isRequestID(id) {
		return id
	}
	return rand.Text()
}

func isRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// responseWriter notes the status and counts the bytes on their way out, as they are on the wire.
type responseWriter struct {
	http.ResponseWriter
	slowClient  *slowClient
	status      int // 0: nothing was sent yet
	bytes       int64
	writeFailed bool // the client takes no more
}

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.slowClient.beforeWrite(len(p))
	n, err := w.ResponseWriter.Write(p)
	w.slowClient.afterWrite()
	w.bytes += int64(n)
	w.writeFailed = w.writeFailed || err != nil
	return n, err
}

// Unwrap lets http.ResponseController reach what is below.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// requestBody counts the bytes that come in, and breaks off where they come too slowly.
type requestBody struct {
	io.ReadCloser
	slowClient *slowClient
	bytes      int64
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.slowClient.beforeRead(b.bytes)
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, b.slowClient.afterRead(err)
}
