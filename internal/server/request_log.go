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

// requestLog collects what is logged and measured about one request. The layers of the server fill it in; only the
// goroutine that serves the request uses it.
type requestLog struct {
	id         string // the request id
	address    netip.Addr
	route      string // the pattern, never the path: that holds ids
	user       uuid.UUID
	keyID      string
	ingestion  uuid.UUID     // zero where none was received
	outcome    health.Status // of the ingestion, at the time of the response
	code       string        // of the error, "" where there was none
	err        error
	clientGone bool // it did not wait for the whole response
	expected   bool // the failure is no fault: /ready of a server that is stopping
	response   responseWriter
	body       requestBody
	slowClient slowClient
}

type requestLogKey struct{}

func withRequestLog(ctx context.Context, l *requestLog) context.Context {
	return context.WithValue(ctx, requestLogKey{}, l)
}

// requestLogOf returns the requestLog that observe put into the context of every request.
func requestLogOf(ctx context.Context) *requestLog { return ctx.Value(requestLogKey{}).(*requestLog) }

// requestID returns the id that the client sent, if it is safe to log, else a new one.
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

// responseWriter records the status and counts the bytes of a response as they are sent.
type responseWriter struct {
	http.ResponseWriter
	slowClient  *slowClient
	status      int // 0: nothing was sent yet
	bytes       int64
	writeFailed bool
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

// Unwrap returns the ResponseWriter below for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// requestBody counts the bytes of a body, and fails where they come too slowly.
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
