package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/problem"
)

// problemDetails is the body of every failure: RFC 9457 with a stable code and the id under which the log has the request.
type problemDetails struct {
	Type        string    `json:"type"`
	Title       string    `json:"title"`
	Status      int       `json:"status"`
	Detail      string    `json:"detail"`
	Code        string    `json:"code"`
	Instance    string    `json:"instance,omitempty"`
	RequestID   string    `json:"request_id"`
	Field       string    `json:"field,omitempty"`
	Allowed     []string  `json:"allowed,omitempty"`
	Suggestions []string  `json:"suggestions,omitempty"`
	IngestionID uuid.UUID `json:"ingestion_id,omitzero"`
}

// kindResponses says for each kind of failure how it is answered. The sentence is for failures that bring none of their own.
var kindResponses = map[problem.Kind]struct {
	status     int
	sentence   string
	retryAfter time.Duration // 0: the same request would fail again
}{
	problem.Invalid:         {http.StatusBadRequest, "The request is not valid.", 0},
	problem.Unrecognised:    {http.StatusUnprocessableEntity, "The body is in no format that is known here.", 0},
	problem.NotFound:        {http.StatusNotFound, "There is no such thing.", 0},
	problem.Conflict:        {http.StatusConflict, "The request contradicts the state of the thing it is about.", 0},
	problem.Unauthenticated: {http.StatusUnauthorized, "A valid API key is needed.", 0},
	problem.Forbidden:       {http.StatusForbidden, "The API key does not allow this.", 0},
	problem.TooLarge:        {http.StatusRequestEntityTooLarge, "The body is too large.", 0},
	problem.RateLimited:     {http.StatusTooManyRequests, "Too many requests. Wait before the next one.", time.Minute},
	problem.Unavailable:     {http.StatusServiceUnavailable, "The server cannot do this now. Try again later.", 30 * time.Second},
}

// httpError is an error with what only HTTP can add to it.
type httpError struct {
	err         *problem.Error
	status      int // 0: as the kind of err says
	ingestionID uuid.UUID
	header      http.Header
}

func (f *httpError) Error() string { return f.err.Error() }
func (f *httpError) Unwrap() error { return f.err }

func methodNotAllowed(allow string) error {
	return &httpError{
		err:    problem.New(problem.Invalid, "method_not_allowed", "This path answers only to "+allow+"."),
		status: http.StatusMethodNotAllowed,
		header: http.Header{"Allow": {allow}},
	}
}

// codeTruncated is for the log: an answer that broke off has no room for a code.
const codeTruncated = "cut_short"

// truncatedResponse is the failure of an answer of which a part has been sent: all that is left is to break the connection, so
// that the part is not taken for the whole.
type truncatedResponse struct{ cause error }

func (c truncatedResponse) Error() string { return "answer cut short: " + c.cause.Error() }
func (c truncatedResponse) Unwrap() error { return c.cause }

// fail is the one place that answers failures.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	l := requestLogOf(r.Context())
	l.err = err
	// A context that ended is the client that left, or the server that stops. Nobody may be listening any more, but an
	// answer is written all the same: silence would be sent as 200.
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		l.clientGone = true
		err = problem.New(problem.Unavailable, "interrupted", "The request was interrupted. Send it again.").Because(err)
	}
	if _, ok := errors.AsType[truncatedResponse](err); ok || l.response.status != 0 {
		l.code = codeTruncated
		l.clientGone = l.clientGone || l.response.writeFailed
		panic(http.ErrAbortHandler)
	}
	details := problemDetailsOf(err, w.Header())
	details.RequestID = l.id
	l.code = details.Code
	w.Header().Set("Cache-Control", "no-store")
	writeAs(w, "application/problem+json", details.Status, details)
}

// problemDetailsOf says what the client is told about err, in the body and in headers.
func problemDetailsOf(err error, header http.Header) problemDetails {
	if errors.Is(err, context.DeadlineExceeded) && problem.KindOf(err) == "" {
		err = problem.New(problem.Unavailable, "timed_out", "The server took too long. Try again later.").Because(err)
	}
	kind, known := kindResponses[problem.KindOf(err)]
	if !known {
		return newProblemDetails(http.StatusInternalServerError, "internal_error",
			"The server failed. Its log has the reason under the request id of this answer.")
	}
	details := newProblemDetails(kind.status, string(problem.KindOf(err)), kind.sentence)
	if e, ok := errors.AsType[*problem.Error](err); ok {
		details.Code = cmp.Or(e.Code, details.Code)
		details.Detail = cmp.Or(e.Message, details.Detail)
		details.Field, details.Allowed, details.Suggestions = e.Field, e.Allowed, e.Suggestions
	}
	if e, ok := errors.AsType[*access.Exceeded](err); ok && e.RetryAfter > 0 {
		header.Set("Retry-After", seconds(e.RetryAfter))
	}
	wait := kind.retryAfter
	if e, ok := errors.AsType[*problem.Error](err); ok && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	if wait > 0 && header.Get("Retry-After") == "" {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if kind.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="health-export"`)
	}
	if f, ok := errors.AsType[*httpError](err); ok {
		f.addTo(&details, header)
	}
	return details
}

func (f *httpError) addTo(details *problemDetails, header http.Header) {
	if f.status != 0 {
		details.Status, details.Title = f.status, http.StatusText(f.status)
	}
	if f.ingestionID != uuid.Nil {
		details.IngestionID = f.ingestionID
		details.Instance = ingestionPath(f.ingestionID)
	}
	for name, values := range f.header {
		header[name] = values
	}
}

// newProblemDetails returns a problem without a type of its own: about:blank says that the status and the code tell it all.
func newProblemDetails(status int, code, detail string) problemDetails {
	return problemDetails{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// recoverPanic turns a panic of handle into an error. The panic with which a handler breaks the connection on purpose goes on.
func recoverPanic(handle func() error) (err error) {
	defer func() {
		switch recovered := recover(); recovered {
		case nil:
		case http.ErrAbortHandler:
			panic(recovered)
		default:
			err = fmt.Errorf("panic: %v\n%s", recovered, debug.Stack())
		}
	}()
	return handle()
}
