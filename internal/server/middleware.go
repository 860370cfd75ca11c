package server

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/problem"
)

// observe is the outermost handler: it gives every request its id, and writes its log line and metrics when it is over,
// however it ends.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		ctx, span := s.beginTrace(r)
		l := &requestLog{id: requestID(r.Header), address: clientAddress(r, s.TrustedProxies), route: routeUnmatched}
		l.slowClient.controller, l.slowClient.drain = *http.NewResponseController(w), s.Drain
		l.response = responseWriter{ResponseWriter: w, slowClient: &l.slowClient}
		l.body = requestBody{ReadCloser: r.Body, slowClient: &l.slowClient}
		r = r.WithContext(access.WithRequestInfo(withRequestLog(ctx, l), access.RequestInfo{
			Address: l.address, UserAgent: account.TrimUserAgent(r.UserAgent()), RequestID: l.id,
		}))
		r.Body = &l.body
		setSecurityHeaders(w.Header(), r.TLS != nil)
		w.Header().Set("X-Request-Id", l.id)
		s.Drain.closeConnection(w.Header())

		s.metrics.inFlight.Inc()
		defer func() {
			s.metrics.inFlight.Dec()
			took := s.Now().Sub(start)
			s.metrics.count(r.Context(), r.Method, l, took)
			s.log(r, l, start, took)
			endTrace(span, r, l, l.body.bytes)
			l.slowClient.finishWrite()
		}()
		next.ServeHTTP(&l.response, r)
	})
}

// The security headers of every response. Their values are shared by all responses: handlers replace them and never
// change them.
var (
	noStore    = []string{"no-store"}
	strictCSP  = []string{"default-src 'none'; frame-ancestors 'none'"}
	noSniff    = []string{"nosniff"}
	denyFrames = []string{"DENY"}
	hsts       = []string{"max-age=63072000"}
)

func setSecurityHeaders(header http.Header, overTLS bool) {
	header["Cache-Control"] = noStore
	header["Content-Security-Policy"] = strictCSP
	header["X-Content-Type-Options"] = noSniff
	header["X-Frame-Options"] = denyFrames
	if overTLS {
		header["Strict-Transport-Security"] = hsts
	}
}

// log writes the one line about a request. It holds no query, no path and no header, because those may hold a person's
// data. The text of an error is logged only when the server is at fault; an error of the client is logged by its code.
func (s *server) log(r *http.Request, l *requestLog, start time.Time, took time.Duration) {
	level := slog.LevelInfo
	if l.failed() {
		level = slog.LevelError
	}
	handler := s.Logger.Handler()
	if !handler.Enabled(r.Context(), level) {
		return
	}
	attributes := append(make([]slog.Attr, 0, 13),
		slog.String("request_id", l.id),
		slog.String("method", methodLabel(r.Method)),
		slog.String("route", l.route),
		slog.Int("status", l.status()),
		slog.Int64("bytes_in", l.body.bytes),
		slog.Int64("bytes_out", l.response.bytes),
		slog.Duration("duration", took),
	)
	if l.keyID != "" {
		attributes = append(attributes, slog.String("user", l.user.String()), slog.String("key_id", l.keyID))
	}
	if l.ingestion != uuid.Nil {
		attributes = append(attributes, slog.String("ingestion", l.ingestion.String()), slog.String("outcome", string(l.outcome)))
	}
	if l.code != "" {
		attributes = append(attributes, slog.String("code", l.code))
	}
	if l.failed() {
		attributes = append(attributes, slog.Any("err", l.err))
	}
	// A slog.Logger would determine its caller, which costs more than all the rest and is always this line.
	line := slog.NewRecord(start.Add(took), level, "request", 0)
	line.AddAttrs(attributes...)
	_ = handler.Handle(r.Context(), line) // an error cannot be logged
}

// statusClientGone is the status in logs and metrics, as in other servers, of a request whose client did not wait for the
// response. It is never sent.
const statusClientGone = 499

func (l *requestLog) status() int {
	switch {
	case l.clientGone:
		return statusClientGone
	case l.response.status == 0:
		return http.StatusOK
	default:
		return l.response.status
	}
}

// failed reports whether the request failed for a reason that is not the client's.
func (l *requestLog) failed() bool {
	return l.status() >= http.StatusInternalServerError && !l.expected || l.code == codeTruncated && !l.clientGone
}

// serve returns the handler of one route: it authenticates, checks the scope and the parameters, charges the limits, and
// calls the handler of the route.
func (s *server) serve(row route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, httpRequest *http.Request) {
		requestLogOf(httpRequest.Context()).route = row.Path
		r := &request{Request: httpRequest}
		err := recoverPanic(func() error {
			query, err := s.authorize(row, r)
			if err != nil {
				return err
			}
			finish, err := s.charge(w, r, row)
			if err != nil {
				return err
			}
			defer finish()
			if r.values, err = row.Parse(r.PathValue, query, r.Subject.Location()); err != nil {
				return err
			}
			return row.handle(w, r)
		})
		if err != nil {
			s.fail(w, r.Request, err)
		}
	})
}

// authorize sets who asks and whose data it is about, and refuses what they may not ask. It returns the query parameters,
// whose names are those of the operation.
func (s *server) authorize(row route, r *request) (url.Values, error) {
	if row.Scope != operation.Open {
		actor, err := s.authenticate(r.Request)
		if err != nil {
			return nil, err
		}
		r.Access = operation.Access{Actor: actor, Subject: actor.User, Lens: operation.Everything()}
		r.Request = r.WithContext(access.WithActor(r.Context(), actor))
		if err := row.Admit(r.Access); err != nil {
			return nil, err
		}
	}
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem.New(problem.Invalid, "invalid_query", "The query cannot be read. Percent-encode what is special in URLs.").Because(err)
	}
	if err := row.CheckNames(query); err != nil {
		return nil, err
	}
	if row.Subject && query.Has(operation.SubjectParameter) {
		r.Subject, err = s.findSubject(r.Context(), r.Actor, query.Get(operation.SubjectParameter))
		if err == nil && row.Method == http.MethodGet {
			s.auditAdminRead(r.Context(), r.Actor, r.Subject, strings.TrimPrefix(row.Path, "/v1/"))
		}
	}
	return query, err
}
