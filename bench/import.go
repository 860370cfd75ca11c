package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
)

// writeExport writes an export of the Health app to a file, zipped where its name ends in .zip.
func writeExport(path string, size int64, out io.Writer) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	write := generator.WriteExport
	if strings.EqualFold(filepath.Ext(path), ".zip") {
		write = generator.WriteExportArchive
	}
	made, err := write(file, generator.ExportOptions{Bytes: size, Seed: 4})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d bytes of XML with %d records, %d workouts and %d summaries\n",
		path, made.Bytes, made.Records, made.Workouts, made.Summaries)
	return err
}

// measureImport decodes an export of the Health app, and imports it into each database.
func (b *benchRun) measureImport(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "health-export-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	var text bytes.Buffer
	made, err := generator.WriteExport(&text, generator.ExportOptions{Bytes: b.scale.xml, Seed: 4})
	if err != nil {
		return err
	}
	if err := b.decodeXML(text.Bytes(), made); err != nil {
		return err
	}
	path := filepath.Join(folder, "export.xml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return err
	}
	text = bytes.Buffer{}
	return b.forEachEngine(ctx, func(ctx context.Context, e engine) error { return b.measureImportOn(ctx, e, path, made) })
}

// decodeXML compares the decoder with the tokens of encoding/xml over a tenth of the document.
func (b *benchRun) decodeXML(text []byte, made generator.Export) error {
	b.logf("decoding %d MB of XML", len(text)/1e6)
	detected, err := format.Detect(text[:format.DetectSize])
	if err != nil {
		return err
	}
	var ours, theirs costs
	for range 3 {
		once, err := measureHere(func() error { return decodeExport(detected, text, made) })
		if err != nil {
			return err
		}
		ours = append(ours, once)
		if once, err = measureHere(func() error { return readXML(text[:len(text)/10]) }); err != nil {
			return err
		}
		theirs = append(theirs, once)
	}
	speed := func(size int) func(float64) float64 {
		return func(seconds float64) float64 { return float64(size) / 1e6 / seconds }
	}
	fast, slow := ours.of(processor).transform(speed(len(text))), theirs.of(processor).transform(speed(len(text)/10))
	b.report.add(result{
		name: fmt.Sprintf("XML decoding, %d MB, one core", len(text)/1e6), measured: fast.format("%.0f MB/s"),
		target: "≥ 300 MB/s", met: fast.median() >= 300,
	})
	b.report.add(result{
		name: "… against the bare tokens of encoding/xml", measured: fast.ratioTo(slow), baseline: slow.format("%.0f MB/s"),
	})
	return nil
}

func decodeExport(detected format.Format, text []byte, made generator.Export) error {
	records := 0
	for record, err := range detected.Decode(bytes.NewReader(text), format.Options{}) {
		if err != nil {
			return err
		}
		if record.Position.Type == "metric" {
			records++
		}
	}
	if want := made.Records + made.Summaries; records != want {
		return fmt.Errorf("decoded %d of %d records", records, want)
	}
	return nil
}

func readXML(text []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.RawToken(); err != nil {
			if _, cutOff := errors.AsType[*xml.SyntaxError](err); cutOff || errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// measureImportOn imports a file twice, and compares with the baseline that writes the same rows.
func (b *benchRun) measureImportOn(ctx context.Context, e engine, path string, made generator.Export) (err error) {
	b.logf("import, %s, %d records", e.name(), made.Records)
	i, users, address, drop, err := startOnNewDatabase(ctx, e, 1)
	if err != nil {
		return err
	}
	defer drop()
	defer func() { err = errors.Join(err, i.stop(ctx)) }()
	first, err := i.importFile(ctx, e, address, users[0], path, func(c health.Counts) int { return c.Inserted })
	if err != nil {
		return err
	}
	again, err := i.importFile(ctx, e, address, users[0], path, func(c health.Counts) int { return c.Unchanged })
	if err != nil {
		return err
	}
	write, err := e.importBaseline(ctx, address, users[0])
	if err != nil {
		return err
	}
	plain, err := write(ctx, 1)
	if err != nil {
		return err
	}
	ratio := plain.wall.Seconds() / first.wall.Seconds()
	perSecond := func(c cost) float64 { return float64(made.Records) / c.wall.Seconds() }
	f := result{
		name:     fmt.Sprintf("%s: import of %d records", e.name(), made.Records),
		measured: fmt.Sprintf("%.2f × (%.0f records/s)", ratio, perSecond(first)),
		baseline: fmt.Sprintf("%s of its rows (%.0f records/s)", e.baselineName(), perSecond(plain)),
		target:   "≥ 0.8 ×", met: ratio >= 0.8,
	}
	if e.name() == "SQLite" {
		f.target, f.met = "≥ 100000 records/s", perSecond(first) >= 100_000
	}
	b.report.add(f)
	b.report.add(result{
		name: "… and again, all unchanged", measured: fmt.Sprintf("%.2f × (%.0f records/s)", plain.wall.Seconds()/again.wall.Seconds(), perSecond(again)),
	})
	b.report.add(result{
		name:     "… processor time of the first",
		measured: fmt.Sprintf("%.1f s here, %.1f s in the database", first.program.Seconds(), first.database.Seconds()),
		baseline: fmt.Sprintf("%.1f s here, %.1f s in the database", plain.program.Seconds(), plain.database.Seconds()),
	})
	return nil
}

func (i *instance) importFile(
	ctx context.Context, e engine, address string, p testUser, path string, expected func(health.Counts) int,
) (cost, error) {
	file, err := os.Open(path)
	if err != nil {
		return cost{}, err
	}
	defer file.Close()
	return measure(ctx, e, address, func() error {
		done, err := i.ingest.ImportFile(ctx, ingest.FileRequest{User: p.User, File: file})
		if c := done.Report.Total(); err == nil && expected(c) != c.Received {
			err = fmt.Errorf("the import is %s after %s: %+v", done.Status, done.Duration.Round(time.Millisecond), c)
		}
		return err
	})
}
