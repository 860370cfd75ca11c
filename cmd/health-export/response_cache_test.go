package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/testdb"
)

// A server that remembers in its own memory notices within seconds what a command writes into the same file.
func TestServerNoticesWhatCommandsWrite(t *testing.T) {
	database := "sqlite:" + filepath.Join(t.TempDir(), "health.db")
	server, _, _ := start(t, database)
	server.importSteps(database, nil, 100)
	server.waitForSteps(100)
	server.importSteps(database, nil, 200)
	server.waitForSteps(200)
}

// Servers that share a Redis know what a command has written when it has ended.
func TestCommandsInvalidateServersThroughRedis(t *testing.T) {
	redis := testdb.Service(t, "TEST_REDIS_URL")
	database := testdb.EmptyPostgresURL(t)
	environment := map[string]string{"REDIS_URL": redis}
	server, _, _ := start(t, database, "REDIS_URL", redis)
	for steps := 100; steps <= 300; steps += 100 {
		server.importSteps(database, environment, steps)
		for range 2 { // found, and remembered
			if got := server.stepsOfDay("2026-03-10"); got != float64(steps) {
				t.Errorf("after an import of %d steps the server says %v", steps, got)
			}
		}
	}
}

// importSteps runs the command that imports a number of steps for a day.
func (i *instance) importSteps(database string, environment map[string]string, steps int) {
	i.t.Helper()
	body := fmt.Appendf(nil,
		`{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0100","qty":%d}]}]}}`, steps)
	if err := os.WriteFile("steps.json", body, 0o600); err != nil {
		i.t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code := run(i.t.Context(), []string{"import", "--database", database, "--user", firstUser, "steps.json"}, environment, nil, &out, &errOut)
	if code != exitOK {
		i.t.Fatalf("exit code %d: %s%s", code, out.String(), errOut.String())
	}
}

// waitForSteps asks until the summary has so many steps, which it then remembers.
func (i *instance) waitForSteps(want float64) {
	i.t.Helper()
	again, deadline := time.NewTicker(100*time.Millisecond), time.After(30*time.Second)
	defer again.Stop()
	for {
		got := i.stepsOfDay("2026-03-10")
		if got == want {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			i.t.Fatalf("the server still says %v steps, not %v", got, want)
		}
	}
}
