package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/testlog"
)

// lookThrough looks for leaks in what a command has logged. What it prints may contain them.
func lookThrough(t *testing.T, stderr string) {
	t.Helper()
	log := testlog.New(t)
	log.Sent(secretiveDay)
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "{") {
			_, _ = log.Write([]byte(line)) // which never fails
		}
	}
}

// The level of the log is read and changed at the metrics address, without a restart.
func TestLogLevelIsChangedWhileItRuns(t *testing.T) {
	server, logs, _ := start(t, "sqlite::memory:")
	ask := func(method, level string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(server.metrics, "/metrics")+"/log_level", strings.NewReader(level))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, strings.TrimSpace(string(text))
	}
	lines := func() int {
		server.call("GET", "/v1/me", "")
		return strings.Count(logs.String(), `"route":"/v1/me"`)
	}
	if status, level := ask("GET", ""); status != http.StatusOK || level != "info" {
		t.Errorf("the level is %d %q", status, level)
	}
	before := lines()
	if status, level := ask("PUT", "error\n"); status != http.StatusOK || level != "error" {
		t.Errorf("the level was set to %d %q", status, level)
	}
	if after := lines(); before == 0 || after != before {
		t.Errorf("there were %d lines about requests, and with the level error %d", before, after)
	}
	if !strings.Contains(logs.String(), `"log level changed","from":"INFO","to":"ERROR"`) {
		t.Errorf("the change is not in the log:\n%s", logs)
	}
	for _, bad := range []string{"loud", "", strings.Repeat("debug", 10)} {
		if status, text := ask("PUT", bad); status != http.StatusBadRequest || !strings.Contains(text, "debug, info, warn, error") {
			t.Errorf("%q is answered with %d %q", bad, status, text)
		}
	}
	if status, _ := ask("POST", "debug"); status != http.StatusMethodNotAllowed {
		t.Errorf("what a form of another page may send is answered with %d", status)
	}
	if _, level := ask("PUT", "debug"); level != "debug" || lines() != before+1 {
		t.Errorf("the level is %q, and a request is not in the log", level)
	}
}
