package server

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A server that is about to stop says so to balancers, and answers everybody else as before, for the last time on each
// connection.
func TestDrain(t *testing.T) {
	t.Parallel()
	stop := new(Drain)
	a := newAPI(t, func(c *Config) { c.Drain = stop })
	ada := a.person("ada@example.org", "UTC")
	ask := func(method, path, body string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if path != "/ready" && path != "/health" {
			request.Header.Set("X-API-Key", ada.key)
		}
		answer, err := a.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer
	}
	if answer := ask("GET", "/ready", ""); answer.StatusCode != http.StatusOK || answer.Close {
		t.Errorf("before the stop: %s, closing %v", answer.Status, answer.Close)
	}
	stop.Announce(time.Now().Add(time.Minute))
	if answer := ask("GET", "/ready", ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "5" {
		t.Errorf("/ready is %s %v", answer.Status, answer.Header)
	}
	for _, c := range [][3]string{{"GET", "/health", ""}, {"GET", "/v1/metrics", ""}, {"POST", "/v1/ingest", `{"data":{}}`}} {
		if answer := ask(c[0], c[1], c[2]); answer.StatusCode != http.StatusOK || !answer.Close {
			t.Errorf("%s: %s, closing %v", c[1], answer.Status, answer.Close)
		}
	}
	a.stop()
	failures := failuresOf(t, a.registry)
	if log := a.logs.String(); strings.Contains(log, `"level":"ERROR"`) || failures != 0 {
		t.Errorf("a planned stop is taken for a failure, %v are counted:\n%s", failures, log)
	}
}

// What is still coming shortly before the end is answered, and not cut off.
func TestBodiesAtTheDrainDeadline(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size, status int
		took         time.Duration
	}{
		"in time":  {20 * 2000, http.StatusOK, 19 * time.Second},
		"too long": {200 * 2000, http.StatusServiceUnavailable, 28 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stop := new(Drain)
				stop.Announce(time.Now().Add(30 * time.Second))
				status, body, took := upload(t, tt.size, 2000, stop)
				if status != tt.status || took.Round(time.Second) != tt.took {
					t.Errorf("answered %d after %s: %s", status, took, body)
				}
			})
		})
	}
}
