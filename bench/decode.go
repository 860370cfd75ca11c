package main

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/format/generator"
)

// measureDecoding compares the decoder with encoding/json, which decodes the body into structs, and with a loop over
// the tokens of jsontext. Each runs on one goroutine; the processor time includes that of the garbage collector.
func (b *benchRun) measureDecoding(context.Context) error {
	sent, err := newBody(generator.Options{Bytes: b.scale.decoded, Seed: 3})
	if err != nil {
		return err
	}
	b.logf("decoding %d MB of JSON", len(sent.text)/1e6)
	detected, err := format.Detect(sent.text[:format.DetectSize])
	if err != nil {
		return err
	}
	ways := []struct {
		read func() error
		took costs
	}{
		{read: func() error { return decode(detected, sent) }},
		{read: func() error { return readTokens(sent.text) }},
		{read: func() error { return readWhole(sent.text) }},
	}
	var mallocs measurements
	for range b.scale.rounds(len(sent.text)) {
		for i := range ways {
			w := &ways[i]
			runtime.GC()
			before := allocations()
			once, err := measureHere(w.read)
			if err != nil {
				return err
			}
			w.took = append(w.took, once)
			if i == 0 {
				mallocs = append(mallocs, float64(allocations()-before)/float64(sent.points))
			}
		}
	}
	var seconds, speeds [3]measurements
	for i, w := range ways {
		seconds[i] = w.took.of(processor)
		speeds[i] = seconds[i].transform(func(s float64) float64 { return float64(len(sent.text)) / 1e6 / s })
	}
	b.report.add(result{
		name:     fmt.Sprintf("JSON decoding, %d MB, one core, %.3f allocations a point", len(sent.text)/1e6, mallocs.median()),
		measured: speeds[0].format("%.0f MB/s"), target: "≥ 120 MB/s", met: speeds[0].median() >= 120,
	})
	b.report.add(result{
		name: "… against encoding/json into structs", measured: seconds[2].ratioTo(seconds[0]), baseline: speeds[2].format("%.0f MB/s"),
	})
	b.report.add(result{
		name: "… against the bare tokens of jsontext", measured: seconds[1].ratioTo(seconds[0]), baseline: speeds[1].format("%.0f MB/s"),
	})
	return nil
}

func decode(detected format.Format, sent body) error {
	samples := 0
	for record, err := range detected.Decode(bytes.NewReader(sent.text), format.Options{}) {
		if err != nil {
			return err
		}
		samples += len(record.Samples)
	}
	if samples != sent.points {
		return fmt.Errorf("decoded %d samples from %d points", samples, sent.points)
	}
	return nil
}

func readTokens(text []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.ReadToken(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func readWhole(text []byte) error {
	var read struct {
		Data struct {
			Metrics []struct {
				Name, Units string
				Data        []struct {
					Date, Source       string
					Qty, Min, Avg, Max float64
				}
			}
			Workouts []stdjson.RawMessage
		}
	}
	return stdjson.Unmarshal(text, &read)
}

func allocations() uint64 {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.Mallocs
}
