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

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
)

// testSamples is a store of samples whose list of metrics, and whose latest values, are what a test wants.
type testSamples struct {
	store.SampleReader
	metrics, latest func(context.Context) error
}

func (s testSamples) Metrics(ctx context.Context, _ uuid.UUID) ([]store.MetricInfo, error) {
	return nil, s.metrics(ctx)
}

func (s testSamples) Latest(ctx context.Context, _ uuid.UUID) ([]health.Sample, error) {
	return nil, s.latest(ctx)
}

// over makes a server answer from a store of samples.
func (s testSamples) over(t *testing.T) func(*Config) {
	return func(c *Config) {
		stored := c.Users.(store.Store)
		operations, err := operation.New(operation.Config{Query: query.New(query.Config{
			Samples: s, Sleep: stored, Workouts: stored, Events: stored, Catalog: c.Catalog,
		})})
		if err != nil {
			t.Fatal(err)
		}
		c.Operations = operations
	}
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
	for name, broken := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errors.New("table samples is on fire") },
		"panic": func(context.Context) error { panic("table samples is on fire") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, testSamples{metrics: broken}.over(t))
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

func TestAClientThatLeavesIsNoError(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	a := newAPI(t, testSamples{metrics: func(ctx context.Context) error { // it answers when its client has gone
		close(asked)
		<-ctx.Done()
		return fmt.Errorf("query: %w", ctx.Err())
	}}.over(t))
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
