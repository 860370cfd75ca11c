package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/testlog"
)

// process is the program in a process of its own.
type process struct {
	*instance
	command *exec.Cmd
	exited  chan struct{}
	log     *buffer
}

// build makes the program and returns where it is.
func build(t testing.TB) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "health-export")
	if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return binary
}

// launch starts binary on a database and waits until it listens. Settings are variables with their values, NAME=value.
func launch(t testing.TB, binary, database, key string, settings ...string) *process {
	t.Helper()
	out, errOut, lines := newBuffer(), newBuffer(), testlog.New(t)
	command := exec.CommandContext(t.Context(), binary, "serve", "--database", database)
	command.Dir = filepath.Dir(binary)
	command.Env = append(os.Environ(), "HEALTH_EXPORT_LISTEN=127.0.0.1:0", "HEALTH_EXPORT_METRICS_LISTEN=off")
	command.Env = append(command.Env, settings...)
	command.Stdout, command.Stderr = out, io.MultiWriter(errOut, lines)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{command: command, exited: make(chan struct{}), log: errOut}
	go func() {
		_ = command.Wait() // it is killed: the error is wanted
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	p.instance = &instance{t: t, logs: lines, url: "http://" + errOut.find(t, `"listen":"([^"]+)"`, p.exited), key: key}
	if key == "" {
		p.key = out.find(t, `(hea_\w+)\s`, p.exited) // it may come after what is on the other pipe
	}
	return p
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.exited
}

// Whatever moment the server is killed at, every body that it acknowledged is in the archive afterwards, and stored in
// full once the next server has taken up what was left.
func TestKill(t *testing.T) {
	binary := build(t)
	database := newDatabase(t)
	server := launch(t, binary, database, "")
	key := server.key

	acknowledged := map[string]int{} // ingestion → number of its body
	var mu sync.Mutex
	next := 0
	for round := range 4 {
		var senders sync.WaitGroup
		enough := make(chan struct{}) // closed when this round has had its acknowledgements, or will never have them
		end := sync.OnceFunc(func() { close(enough) })
		wanted := len(acknowledged) + 5 + 7*round
		for range 3 {
			senders.Go(func() {
				for {
					mu.Lock()
					next++
					n := next
					mu.Unlock()
					status, answer, err := server.try("POST", "/v1/ingest", minutes(n))
					if err != nil {
						return // killed
					}
					var report struct {
						ID string `json:"ingestion_id"`
					}
					if status != http.StatusOK && status != http.StatusAccepted || json.Unmarshal(answer, &report) != nil {
						t.Errorf("the answer to body %d is %d %s", n, status, answer)
						end()
						return
					}
					mu.Lock()
					if acknowledged[report.ID] = n; len(acknowledged) == wanted {
						end()
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		server.kill()
		senders.Wait()
		server = launch(t, binary, database, key)
	}
	t.Logf("%d bodies acknowledged in 4 rounds", len(acknowledged))

	server.waitUntilFinished()
	for id, n := range acknowledged {
		status, ingestion := server.call("GET", "/v1/ingestions/"+id, "")
		if status != http.StatusOK || ingestion["status"] != "processed" {
			t.Errorf("acknowledged ingestion %s: %d %v", id, status, ingestion["status"])
		}
		if _, raw, err := server.try("GET", "/v1/ingestions/"+id+"/raw", ""); err != nil || string(raw) != minutes(n) {
			t.Errorf("the body of %s is not what was sent (%v)", id, err)
		}
		if status, report := server.call("POST", "/v1/ingest", minutes(n)); status != http.StatusOK || counts(report)["unchanged"] != 60.0 {
			t.Errorf("body %d, acknowledged before the kill, is not stored in full: %v", n, counts(report))
		}
	}
}

// minutes is a body of 60 points that no other number has.
func minutes(n int) string {
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
	var points []string
	for m := range 60 {
		points = append(points, fmt.Sprintf(`{"date":"%s +0000","qty":%d.5}`, day.Add(time.Duration(m)*time.Minute).Format("2006-01-02 15:04:05"), n%100))
	}
	return `{"data":{"metrics":[{"name":"step_count","units":"count","data":[` + strings.Join(points, ",") + `]}]}}`
}

// waitUntilFinished returns when no ingestion is unfinished.
func (i *instance) waitUntilFinished() {
	i.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		_, page := i.call("GET", "/v1/ingestions?status=accepted&limit=1", "")
		if list, _ := page["ingestions"].([]any); len(list) == 0 {
			return
		}
		if time.Now().After(deadline) {
			i.t.Fatal("a minute after the restart there are unfinished ingestions")
		}
	}
}
