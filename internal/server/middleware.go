package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/health"
)

// observe is the outermost layer: it gives every request its id, and writes its one line in the log and its metrics
// when it is over, however it ends.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := s.Now()
		pace := &pace{control: http.NewResponseController(w), stop: s.Stop}
		answer := &response{ResponseWriter: w, pace: pace}
		body := &requestBody{ReadCloser: r.Body, pace: pace}
		e := &exchange{id: requestID(r.Header), address: clientAddress(r, s.TrustedProxies), route: unmatched, response: answer}
		r = r.WithContext(access.WithOrigin(withExchange(r.Context(), e), access.Origin{
			Address: e.address, UserAgent: health.TrimUserAgent(r.UserAgent()), RequestID: e.id,
		}))
		r.Body = body
		secure(w.Header(), r.TLS != nil)
		w.Header().Set("X-Request-ID", e.id)
		s.Stop.close(w.Header())

		s.instruments.inFlight.Inc()
		defer func() {
			s.instruments.inFlight.Dec()
			took := s.Now().Sub(begun)
			s.instruments.count(r.Method, e, took)
			s.log(r, e, body.bytes, took)
			pace.atEnd()
		}()
		next.ServeHTTP(answer, r)
	})
}

// secure sets the headers that keep a browser from doing anything with an answer but show it, or keep it.
func secure(header http.Header, overTLS bool) {
	if overTLS {
		header.Set("Strict-Transport-Security", "max-age=63072000")
	}
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
}

// log writes the one line about a request. It holds no query, no path and no header: those may hold a person's data.
// An error's text is only there when the server is at fault; what a client did wrong is told by its code.
func (s *server) log(r *http.Request, e *exchange, bytesIn int64, took time.Duration) {
	attributes := []slog.Attr{
		slog.String("request_id", e.id),
		slog.String("method", methodLabel(r.Method)),
		slog.String("route", e.route),
		slog.Int("status", e.status()),
		slog.Int64("bytes_in", bytesIn),
		slog.Int64("bytes_out", e.response.bytes),
		slog.Duration("duration", took),
	}
	if e.keyID != "" {
		attributes = append(attributes, slog.String("user", e.user.String()), slog.String("key_id", e.keyID))
	}
	if e.code != "" {
		attributes = append(attributes, slog.String("code", e.code))
	}
	level := slog.LevelInfo
	if e.status() >= http.StatusInternalServerError && !e.foreseen || e.code == codeCutShort && !e.clientGone {
		level = slog.LevelError
		attributes = append(attributes, slog.Any("err", e.err))
	}
	s.Logger.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attributes...)
}

// statusClientGone is what logs and metrics show, as other servers do, for a request whose client did not wait for the
// answer. It is never sent.
const statusClientGone = 499

func (e *exchange) status() int {
	switch {
	case e.clientGone:
		return statusClientGone
	case e.response.status == 0:
		return http.StatusOK
	default:
		return e.response.status
	}
}

// serve makes a handler of one row of the table: who asks, whether they may, whether the question is put right, whether
// it is one too many, and then the answer.
func (s *server) serve(row route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchangeOf(r.Context()).route = row.path
		err := guard(func() error {
			r, err := s.admit(row, r)
			if err != nil {
				return err
			}
			r, settle, err := s.charge(w, r, row)
			if err != nil {
				return err
			}
			defer settle()
			return row.handle(w, r)
		})
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// admit checks the key, its scope and the names of the query parameters, and returns the request with its actor.
func (s *server) admit(row route, r *http.Request) (*http.Request, error) {
	if row.scope != open {
		actor, err := s.authenticate(r)
		if err != nil {
			return nil, err
		}
		for _, scope := range scopesOf(row.scope) {
			if !actor.Allows(scope) {
				return nil, health.NewError(health.Forbidden, "missing_scope",
					"This API key has no scope "+string(scope)+". Use one that has it.")
			}
		}
		r = r.WithContext(access.WithActor(r.Context(), actor))
	}
	return r, knownParameters(r.URL.RawQuery, row.params)
}

// actorOf returns who makes the request. It is there on every route that is not open.
func actorOf(r *http.Request) access.Actor {
	actor, _ := access.ActorFrom(r.Context())
	return actor
}
