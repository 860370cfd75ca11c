package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/server"
)

// measureSmallPost compares a small POST, whose key is cached and whose body is discarded, with a handler that only
// reads the body and responds with the same number of bytes. The client writes the same bytes repeatedly and parses
// only the length of the response; its small cost is in both.
func (b *benchRun) measureSmallPost(ctx context.Context) (err error) {
	i, users, _, drop, err := startOnNewDatabase(ctx, b.engines[len(b.engines)-1], 1)
	if err != nil {
		return err
	}
	defer drop()
	defer func() { err = errors.Join(err, i.stop(ctx)) }()
	operations, err := operation.New(operation.Config{})
	if err != nil {
		return err
	}
	whole := httptest.NewServer(server.New(server.Config{
		Operations: operations, Ingestion: ingestNothing{i.ingest}, Authenticator: i.authenticator, Registerer: prometheus.NewRegistry(),
		Limits: access.NewLimits(access.LimitOptions{Allowances: unlimited}),
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)),
	}))
	defer whole.Close()
	size := 0
	bareHandler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.Repeat(" ", size))
	}))
	defer bareHandler.Close()

	var wholes, bares measurements // microseconds a request
	const rounds = 5
	for range rounds {
		b.logf("small posts")
		once, length, err := measurePosts(ctx, whole, users[0].key, b.scale.posts/rounds)
		if err != nil {
			return err
		}
		size = length
		wholes = append(wholes, once)
		if once, _, err = measurePosts(ctx, bareHandler, users[0].key, b.scale.posts/rounds); err != nil {
			return err
		}
		bares = append(bares, once)
	}
	b.report.add(result{
		name: "small authenticated POST against a bare handler", measured: wholes.ratioTo(bares),
		baseline: bares.format("%.1f µs"),
		target:   "≤ 2 ×", met: wholes.median() <= 2*bares.median(),
	})
	return nil
}

// unlimited is an allowance that no benchmark exceeds.
var unlimited = map[string]access.Allowance{access.TierUnlimited: {IngestRequests: 1 << 40, IngestBytes: 1 << 50, Reads: 1 << 40}}

// ingestNothing reads and discards bodies.
type ingestNothing struct{ server.Ingest }

func (ingestNothing) Receive(_ context.Context, r ingest.Request) (health.Ingestion, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return health.Ingestion{ID: uuid.Max, Status: health.StatusProcessed}, err
}

// measurePosts posts for a duration over several connections, and returns the microseconds of processor time per
// request, client and server together, and the size of a response.
func measurePosts(ctx context.Context, to *httptest.Server, key string, duration time.Duration) (micros float64, size int, err error) {
	const point = `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-01-01 10:00:00 +0100","qty":7}]}]}}`
	request := fmt.Appendf(nil, "POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", key, len(point), point)
	var sizes, counts [8]int // by connections
	took, err := measureHere(func() error {
		group, ctx := errgroup.WithContext(ctx)
		for n := range counts {
			group.Go(func() (err error) {
				counts[n], sizes[n], err = postUntil(ctx, to.Listener.Addr().String(), request, time.Now().Add(duration))
				return err
			})
		}
		return group.Wait()
	})
	total := 0
	for _, count := range counts {
		total += count
	}
	return float64(processor(took).Microseconds()) / float64(total), sizes[0], err
}

// postUntil sends the same request over one connection until end.
func postUntil(ctx context.Context, address string, request []byte, end time.Time) (count, size int, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for ; time.Now().Before(end) && ctx.Err() == nil; count++ {
		if _, err := conn.Write(request); err != nil {
			return count, size, err
		}
		if size, err = readAnswer(answers); err != nil {
			return count, size, err
		}
	}
	return count, size, ctx.Err()
}

// readAnswer reads one response, and returns its Content-Length.
func readAnswer(from *bufio.Reader) (size int, err error) {
	line, err := from.ReadSlice('\n')
	if err == nil && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("the answer is %q", line)
	}
	for err == nil && len(line) > len("\r\n") {
		if line, err = from.ReadSlice('\n'); bytes.HasPrefix(line, []byte("Content-Length: ")) {
			size, _ = strconv.Atoi(string(bytes.TrimSpace(line[len("Content-Length: "):])))
		}
	}
	if err == nil {
		_, err = from.Discard(size)
	}
	return size, err
}
