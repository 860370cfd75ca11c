//go:build rolling

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/testdb"
)

// Two instances behind Caddy, as deploy/caddy configures it, are replaced one after the other, several times, while people
// send and read: nobody sees a failure, and every body that was acknowledged is stored in full. scripts/check-rolling runs
// it.
func TestRollingRestart(t *testing.T) {
	binary, database := build(t), testdb.EmptyPostgresURL(t)
	ports := freePorts(t, 3)
	run := func(which int, key string) *process {
		return launch(t, binary, database, key, "HEALTH_EXPORT_LISTEN=127.0.0.1:"+ports[which], "REDIS_URL="+os.Getenv("TEST_REDIS_URL"),
			"HEALTH_EXPORT_SHUTDOWN_DELAY=2s", "HEALTH_EXPORT_TRUSTED_PROXIES=127.0.0.1")
	}
	first := run(0, "")
	instances := [2]*process{first, run(1, first.key)}
	site := "http://127.0.0.1:" + ports[2]
	startCaddy(t, site, "127.0.0.1:"+ports[0]+" 127.0.0.1:"+ports[1])

	l := &load{t: t, site: site, key: first.key, stop: make(chan struct{})}
	l.waitUntilAnswered()
	for range 4 {
		l.people.Go(func() { l.repeat(l.send) })
	}
	for range 2 {
		l.people.Go(func() { l.repeat(l.sendSlowly) })
	}
	l.people.Go(func() { l.repeat(l.read) })
	begun := time.Now()
	const rounds = 2
	for range rounds {
		for which := range instances {
			instances[which].terminate()
			instances[which] = run(which, first.key)
			// The balancer has noticed when a request arrives.
			instances[which].log.find(t, `"route":"(/v1/ingest)"`, instances[which].exited)
		}
	}
	close(l.stop)
	l.people.Wait()
	t.Logf("%d bodies acknowledged and %d answers read in %s, %d instances replaced",
		l.acknowledged.Load(), l.answered.Load(), time.Since(begun).Round(time.Second), 2*rounds)

	instances[0].waitUntilFinished()
	_, page := instances[0].call("GET", "/v1/metrics", "")
	metrics, _ := page["metrics"].([]any)
	if len(metrics) != 1 || metrics[0].(map[string]any)["count"] != float64(60*l.acknowledged.Load()) {
		t.Errorf("of %d bodies with 60 samples each there is %v", l.acknowledged.Load(), page)
	}
	if code, out, errOut := tool(t, database, "verify"); code != exitOK || !strings.Contains(out, "0 missing, 0 extra, 0 different") {
		t.Errorf("verify: exit code %d: %s%s", code, out, errOut)
	}
}

// load is people who send and read through a balancer.
type load struct {
	t                               *testing.T
	site, key                       string
	stop                            chan struct{}
	people                          sync.WaitGroup
	numbers, acknowledged, answered atomic.Int64
}

// repeat does one thing after the other until the stop.
func (l *load) repeat(do func() error) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		if err := do(); err != nil {
			l.t.Error(err)
		}
	}
}

func (l *load) send() error {
	return l.post(strings.NewReader(minutes(int(l.numbers.Add(1)))))
}

// sendSlowly sends a body that takes two seconds to come, as from a phone on a bad line.
func (l *load) sendSlowly() error {
	body, pipe := io.Pipe()
	go func() {
		text := minutes(int(l.numbers.Add(1)))
		for part := range 10 {
			_, _ = io.WriteString(pipe, text[part*len(text)/10:(part+1)*len(text)/10]) // the answer tells what went wrong
			time.Sleep(200 * time.Millisecond)
		}
		_ = pipe.Close()
	}()
	return l.post(body)
}

func (l *load) post(body io.Reader) error {
	answer, err := l.do("POST", "/v1/ingest", body)
	if err != nil {
		return err
	}
	var report struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(answer, &report); err != nil || report.Status != "processed" && report.Status != "accepted" {
		return fmt.Errorf("the report is %s (%w)", answer, err)
	}
	l.acknowledged.Add(1)
	return nil
}

func (l *load) read() error {
	_, err := l.do("GET", "/v1/metrics/step_count/samples?start=2020-01-01&end=2020-01-02", nil)
	if err == nil {
		l.answered.Add(1)
	}
	return err
}

// do asks once, without trying again.
func (l *load) do(method, path string, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(l.t.Context(), method, l.site+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+l.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s answered %s: %s", method, path, response.Status, content)
	}
	return content, err
}

// waitUntilAnswered waits for the balancer.
func (l *load) waitUntilAnswered() {
	l.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, err := l.do("GET", "/ready", nil)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatal(err)
		}
	}
}

// terminate tells the process to stop, as a service manager does, and waits until it has.
func (p *process) terminate() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	<-p.exited
	if code := p.command.ProcessState.ExitCode(); code != exitOK {
		p.t.Errorf("the server ended with %d:\n%s", code, p.log)
	}
}

// startCaddy runs the program that the variable CADDY names until the test ends.
func startCaddy(t *testing.T, site, instances string) {
	t.Helper()
	caddy := os.Getenv("CADDY")
	if caddy == "" {
		t.Fatal("CADDY names no program: run scripts/check-rolling")
	}
	config, err := filepath.Abs("../../deploy/caddy/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), caddy, "run", "--adapter", "caddyfile", "--config", config)
	command.Env = append(os.Environ(), "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(),
		"CADDY_ADMIN=off", "HEALTH_EXPORT_SITE="+site, "HEALTH_EXPORT_INSTANCES="+instances)
	log := newBuffer()
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		if err := command.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("Caddy said:\n%s", log)
		}
	})
}

// freePorts returns ports of this machine on which nobody listens, below those that systems give to connections: one of
// these could be taken while the instance is replaced that listened there.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range 100 * n {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		defer listener.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("there are no free ports")
	return nil
}
