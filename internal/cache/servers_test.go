package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/testdb"
)

// patient is how long calls may wait in tests that are not about time: other tests run beside them.
const patient = 5 * time.Second

// openRedis opens a Redis and waits until it answers.
func openRedis(t testing.TB, url string, options cache.RedisOptions) *cache.Redis {
	t.Helper()
	if options.Timeout == 0 {
		options.Timeout = patient
	}
	r, err := cache.OpenRedis(url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	waitFor(t, r)
	return r
}

// waitFor waits until the server is found.
func waitFor(t testing.TB, r *cache.Redis) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for r.Ping(ctx) != nil {
		select {
		case <-ctx.Done():
			t.Fatal("Redis does not answer")
		case <-ticker.C:
		}
	}
}

// redisServer is a server of the test's own, which it may stop.
type redisServer struct {
	t       testing.TB
	port    int
	dir     string
	args    []string
	process *exec.Cmd
}

// startRedis starts a server that keeps its data over a restart only where save is called.
func startRedis(t testing.TB, args ...string) *redisServer {
	t.Helper()
	testdb.Program(t, "redis-server")
	s := &redisServer{t: t, port: freePort(t), dir: t.TempDir(), args: args}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// startSentinel starts a sentinel that watches over a server under the name main.
func startSentinel(t testing.TB, primary *redisServer) *redisServer {
	t.Helper()
	s := &redisServer{t: t, port: freePort(t), dir: t.TempDir()}
	configuration := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n", s.port, s.dir, primary.port)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command("redis-server", configuration, "--sentinel")
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

// freePort returns a port on which nobody listens, below those that systems give to connections: one of these could be taken
// before the server of the test has it, or while it is restarted.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000) // #nosec G404 -- a test
		if listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("there is no free port")
	return 0
}

func (s *redisServer) url() string { return "redis://127.0.0.1:" + strconv.Itoa(s.port) }

func (s *redisServer) start() {
	s.t.Helper()
	s.process = exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--appendonly", "no",
	}, s.args...)...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *redisServer) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *redisServer) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// command runs redis-cli against the server.
func (s *redisServer) command(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("redis-cli", append([]string{"-p", strconv.Itoa(s.port)}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatal(fmt.Errorf("redis-cli %v: %w: %s", args, err, out))
	}
	return string(out)
}
