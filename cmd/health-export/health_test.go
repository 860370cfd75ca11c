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
	certificate := []string{"HEALTH_EXPORT_TLS_CERTIFICATE", "server.pem"}
	domains := []string{"HEALTH_EXPORT_TLS_ACME_DOMAINS", "example.org,example.com"}
	for name, c := range map[string]struct {
		start    func(http.Handler) *httptest.Server
		settings []string
		status   int
		code     int
	}{
		"well":                {httptest.NewServer, nil, http.StatusOK, exitOK},
		"ill":                 {httptest.NewServer, nil, http.StatusServiceUnavailable, exitFailed},
		"something else's":    {httptest.NewServer, nil, http.StatusNotFound, exitFailed},
		"well, certificate":   {httptest.NewTLSServer, certificate, http.StatusOK, exitOK},
		"ill, certificate":    {httptest.NewTLSServer, certificate, http.StatusServiceUnavailable, exitFailed},
		"well, Let's Encrypt": {httptest.NewTLSServer, domains, http.StatusOK, exitOK},
	} {
		server := c.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				t.Errorf("%s: asked for %s", name, r.URL.Path)
			}
			if len(c.settings) > 0 && c.settings[0] == domains[0] && r.TLS.ServerName != "example.org" {
				t.Errorf("%s: asked for the certificate of %q", name, r.TLS.ServerName)
			}
			w.WriteHeader(c.status)
		}))
		_, port, err := net.SplitHostPort(server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, listen := range []string{"0.0.0.0:", ":", "127.0.0.1:"} {
			if code, text := askHealth(t, listen+port, c.settings...); code != c.code {
				t.Errorf("%s: exit code %d of %s, want %d: %s", name, code, listen, c.code, text)
			}
		}
		server.Close()
	}
}

// askHealth runs health against a server that listens on an address, with settings as pairs of variable and value.
func askHealth(t *testing.T, listen string, settings ...string) (code int, text string) {
	t.Helper()
	environment := map[string]string{"HEALTH_EXPORT_LISTEN": listen}
	for i := 0; i < len(settings); i += 2 {
		environment[settings[i]] = settings[i+1]
	}
	var out, errOut bytes.Buffer
	code = run(t.Context(), []string{"health"}, environment, nil, &out, &errOut)
	return code, errOut.String()
}
