package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	server, _, stop := start(t, newDatabase(t))
	address := strings.TrimPrefix(server.url, "http://")
	if code, text := askHealth(t, address); code != exitOK {
		t.Errorf("exit code %d of a server that is well: %s", code, text)
	}
	if stop() != exitOK {
		t.Fatal("the server did not stop")
	}
	if code, text := askHealth(t, address); code != exitFailed || !strings.Contains(text, "does not answer") {
		t.Errorf("exit code %d of a server that has stopped: %s", code, text)
	}
	if code, _ := askHealth(t, "nowhere"); code != exitFailed {
		t.Errorf("exit code %d of an address that is none", code)
	}
}

func TestHealthOfServers(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		start  func(http.Handler) *httptest.Server
		status int
		code   int
	}{
		"well":             {httptest.NewServer, http.StatusOK, exitOK},
		"well, over TLS":   {httptest.NewTLSServer, http.StatusOK, exitOK},
		"ill":              {httptest.NewServer, http.StatusServiceUnavailable, exitFailed},
		"ill, over TLS":    {httptest.NewTLSServer, http.StatusServiceUnavailable, exitFailed},
		"something else's": {httptest.NewServer, http.StatusNotFound, exitFailed},
	} {
		server := c.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				t.Errorf("%s: asked for %s", name, r.URL.Path)
			}
			w.WriteHeader(c.status)
		}))
		_, port, err := net.SplitHostPort(server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, listen := range []string{"0.0.0.0:", ":", "127.0.0.1:"} {
			if code, text := askHealth(t, listen+port); code != c.code {
				t.Errorf("%s: exit code %d of %s, want %d: %s", name, code, listen, c.code, text)
			}
		}
		server.Close()
	}
}

func askHealth(t *testing.T, listen string) (code int, text string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), []string{"health"}, map[string]string{"HEALTH_EXPORT_LISTEN": listen}, nil, &out, &errOut)
	return code, errOut.String()
}
