package server

import (
	"net/http"
	"strings"
	"testing"
)

func TestNoOriginIsAllowedByDefault(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	answer := a.get("/v1/me", a.ada().key, "Origin", "https://example.org").wants(http.StatusOK)
	for name := range answer.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has %s", name)
		}
	}
	a.do(http.MethodOptions, "/v1/me", "", "", "Origin", "https://example.org", "Access-Control-Request-Method", "GET").
		wants(http.StatusMethodNotAllowed)
}

func TestOriginsThatAreConfigured(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.CORSOrigins = []string{"https://example.org"} })
	key := a.ada().key
	answer := a.get("/v1/me", key, "Origin", "https://example.org").wants(http.StatusOK)
	if got := answer.header.Get("Access-Control-Allow-Origin"); got != "https://example.org" {
		t.Errorf("allowed is %q", got)
	}
	if got := answer.header.Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("a browser's own credentials are allowed: %q", got)
	}
	if got := a.get("/v1/me", key, "Origin", "https://example.com").header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("another origin is allowed: %q", got)
	}
	for _, row := range testRoutes(t) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, a.url+row.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "https://example.org")
		request.Header.Set("Access-Control-Request-Method", row.Method)
		request.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		response, err := http.DefaultTransport.RoundTrip(request) // the document does not describe it
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNoContent || response.Header.Get("Access-Control-Allow-Methods") != row.Method {
			t.Errorf("the preflight of %s %s is answered with %d, %v", row.Method, row.Path, response.StatusCode, response.Header)
		}
	}
}

// The name and version of the server are not returned without a key.
func TestNobodyLearnsTheVersionWithoutAKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/health", "/ready", "/openapi.json", "/v1/me", "/nothing"} {
		answer := a.get(path, "")
		if strings.Contains(string(answer.body), "1.2.3") || answer.header.Get("Server") != "" || answer.header.Get("X-Powered-By") != "" {
			t.Errorf("%s returns the version: %v %s", path, answer.header, answer.body)
		}
	}
}
