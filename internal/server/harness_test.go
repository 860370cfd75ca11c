package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// api is a whole server under test, over a fresh store. Every response is checked against the OpenAPI document.
type api struct {
	t             *testing.T
	url           string
	client        *http.Client
	store         store.Store
	authenticator *access.Authenticator
	auditBuffer   *access.AuditBuffer
	registry      *prometheus.Registry
	logs          *testlog.Log
	now           func() time.Time
	// stop waits for all requests to end, the lines in the log with them.
	stop func()
}

// newAPI starts a server. The changes come last, so that a test can break one part of it.
func newAPI(t *testing.T, changes ...func(*Config)) *api {
	t.Helper()
	metricCatalog, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, registry: prometheus.NewRegistry(), logs: testlog.New(t), now: time.Now}
	logger := a.logs.Logger()
	a.store = testdb.New(t)
	responses := cache.NewResponseCache(cache.NewMemory(1<<20), a.registry)
	a.auditBuffer = access.NewAuditBuffer(a.store, access.AuditBufferOptions{Now: a.now, Logger: logger})
	a.authenticator = access.NewAuthenticator(a.store, a.store, access.AuthenticatorOptions{Now: a.now, Logger: logger, Audit: a.auditBuffer, Invalidator: responses})
	received, err := ingest.New(ingest.Config{
		Store: a.store, Invalidator: responses, Catalog: metricCatalog, Limits: ingest.Limits{
			MaxBody: 1 << 20, Wait: time.Minute, TempDir: t.TempDir(), ImportDir: t.TempDir(), MaxImport: 2 << 20,
		},
		Now: a.now, Logger: logger, Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	service := query.New(query.Config{
		Samples: a.store, Sleep: a.store, Workouts: a.store, Events: a.store, Summaries: a.store, Catalog: metricCatalog, Now: a.now,
	})
	summaries := query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: a.store, Invalidator: responses, Catalog: metricCatalog, Logger: logger})
	config := Config{
		Ingestion: received, Query: service, SourcePriority: summaries,
		SleepSettings: &query.SleepRules{Store: a.store, Invalidator: responses},
		Authenticator: a.authenticator, Users: a.store, Keys: a.store, Archive: a.store, Catalog: metricCatalog, AuditReader: a.store, Audit: a.auditBuffer, Limits: access.NewLimits(access.LimitOptions{Now: a.now}),
		Ping:   a.store.Ping,
		Logger: logger, Registerer: a.registry,
		MaxBody: 1 << 20, MaxImport: 2 << 20, Version: "1.2.3", Now: a.now,
	}
	for _, change := range changes {
		change(&config)
	}
	if config.Operations == nil {
		config.Operations, err = operation.New(operation.Config{
			Query: service, SourcePriority: summaries, Responses: responses, Now: config.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	listening := httptest.NewServer(New(config))
	a.stop = sync.OnceFunc(func() {
		listening.Close()
		if err := received.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(a.stop)
	a.url = listening.URL
	a.client = &http.Client{Transport: checkedTransport{t, a.logs, &http.Transport{DisableCompression: true}}}
	t.Cleanup(a.client.CloseIdleConnections)
	return a
}

// in returns the same server for a subtest, which then is the one that fails.
func (a *api) in(t *testing.T) *api {
	inner := *a
	inner.t = t
	return &inner
}

// person is a user with a key that has the scopes ingest and read.
type person struct {
	user account.User
	key  string
}

// person makes a user who lives in zone.
func (a *api) person(email, zone string) person {
	a.t.Helper()
	user, err := account.NewUser(email, "", zone, a.now())
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.store.CreateUser(a.t.Context(), user); err != nil {
		a.t.Fatal(err)
	}
	p := person{user: user}
	_, p.key = a.keyFor(user, account.ScopeIngest, account.ScopeRead)
	return p
}

// ada makes a user in Berlin.
func (a *api) ada() person {
	a.t.Helper()
	return a.person("ada@example.org", "Europe/Berlin")
}

// keyFor makes a key for a user.
func (a *api) keyFor(user account.User, scopes ...account.Scope) (account.APIKey, string) {
	a.t.Helper()
	made, text, err := a.authenticator.CreateKey(a.t.Context(), access.NewKey{UserID: user.ID, Name: "test", Scopes: scopes})
	if err != nil {
		a.t.Fatal(err)
	}
	return made, text
}

// answer is what came back, its encoding undone.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request with a key, "" for none, and headers as pairs of name and value.
func (a *api) do(method, path, key, body string, headers ...string) answer {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	wire, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := plain(response.Header.Get("Content-Encoding"), wire)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{a.t, response.StatusCode, response.Header, text}
}

func (a *api) get(path, key string, headers ...string) answer {
	a.t.Helper()
	return a.do(http.MethodGet, path, key, "", headers...)
}

// send posts a body of health data and returns the report.
func (a *api) send(key, body string, headers ...string) report {
	a.t.Helper()
	var r report
	a.do(http.MethodPost, "/v1/ingest", key, body, headers...).wants(http.StatusOK).into(&r)
	return r
}

// wants fails the test unless the status is this one.
func (a answer) wants(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("the answer is %d, not %d: %s", a.status, status, a.body)
	}
	return a
}

// refused fails the test unless the answer is a problem with this status and code, and returns it.
func (a answer) refused(status int, code string) problemDetails {
	a.t.Helper()
	a.wants(status)
	if media := a.header.Get("Content-Type"); media != "application/problem+json" {
		a.t.Fatalf("the problem is %s", media)
	}
	var p problemDetails
	a.into(&p)
	if p.Code != code || p.Status != status || p.RequestID == "" || p.RequestID != a.header.Get("X-Request-ID") {
		a.t.Fatalf("the problem is %+v, not one with code %s and the request id %s", p, code, a.header.Get("X-Request-ID"))
	}
	return p
}

// into reads the JSON of the answer.
func (a answer) into(value any) {
	a.t.Helper()
	if err := unmarshal(a.body, value); err != nil {
		a.t.Fatalf("%v\n%s", err, a.body)
	}
}

func unmarshal(data []byte, value any) error { return json.Unmarshal(data, value) }

// plain undoes a content encoding.
func plain(encoding string, body []byte) ([]byte, error) {
	var reader io.Reader = bytes.NewReader(body)
	var err error
	switch encoding {
	case "gzip":
		reader, err = gzip.NewReader(reader)
	case "zstd":
		reader, err = zstd.NewReader(reader)
	case "br":
		reader = brotli.NewReader(reader)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// requests returns the lines of a log that are about requests, by request id.
func requests(t *testing.T, log *testlog.Log) map[string]map[string]any {
	t.Helper()
	lines := map[string]map[string]any{}
	for _, line := range log.Lines("request") {
		id := line["request_id"].(string)
		if lines[id] != nil {
			t.Errorf("request %s has more than one line in the log", id)
		}
		lines[id] = line
	}
	return lines
}

// unknownID is the id of nothing.
var unknownID = uuid.MustParse("01900000-0000-7000-8000-000000000000")
