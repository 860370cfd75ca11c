package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// BenchmarkIngestSQLite posts a body of 100,000 new points over HTTP to a server on an SQLite file, posts it again, and
// compares both with the plainest way to write the same rows to the same tables: prepared INSERTs of 100 rows, in
// transactions of 10,000. new/bare and unchanged/bare are ratios of rows per second in one run.
func BenchmarkIngestSQLite(b *testing.B) {
	var body bytes.Buffer
	points, err := generator.Write(&body, generator.Options{Points: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	var first, again, bare time.Duration
	for b.Loop() {
		file := filepath.Join(b.TempDir(), "health.db")
		server, stop := serveForBenchmark(b, "sqlite:"+file)
		server.post(b, []byte(`{"data":{}}`), "received", 0) // proves the key, which is remembered then
		first += server.post(b, body.Bytes(), "inserted", points)
		again += server.post(b, body.Bytes(), "unchanged", points)
		stop()
		bare += insertBare(b, file)
	}
	perSecond := func(d time.Duration) float64 { return float64(points) * float64(b.N) / d.Seconds() }
	b.ReportMetric(perSecond(first), "new_rows/s")
	b.ReportMetric(perSecond(again), "unchanged_rows/s")
	b.ReportMetric(perSecond(bare), "bare_rows/s")
	b.ReportMetric(bare.Seconds()/first.Seconds(), "new/bare")
	b.ReportMetric(bare.Seconds()/again.Seconds(), "unchanged/bare")
}

type benchmarkServer struct{ url, key string }

func serveForBenchmark(b *testing.B, database string) (s benchmarkServer, stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	out, errOut := newBuffer(), newBuffer()
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		run(ctx, []string{"serve", "--database", database, "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--log-level", "info"},
			map[string]string{"HEALTH_EXPORT_INGEST_WAIT": "5m"}, nil, out, errOut)
	}()
	s.url = "http://" + errOut.find(b, `"listen":"([^"]+)"`, exited)
	s.key = regexp.MustCompile(`hea_\w+`).FindString(out.String())
	return s, func() {
		cancel()
		<-exited
	}
}

// post sends a body and returns how long the answer took. All its points must have the given outcome.
func (s benchmarkServer) post(b *testing.B, body []byte, outcome string, points int) time.Duration {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.url+"/v1/ingest", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	begin := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	report := map[string]any{}
	if err := json.Unmarshal(answer, &report); err != nil || counts(report)[outcome] != float64(points) {
		b.Fatalf("answer %d %s", response.StatusCode, answer)
	}
	return took
}

// insertBare writes the samples of a database into the tables of a new one and returns how long that took.
func insertBare(b *testing.B, from string) time.Duration {
	b.Helper()
	metricCatalog, err := catalog.Load()
	if err != nil {
		b.Fatal(err)
	}
	to := filepath.Join(b.TempDir(), "bare.db")
	empty, err := sqlite.Open(b.Context(), to, metricCatalog)
	if err != nil {
		b.Fatal(err)
	}
	if err := empty.Close(); err != nil {
		b.Fatal(err)
	}
	source, target := openFile(b, from), openFile(b, to)
	defer source.Close()
	defer target.Close()
	var spent time.Duration
	for _, table := range []string{"heart_rate_metrics", "activity_metrics", "quantity_metrics"} {
		rows, columns := readTable(b, source, table)
		begin := time.Now()
		for len(rows) > 0 {
			n := min(len(rows), 10_000)
			insertBatch(b, target, table, rows[:n], columns)
			rows = rows[n:]
		}
		spent += time.Since(begin)
	}
	return spent
}

func openFile(b *testing.B, path string) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-8192)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func readTable(b *testing.B, db *sql.DB, table string) (rows [][]any, columns int) {
	b.Helper()
	found, err := db.QueryContext(b.Context(), "SELECT * FROM "+table)
	if err != nil {
		b.Fatal(err)
	}
	defer found.Close()
	names, err := found.Columns()
	if err != nil {
		b.Fatal(err)
	}
	for found.Next() {
		row, targets := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := found.Scan(targets...); err != nil {
			b.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		b.Fatal(err)
	}
	return rows, len(names)
}

func insertBatch(b *testing.B, db *sql.DB, table string, rows [][]any, columns int) {
	b.Helper()
	tuple := "(?" + strings.Repeat(",?", columns-1) + ")"
	tx, err := db.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	statement, err := tx.PrepareContext(b.Context(), "INSERT INTO "+table+" VALUES "+tuple+strings.Repeat(","+tuple, 99))
	if err != nil {
		b.Fatal(err)
	}
	defer statement.Close()
	arguments := make([]any, 0, 100*columns)
	for len(rows) >= 100 {
		arguments = arguments[:0]
		for _, row := range rows[:100] {
			arguments = append(arguments, row...)
		}
		if _, err := statement.ExecContext(b.Context(), arguments...); err != nil {
			b.Fatal(err)
		}
		rows = rows[100:]
	}
	if len(rows) > 0 {
		b.Fatalf("%d rows left: the number of points must be a multiple of 100 for every table", len(rows))
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLargeBody posts 200 MB to a server in a process of its own and reports by how much its resident memory grew,
// and how long the answer took.
func BenchmarkLargeBody(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "health-export")
	if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, output)
	}
	var body bytes.Buffer
	if _, err := generator.Write(&body, generator.Options{Bytes: 200_000_000, Seed: 2}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		database := "sqlite:" + filepath.Join(b.TempDir(), "health.db")
		first := launch(b, binary, database, "") // creates the user and its key
		first.kill()
		server := launch(b, binary, database, first.key)
		before := memory(b, server.command.Process.Pid, "VmRSS")
		begin := time.Now()
		status, answer, err := server.try("POST", "/v1/ingest", body.String())
		if err != nil || status != http.StatusOK && status != http.StatusAccepted {
			b.Fatalf("%d %.200s %v", status, answer, err)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "answer_s")
		server.waitUntilFinished()
		b.ReportMetric(float64(memory(b, server.command.Process.Pid, "VmHWM")-before)/1024, "MiB_grown")
		server.kill()
	}
}

// memory returns a figure of /proc/PID/status in KiB.
func memory(b *testing.B, pid int, name string) int {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(content)
	if found == nil {
		b.Fatalf("no %s", name)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return n
}
