package format

import (
	"bytes"
	stdjson "encoding/json"
	"io"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/format/generator"
)

func generated(tb testing.TB, o generator.Options) (body []byte, points int) {
	tb.Helper()
	var text bytes.Buffer
	points, err := generator.Write(&text, o)
	if err != nil {
		tb.Fatal(err)
	}
	return text.Bytes(), points
}

// countSamples decodes a body and returns the number of its samples.
func countSamples(tb testing.TB, body io.Reader) (samples int) {
	tb.Helper()
	for record, err := range decodeJSON(body, Options{}) {
		if err != nil {
			tb.Fatal(err)
		}
		samples += len(record.Samples)
	}
	return samples
}

// BenchmarkDecode measures the decoder and two baselines in the same run: encoding/json decoding the body into structs,
// and a loop over the tokens of jsontext. It reports the fastest run of each, which is the least disturbed by other
// load.
func BenchmarkDecode(b *testing.B) {
	body, points := generated(b, generator.Options{Bytes: 20 << 20})
	var reader bytes.Reader
	var ours, tokens, whole time.Duration
	for b.Loop() {
		ours = fastest(ours, func() {
			reader.Reset(body)
			countSamples(b, &reader)
		})
	}
	for range 5 {
		tokens = fastest(tokens, func() { readTokens(b, body) })
		whole = fastest(whole, func() { readWhole(b, body) })
	}
	b.ReportMetric(float64(len(body))/1e6/ours.Seconds(), "MB/s")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(points), "ns/point")
	b.ReportMetric(float64(tokens)/float64(ours), "×tokens")
	b.ReportMetric(float64(whole)/float64(ours), "×encoding/json")
}

func fastest(before time.Duration, run func()) time.Duration {
	start := time.Now()
	run()
	if took := time.Since(start); before == 0 || took < before {
		return took
	}
	return before
}

func readTokens(tb testing.TB, body []byte) {
	decoder := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := decoder.ReadToken(); err == io.EOF {
			return
		} else if err != nil {
			tb.Fatal(err)
		}
	}
}

func readWhole(tb testing.TB, body []byte) {
	var read struct {
		Data struct {
			Metrics []struct {
				Name, Units string
				Data        []struct {
					Date          string
					Qty           float64
					Min, Avg, Max float64
					Source        string
				}
			}
			Workouts []stdjson.RawMessage
		}
	}
	if err := stdjson.Unmarshal(body, &read); err != nil {
		tb.Fatal(err)
	}
}

// TestPointsDoNotAllocate checks that the decoder allocates per body, not per point.
func TestPointsDoNotAllocate(t *testing.T) {
	body, points := generated(t, generator.Options{Points: 20_000})
	var reader bytes.Reader
	perBody := testing.AllocsPerRun(5, func() {
		reader.Reset(body)
		if samples := countSamples(t, &reader); samples != points {
			t.Fatalf("%d samples from %d points", samples, points)
		}
	})
	if perPoint := perBody / float64(points); perPoint > 0.05 {
		t.Errorf("%.3f allocations per point", perPoint)
	}
}

func BenchmarkParseTime(b *testing.B) {
	for name, text := range map[string]string{
		"standard": "2026-05-19 07:30:00 -0700",
		"wall":     "2026-05-19 07:30:00",
		"iso":      "2026-05-19T07:30:00Z",
		"12-hour":  "2026-05-19 7:30:00\u202fAM -0700",
		"persian":  "۱۴۰۵-۰۲-۲۹ ۷:۳۰:۰۰ قبل\u200cازظهر +۰۳۳۰",
	} {
		b.Run(name, func(b *testing.B) {
			times, sent := fixtureTimes(nil), []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok := times.parse(sent); !ok {
					b.Fatal("not read")
				}
			}
		})
	}
}

func BenchmarkParseNumber(b *testing.B) {
	for name, text := range map[string]string{"integer": "72", "short": "12.5", "long": "515.6963842913865"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, ok := parseNumber([]byte(text)); !ok {
					b.Fatal("not read")
				}
			}
		})
	}
}
