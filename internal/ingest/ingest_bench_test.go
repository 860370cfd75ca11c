package ingest

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// BenchmarkReceive ingests a body of 100,000 points, on an SQLite file, and then the same body again. It also reports the
// time that decoding alone takes, as a share of the first.
func BenchmarkReceive(b *testing.B) {
	var body bytes.Buffer
	points, err := generator.Write(&body, generator.Options{Points: 100_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	var first, again, decode time.Duration
	for b.Loop() {
		s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"), nil)
		if err != nil {
			b.Fatal(err)
		}
		bench := newHarness(b, s, nil, Limits{})
		begin := time.Now()
		if sent := bench.send(body.String()); metricCounts(sent).Inserted != points {
			b.Fatalf("%+v", sent.Report)
		}
		first += time.Since(begin)
		begin = time.Now()
		if sent := bench.send(body.String()); metricCounts(sent).Unchanged != points {
			b.Fatalf("%+v", sent.Report)
		}
		again += time.Since(begin)
		begin = time.Now()
		decodeBody(b, body.Bytes())
		decode += time.Since(begin)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	total := float64(points) * float64(b.N)
	b.ReportMetric(total/first.Seconds(), "new_rows/s")
	b.ReportMetric(total/again.Seconds(), "unchanged_rows/s")
	b.ReportMetric(decode.Seconds()/first.Seconds(), "decode/new")
}

func decodeBody(b *testing.B, body []byte) {
	b.Helper()
	detected, err := format.Detect(body[:format.DetectSize])
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for record, err := range detected.Decode(bytes.NewReader(body), format.Options{}) {
		if err != nil {
			b.Fatal(err)
		}
		if record.Kind() == health.Metrics {
			n++
		}
	}
	if n == 0 {
		b.Fatal("nothing was decoded")
	}
}
