package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// failingQuery fails or panics where the test says so.
type failingQuery struct {
	Query
	err   error
	panic any
}

func (q failingQuery) Metrics(context.Context, account.User) ([]query.Metric, error) {
	if q.panic != nil {
		panic(q.panic)
	}
	return nil, q.err
}

// brokenIngest has an archive that cannot be read to its end.
type brokenIngest struct{ Ingest }

func (brokenIngest) Raw(context.Context, uuid.UUID, uuid.UUID) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(bodyOfAda[:20]), iotest.ErrReader(errors.New("disk on fire")))), nil
}

func TestEveryKindHasItsStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err        error
		status     int
		code       string
		detail     string
		retryAfter string
	}{
		{problem.New(problem.Invalid, "bad_bucket", "Choose another.").In("bucket"), 400, "bad_bucket", "Choose another.", ""},
		{problem.New(problem.Unauthenticated, "unknown_key", "Who?"), 401, "unknown_key", "Who?", ""},
		{problem.New(problem.Forbidden, "missing_scope", "No."), 403, "missing_scope", "No.", ""},
		{fmt.Errorf("look it up: %w", problem.New(problem.NotFound, "gone", "Not here.")), 404, "gone", "Not here.", ""},
		{problem.New(problem.Conflict, "taken", "Taken."), 409, "taken", "Taken.", ""},
		{problem.New(problem.TooLarge, "body_too_large", "Less."), 413, "body_too_large", "Less.", ""},
		{problem.New(problem.Unrecognised, "unrecognised_format", "What?"), 422, "unrecognised_format", "What?", ""},
		{problem.New(problem.RateLimited, "slow_down", "Slowly."), 429, "slow_down", "Slowly.", "60"},
		{problem.New(problem.Unavailable, "full", "Full."), 503, "full", "Full.", "30"},
		{fmt.Errorf("look it up: %w", problem.NotFound), 404, "not_found", "There is no such thing.", ""},
		{context.DeadlineExceeded, 503, "timed_out", "The server took too long. Try again later.", "30"},
		{errors.New("pq: secret detail"), 500, "internal_error", "The server failed. Its log has the reason under the request id of this answer.", ""},
	} {
		header := http.Header{}
		p := problemDetailsOf(test.err, header)
		if p.Status != test.status || p.Code != test.code || p.Detail != test.detail || p.Title != http.StatusText(test.status) {
			t.Errorf("%v: the problem is %+v", test.err, p)
		}
		if after := header.Get("Retry-After"); after != test.retryAfter {
			t.Errorf("%v: Retry-After is %q, not %q", test.err, after, test.retryAfter)
		}
	}
}

func TestAFaultOfOursIsOnlyInTheLog(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]failingQuery{
		"error": {err: fmt.Errorf("query: %w", errors.New("table samples is on fire"))},
		"panic": {panic: "table samples is on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(c *Config) {
				broken.Query = c.Query
				c.Query = broken
			})
			answer := a.get("/v1/metrics", a.ada().key)
			p := answer.refused(http.StatusInternalServerError, "internal_error")
			if strings.Contains(string(answer.body), "fire") {
				t.Errorf("the answer shows the cause: %s", answer.body)
			}
			a.get("/health", "").wants(http.StatusOK)
			a.stop()
			line := requests(t, a.logs)[p.RequestID]
			if line["level"] != "ERROR" || !strings.Contains(fmt.Sprint(line["err"]), "table samples is on fire") {
				t.Errorf("the log does not have the cause: %v", line)
			}
		})
	}
}

func TestTruncatedResponseBreaksTheConnection(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.Ingestion = brokenIngest{c.Ingestion} })
	ada := a.ada()
	id := a.send(ada.key, bodyOfAda).IngestionID
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/v1/ingestions/"+id.String()+"/raw", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", ada.key)
	request.Header.Set("X-Request-ID", "broken")
	a.client.CloseIdleConnections() // on a new connection a client does not try again
	if response, err := a.client.Do(request); err == nil {
		response.Body.Close()
		t.Errorf("the answer looks whole: %d", response.StatusCode)
	}
	a.stop()
	line := requests(t, a.logs)["broken"]
	if line["level"] != "ERROR" || line["code"] != "cut_short" || !strings.Contains(fmt.Sprint(line["err"]), "disk on fire") {
		t.Errorf("the log says %v", line)
	}
}

// waitingQuery answers when its client has gone.
type waitingQuery struct {
	Query
	asked chan<- struct{}
}

func (q waitingQuery) Metrics(ctx context.Context, _ account.User) ([]query.Metric, error) {
	close(q.asked)
	<-ctx.Done()
	return nil, fmt.Errorf("query: %w", ctx.Err())
}

func TestAClientThatLeavesIsNoError(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	a := newAPI(t, func(c *Config) { c.Query = waitingQuery{c.Query, asked} })
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/v1/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", a.ada().key)
	request.Header.Set("X-Request-ID", "left")
	go func() {
		<-asked
		leave()
	}()
	if response, err := a.client.Do(request); err == nil {
		response.Body.Close()
		t.Error("there is an answer")
	}
	a.stop()
	if line := requests(t, a.logs)["left"]; line["level"] != "INFO" || line["status"] != 499.0 {
		t.Errorf("the log says %v", line)
	}
}

func TestDatabaseThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) {
		c.Ping = func(context.Context) error { return errors.New("connection refused by 10.1.2.3") }
	})
	for _, path := range []string{"/health", "/ready"} {
		answer := a.get(path, "")
		answer.refused(http.StatusServiceUnavailable, "database_unreachable")
		if strings.Contains(string(answer.body), "10.1.2.3") {
			t.Errorf("%s shows the cause: %s", path, answer.body)
		}
	}
}
