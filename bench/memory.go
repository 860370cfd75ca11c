package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/format/generator"
)

// measureMemory sends a large body to a server in another process, and measures the growth of its resident memory.
func (b *benchRun) measureMemory(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		b.logf("memory is measured on Linux only")
		return nil
	}
	return b.forEachEngine(ctx, b.measureMemoryOn)
}

func (b *benchRun) measureMemoryOn(ctx context.Context, e engine) error {
	i, users, address, drop, err := startOnNewDatabase(ctx, e, 1)
	if err != nil {
		return err
	}
	defer drop()
	if err := i.stop(ctx); err != nil {
		return err
	}
	b.logf("memory, %s: a body of %d MB", e.name(), b.scale.body/1e6)
	child, err := startServerProcess(ctx, address)
	if err != nil {
		return err
	}
	defer child.stop()
	before, err := child.memory("VmRSS")
	if err != nil {
		return err
	}
	begin := time.Now()
	status, ingestion, err := child.post(ctx, users[0], b.scale.body)
	if err != nil {
		return err
	}
	answered := time.Since(begin)
	if err := child.awaitProcessed(ctx, users[0], ingestion); err != nil {
		return err
	}
	finished := time.Since(begin)
	peak, err := child.memory("VmHWM")
	if err != nil {
		return err
	}
	b.report.add(result{
		name:     fmt.Sprintf("%s: resident memory grows with a body of %d MB", e.name(), b.scale.body/1e6),
		measured: fmt.Sprintf("%.0f MiB", peak-before), baseline: fmt.Sprintf("%.0f MiB before", before),
		target: "< 64 MiB", met: peak-before < 64,
	})
	b.report.add(result{
		name:     fmt.Sprintf("… which is answered with %d after", status),
		measured: fmt.Sprintf("%.1f s", answered.Seconds()), baseline: fmt.Sprintf("finished after %.1f s", finished.Seconds()),
		target: "≤ 20 s", met: answered < 21*time.Second,
	})
	return nil
}

// serverProcess is this program as a server in a process of its own.
type serverProcess struct {
	command *exec.Cmd
	stdin   io.Closer
	url     string
}

func startServerProcess(ctx context.Context, address string) (*serverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, "-serve", address)
	command.Stderr = os.Stderr
	stop, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &serverProcess{command: command, stdin: stop}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("the server in a process of its own did not start: %w", err)
	}
	c.url = strings.TrimSpace(line)
	return c, nil
}

func (c *serverProcess) stop() {
	_ = c.stdin.Close()
	_ = c.command.Wait()
}

// serveUntilEnd runs in a serverProcess: it prints the address it listens on, and stops when its input ends.
func serveUntilEnd(ctx context.Context, address string, in io.Reader, out io.Writer) error {
	i, err := start(ctx, address, 20*time.Second) // as health-export serve waits
	if err != nil {
		return err
	}
	fmt.Fprintln(out, i.listener.URL)
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, i.stop(ctx))
}

// memory returns a value of /proc/<pid>/status in MiB.
func (c *serverProcess) memory(name string) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(content)
	if found == nil {
		return 0, fmt.Errorf("/proc has no %s", name)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return n / 1024, err
}

// post sends a body that is generated while it is sent, and returns the status and the path of the ingestion.
func (c *serverProcess) post(ctx context.Context, p testUser, size int64) (status int, ingestion string, err error) {
	reader, writer := io.Pipe()
	go func() {
		options := bodyOptions(0)
		options.Bytes = size
		options.Start = options.Start.AddDate(-1, 0, 0) // with a workout per day it spans years
		_, err := generator.Write(writer, options)
		_ = writer.CloseWithError(err)
	}()
	defer reader.Close()
	var answer struct {
		ID string `json:"ingestion_id"`
	}
	status, err = c.request(ctx, http.MethodPost, "/v1/ingest", p, reader, &answer)
	return status, "/v1/ingestions/" + answer.ID, err
}

// awaitProcessed polls the ingestion until it is processed.
func (c *serverProcess) awaitProcessed(ctx context.Context, p testUser, ingestion string) error {
	for {
		var answer struct{ Status string }
		_, err := c.request(ctx, http.MethodGet, ingestion, p, nil, &answer)
		switch {
		case err != nil:
			return err
		case answer.Status == "processed":
			return nil
		case answer.Status != "accepted":
			return fmt.Errorf("the large body is %s", answer.Status)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *serverProcess) request(ctx context.Context, method, path string, p testUser, body io.Reader, answer any) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if response.StatusCode >= 300 {
		return 0, fmt.Errorf("%s %s: status %d: %.300s", method, path, response.StatusCode, text)
	}
	return response.StatusCode, json.Unmarshal(text, answer)
}
