package main

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/format/generator"
)

// measureDecoding compares the decoder with encoding/json, which reads the whole body into structs, and with a loop over
// the tokens of jsontext that does nothing with them. Each runs on one goroutine.
func (b *bench) measureDecoding(context.Context) error {
	sent, err := newBody(generator.Options{Bytes: b.scale.decoded, Seed: 3})
	if err != nil {
		return err
	}
	b.say("decoding %d MB of JSON", len(sent.text)/1e6)
	language, err := format.Detect(sent.text[:format.DetectSize])
	if err != nil {
		return err
	}
	ways := []struct {
		read func() error
		took spread // seconds
	}{
		{read: func() error { return decode(language, sent) }},
		{read: func() error { return readTokens(sent.text) }},
		{read: func() error { return readWhole(sent.text) }},
	}
	var mallocs spread
	for range b.scale.rounds(len(sent.text)) {
		for i := range ways {
			w := &ways[i]
			runtime.GC()
			before := allocations()
			begin := time.Now()
			if err := w.read(); err != nil {
				return err
			}
			w.took = append(w.took, time.Since(begin).Seconds())
			if i == 0 {
				mallocs = append(mallocs, float64(allocations()-before)/float64(sent.points))
			}
		}
	}
	speed := func(seconds spread) spread {
		return seconds.each(func(s float64) float64 { return float64(len(sent.text)) / 1e6 / s })
	}
	ours := speed(ways[0].took)
	b.report.add(finding{
		what:     fmt.Sprintf("JSON decoding, %d MB, one core, %.3f allocations a point", len(sent.text)/1e6, mallocs.median()),
		measured: ours.format("%.0f MB/s"), target: "≥ 120 MB/s", met: ours.median() >= 120,
	})
	b.report.add(finding{
		what: "… against encoding/json into structs", measured: ways[2].took.over(ways[0].took), compared: speed(ways[2].took).format("%.0f MB/s"),
	})
	b.report.add(finding{
		what: "… against the bare tokens of jsontext", measured: ways[1].took.over(ways[0].took), compared: speed(ways[1].took).format("%.0f MB/s"),
	})
	return nil
}

func decode(language format.Format, sent body) error {
	samples := 0
	for record, err := range language.Decode(bytes.NewReader(sent.text), format.Options{}) {
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
