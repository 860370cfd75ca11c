package server

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// observe is the outermost layer: it gives every request its id, and writes its one line in the log and its metrics
// when it is over, however it ends.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := s.Now()
		ctx, span := s.beginTrace(r)
		e := &requestLog{id: requestID(r.Header), address: clientAddress(r, s.TrustedProxies), route: unmatched}
		e.slowClient.control, e.slowClient.stop = *http.NewResponseController(w), s.Drain
		e.response = response{ResponseWriter: w, slowClient: &e.slowClient}
		e.body = requestBody{ReadCloser: r.Body, slowClient: &e.slowClient}
		r = r.WithContext(access.WithRequestInfo(withRequestLog(ctx, e), access.RequestInfo{
			Address: e.address, UserAgent: account.TrimUserAgent(r.UserAgent()), RequestID: e.id,
		}))
		r.Body = &e.body
		secure(w.Header(), r.TLS != nil)
		w.Header().Set("X-Request-Id", e.id)
		s.Drain.close(w.Header())

		s.instruments.inFlight.Inc()
		defer func() {
			s.instruments.inFlight.Dec()
			took := s.Now().Sub(begun)
			s.instruments.count(r.Context(), r.Method, e, took)
			s.log(r, e, begun, took)
			endTrace(span, r, e, e.body.bytes)
			e.slowClient.atEnd()
		}()
		next.ServeHTTP(&e.response, r)
	})
}

// The headers that keep a browser from doing anything with an answer but show it, or keep it. Their values are the same
// for all answers, which set others in their place but change none.
var (
	noStore  = []string{"no-store"}
	noParts  = []string{"default-src 'none'; frame-ancestors 'none'"}
	noSniff  = []string{"nosniff"}
	noFrames = []string{"DENY"}
	onlyTLS  = []string{"max-age=63072000"}
)

func secure(header http.Header, overTLS bool) {
	header["Cache-Control"] = noStore
	header["Content-Security-Policy"] = noParts
	header["X-Content-Type-Options"] = noSniff
	header["X-Frame-Options"] = noFrames
	if overTLS {
		header["Strict-Transport-Security"] = onlyTLS
	}
}

// log writes the one line about a request. It holds no query, no path and no header: those may hold a person's data.
// An error's text is only there when the server is at fault; what a client did wrong is told by its code.
func (s *server) log(r *http.Request, e *requestLog, begun time.Time, took time.Duration) {
	level := slog.LevelInfo
	if e.failed() {
		level = slog.LevelError
	}
	handler := s.Logger.Handler()
	if !handler.Enabled(r.Context(), level) {
		return
	}
	attributes := append(make([]slog.Attr, 0, 13),
		slog.String("request_id", e.id),
		slog.String("method", methodLabel(r.Method)),
		slog.String("route", e.route),
		slog.Int("status", e.status()),
		slog.Int64("bytes_in", e.body.bytes),
		slog.Int64("bytes_out", e.response.bytes),
		slog.Duration("duration", took),
	)
	if e.keyID != "" {
		attributes = append(attributes, slog.String("user", e.user.String()), slog.String("key_id", e.keyID))
	}
	if e.ingestion != uuid.Nil {
		attributes = append(attributes, slog.String("ingestion", e.ingestion.String()), slog.String("outcome", string(e.outcome)))
	}
	if e.code != "" {
		attributes = append(attributes, slog.String("code", e.code))
	}
	if e.failed() {
		attributes = append(attributes, slog.Any("err", e.err))
	}
	// A Logger would look for its caller, which costs more than all the rest and is always this line.
	line := slog.NewRecord(begun.Add(took), level, "request", 0)
	line.AddAttrs(attributes...)
	_ = handler.Handle(r.Context(), line) // where the log cannot be written there is nowhere to say so
}

// statusClientGone is what logs and metrics show, as other servers do, for a request whose client did not wait for the
// answer. It is never sent.
const statusClientGone = 499

func (e *requestLog) status() int {
	switch {
	case e.clientGone:
		return statusClientGone
	case e.response.status == 0:
		return http.StatusOK
	default:
		return e.response.status
	}
}

// failed reports whether it ended badly for a reason that is not the client's.
func (e *requestLog) failed() bool {
	return e.status() >= http.StatusInternalServerError && !e.foreseen || e.code == codeCutShort && !e.clientGone
}

// serve makes a handler of one row of the table: who asks, whether they may, whether the question is put right, whether
// it is one too many, and then the answer.
func (s *server) serve(row route) http.Handler {
	needed := scopesOf(row.scope)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestLogOf(r.Context()).route = row.path
		err := guard(func() error {
			r, err := s.admit(row, needed, r)
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
func (s *server) admit(row route, needed []account.Scope, r *http.Request) (*http.Request, error) {
	if row.scope != open {
		actor, err := s.authenticate(r)
		if err != nil {
			return nil, err
		}
		for _, scope := range needed {
			if !actor.Allows(scope) {
				return nil, problem.New(problem.Forbidden, "missing_scope",
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
