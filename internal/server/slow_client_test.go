package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/testlog"
)

// pipeListener is a listener whose connections are pipes in memory, which obey the clock of a synctest bubble.
type pipeListener chan net.Conn

func (p pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipeListener) Close() error   { return nil }
func (p pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// upload sends a body of so many bytes, a piece of it every second, and returns the answer and how long it took.
func upload(t *testing.T, size, piece int, stop *Drain) (status int, body string, took time.Duration) {
	t.Helper()
	connections := make(pipeListener)
	listening := &http.Server{Handler: New(Config{
		Operations: testOperations(t),
		Ingestion:  readingIngest{}, Authenticator: adaAuthenticator{}, Logger: testlog.Logger(t), Registerer: prometheus.NewRegistry(),
		Drain: stop,
	}), ReadHeaderTimeout: 10 * time.Second}
	go listening.Serve(connections)
	client, server := net.Pipe()
	sent := make(chan struct{})
	defer func() {
		client.Close()
		close(connections)
		listening.Close()
		<-sent
		time.Sleep(time.Second) // by the clock of the bubble: the server lingers before it closes a connection
	}()
	connections <- server
	begun := time.Now()
	go func() {
		defer close(sent)
		fmt.Fprintf(client, "POST /v1/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: %d\r\n\r\n", size)
		for sent := 0; sent < size && piece > 0; sent += piece {
			if _, err := io.WriteString(client, strings.Repeat("x", min(piece, size-sent))); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // the connection may be closed before its end
	return answer.StatusCode, string(text), time.Since(begun)
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size, piece, status int
		least, most         time.Duration
	}{
		"a phone on a bad line":      {200 * 2000, 2000, http.StatusOK, 199 * time.Second, 201 * time.Second},
		"nothing comes":              {1000, 0, http.StatusRequestTimeout, rateGrace, rateGrace + time.Second},
		"a byte a second":            {1000, 1, http.StatusRequestTimeout, rateGrace, rateGrace + 2*time.Second},
		"short and slow":             {20, 1, http.StatusOK, 19 * time.Second, 21 * time.Second},
		"just below the least speed": {1 << 20, 512, http.StatusRequestTimeout, 59 * time.Second, 62 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				status, body, took := upload(t, tt.size, tt.piece, nil)
				if status != tt.status || took < tt.least || took > tt.most {
					t.Errorf("%d after %s: %s", status, took, body)
				}
				if tt.status != http.StatusOK && !strings.Contains(body, `"too_slow"`) {
					t.Errorf("the answer is %s", body)
				}
			})
		})
	}
}

// A client that does not take its answer is let go.
func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connections := make(pipeListener)
		ended := make(chan time.Time, 1)
		api := New(Config{Logger: testlog.Logger(t), Registerer: prometheus.NewRegistry(), Authenticator: adaAuthenticator{}, Operations: testOperations(t)})
		listening := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				ended <- time.Now()
			}()
			api.ServeHTTP(w, r)
		})}
		go listening.Serve(connections)
		client, server := net.Pipe()
		defer func() {
			client.Close()
			close(connections)
			listening.Close()
			time.Sleep(time.Second)
		}()
		connections <- server
		begun := time.Now()
		fmt.Fprint(client, "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
		if took := (<-ended).Sub(begun); took < rateGrace || took > 3*time.Minute {
			t.Errorf("the answer was given up after %s", took)
		}
	})
}
