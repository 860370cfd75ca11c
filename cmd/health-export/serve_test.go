package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// instance is a running server, in this process or in one of its own.
type instance struct {
	t    testing.TB
	url  string
	key  string
	logs *testlog.Log // in which nothing of what is sent may be; nil for none
	// metrics is where Prometheus asks.
	metrics string
}

// buffer is a bytes.Buffer that a server may write to while a test reads it.
type buffer struct {
	mu      sync.Mutex
	content bytes.Buffer
	changed chan struct{} // has an entry after a write
}

func newBuffer() *buffer { return &buffer{changed: make(chan struct{}, 1)} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return b.content.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

// find waits until what was written matches pattern and returns its first group.
func (b *buffer) find(t testing.TB, pattern string, exited <-chan struct{}) string {
	t.Helper()
	expression := regexp.MustCompile(pattern)
	deadline := time.After(time.Minute)
	for {
		if found := expression.FindStringSubmatch(b.String()); found != nil {
			return found[1]
		}
		select {
		case <-b.changed:
		case <-exited:
			t.Fatalf("the server ended without printing %s; it printed:\n%s", pattern, b)
		case <-deadline:
			t.Fatalf("the server did not print %s within a minute; it printed:\n%s", pattern, b)
		}
	}
}

// newDatabase returns the URL of a new database: an SQLite file, or what TEST_STORE names.
func newDatabase(t *testing.T) string {
	t.Helper()
	if os.Getenv("TEST_STORE") == "postgres" {
		return testdb.EmptyPostgresURL(t)
	}
	return "sqlite:" + filepath.Join(t.TempDir(), "new", "health.db")
}

// start runs the program as a function until the test ends, or stop is called, which returns its exit code. Settings are
// pairs of a variable and its value.
func start(t *testing.T, database string, settings ...string) (server *instance, logs *buffer, stop func() int) {
	t.Helper()
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	environment := map[string]string{"TZ": "Europe/Paris"}
	for i := 0; i+1 < len(settings); i += 2 {
		environment[settings[i]] = settings[i+1]
	}
	out, errOut, lines := newBuffer(), newBuffer(), testlog.New(t)
	exited := make(chan struct{})
	var code int
	go func() {
		defer close(exited)
		code = run(ctx, []string{"serve", "--database", database, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"},
			environment, nil, out, io.MultiWriter(errOut, lines))
	}()
	stop = func() int {
		cancel()
		<-exited
		return code
	}
	t.Cleanup(func() { stop() })
	server = &instance{t: t, logs: lines, url: "http://" + errOut.find(t, `"listen":"([^"]+)"`, exited)}
	server.metrics = "http://" + errOut.find(t, `"metrics":"([^"]+)"`, exited) + "/metrics"
	if found := regexp.MustCompile(`hea_\w+`).FindString(out.String()); found != "" {
		server.key = found
	}
	return server, errOut, stop
}

// call sends a request and returns the status and the decoded body.
func (i *instance) call(method, path string, body string, headers ...string) (int, map[string]any) {
	i.t.Helper()
	status, content, err := i.try(method, path, body, headers...)
	if err != nil {
		i.t.Fatal(err)
	}
	decoded := map[string]any{}
	if err := json.Unmarshal(content, &decoded); err != nil {
		i.t.Fatalf("%s %s answered %d with %q: %v", method, path, status, content, err)
	}
	return status, decoded
}

func (i *instance) try(method, path, body string, headers ...string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(i.t.Context(), method, i.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	i.logs.Sent(body)
	i.logs.Sent(i.key)
	request.Header.Set("Authorization", "Bearer "+i.key)
	for n := 0; n+1 < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, content, err
}

func steps(n int, day string) string {
	return fmt.Sprintf(`{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"%s 00:00:00 +0100","qty":%d,"source":"Watch"}]}]}}`, day, n)
}

// The first start must be enough to send something and read it back.
func TestFirstStart(t *testing.T) {
	database := newDatabase(t)
	server, logs, stop := start(t, database)
	if server.key == "" {
		t.Fatal("the first start printed no key")
	}
	status, report := server.call("POST", "/v1/ingest", steps(9900, "2026-03-10"))
	if status != http.StatusOK || report["status"] != "processed" {
		t.Fatalf("ingest answered %d %v", status, report)
	}
	status, samples := server.call("GET", "/v1/metrics/step_count/samples?start=2026-03-01&end=2026-04-01", "")
	list, _ := samples["samples"].([]any)
	if status != http.StatusOK || len(list) != 1 || list[0].(map[string]any)["value"] != 9900.0 {
		t.Fatalf("samples answered %d %v", status, samples)
	}
	if strings.Contains(logs.String(), server.key) {
		t.Error("the log holds the key")
	}
	if code := stop(); code != exitOK {
		t.Fatalf("exit code %d; log:\n%s", code, logs)
	}

	again, _, _ := start(t, database)
	if again.key != "" {
		t.Error("the second start printed a key again")
	}
	again.key = server.key
	if _, report := again.call("POST", "/v1/ingest", steps(9900, "2026-03-10")); counts(report)["unchanged"] != 1.0 {
		t.Errorf("after a restart the same body gives %v", report)
	}
}

func counts(report map[string]any) map[string]any {
	all, _ := report["counts"].(map[string]any)
	metrics, _ := all["metrics"].(map[string]any)
	return metrics
}

// A key revoked by another process, here the command line, must stop working while the server runs.
func TestRevokedByAnotherProcess(t *testing.T) {
	database := newDatabase(t)
	server, _, _ := start(t, database)
	tool := func(args ...string) map[string]any {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append(args, "--database", database), nil, nil, &out, &errOut); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, errOut.String())
		}
		decoded := map[string]any{}
		_ = json.Unmarshal(out.Bytes(), &decoded)
		return decoded
	}
	user := tool("user", "create", "anna@example.org", "--name", "Anna", "--time-zone", "Europe/Paris", "--json")
	if user["email"] != "anna@example.org" || user["id"] == "" {
		t.Fatalf("user create printed %v", user)
	}
	key := tool("key", "create", "--user", "anna@example.org", "--name", "iPhone", "--scopes", "ingest,read", "--json")
	server.key = key["key"].(string)
	if status, me := server.call("GET", "/v1/me", ""); status != http.StatusOK {
		t.Fatalf("/v1/me answered %d %v", status, me)
	}
	tool("key", "revoke", key["id"].(string), "--user", "anna@example.org")
	for deadline := time.Now().Add(20 * time.Second); ; {
		status, failure := server.call("GET", "/v1/me", "")
		if status == http.StatusUnauthorized && failure["code"] == "revoked_key" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("20 seconds after it was revoked the key is answered with %d %v", status, failure)
		}
	}
}
