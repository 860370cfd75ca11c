package format

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// tableFixtures returns the bodies of the CSV fixtures by folder. A folder "input" in one is made a zip.
func tableFixtures(tb testing.TB) map[string][]byte {
	tb.Helper()
	inputs, err := filepath.Glob("testdata/hae-csv/*/input*")
	if err != nil || len(inputs) == 0 {
		tb.Fatal("there are no fixtures", err)
	}
	bodies := map[string][]byte{}
	for _, input := range inputs {
		if filepath.Ext(input) == "" {
			bodies[filepath.Dir(input)] = zipOf(tb, input)
			continue
		}
		bodies[filepath.Dir(input)] = readFixture(tb, input)
	}
	return bodies
}

func zipOf(tb testing.TB, folder string) []byte {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		tb.Fatal(err)
	}
	var files []string
	for _, entry := range entries {
		files = append(files, entry.Name(), string(readFixture(tb, folder, entry.Name())))
	}
	return makeZip(tb, files...)
}

// makeZip makes a zip of files, names and contents in turn.
func makeZip(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for i := 0; i < len(files); i += 2 {
		member, err := archive.Create(files[i])
		if err == nil {
			_, err = io.WriteString(member, files[i+1])
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		tb.Fatal(err)
	}
	return buffer.Bytes()
}

// recordsOf detects and decodes a body, which may be an archive.
func recordsOf(tb testing.TB, body []byte, options Options) iter.Seq2[health.Record, error] {
	tb.Helper()
	language, err := Detect(body[:min(len(body), DetectSize)])
	var archive *Archive
	if IsArchive(body) {
		if archive, err = OpenArchive(bytes.NewReader(body), int64(len(body))); err == nil {
			language, err = DetectArchive(archive)
		}
	}
	if err != nil || language.Name != "hae-csv" {
		tb.Fatalf("detected as %q, error %v", language.Name, err)
	}
	if archive != nil {
		return language.DecodeArchive(archive, options)
	}
	return language.Decode(bytes.NewReader(body), options)
}

func TestTables(t *testing.T) {
	t.Parallel()
	for folder, body := range tableFixtures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			options := Options{Location: fixtureZone(t)}
			got := render(t, recordsOf(t, body, options))
			if *update {
				if err := os.WriteFile(filepath.Join(folder, "expected.json"), got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFixture(t, folder, "expected.json")), string(got)); diff != "" {
				t.Errorf("not what is expected (-want +got); if it is right, run the test with -update\n%s", diff)
			}
			if IsArchive(body) {
				return
			}
			slowly := render(t, decodeCSV(iotest.OneByteReader(bytes.NewReader(body)), options))
			if diff := cmp.Diff(string(got), string(slowly)); diff != "" {
				t.Errorf("read byte by byte (-at once +byte by byte):\n%s", diff)
			}
		})
	}
}

func TestOtherTablesAreNotDetected(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"any table":        "a,b\n1,2\n",
		"text":             "Hello, world\n",
		"dates only":       "Date/Time\n2026-04-01\n",
		"a rule":           "--\nContent-Type: x\n",
		"start of a zip":   "PK\x03\x04",
		"binary":           "\x00\x01,\x02\n",
		"diary":            "Date,What happened\n2026-04-01,nothing\n",
		"quoted to no end": "\"Date/Time,Step Count (count)\n1,2\n",
	} {
		if language, err := Detect([]byte(body)); err == nil {
			t.Errorf("%s is detected as %s", name, language.Name)
		}
	}
	for name, body := range map[string][]byte{
		"Apple's electrocardiograms": makeZip(t, "apple_health_export/electrocardiograms/ecg_2026-04-01.csv", "Name,Anna\n"),
		"pictures":                   makeZip(t, "a.png", "x", "b.csv", "y"),
	} {
		archive, err := OpenArchive(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		if language, err := DetectArchive(archive); err == nil {
			t.Errorf("a zip of %s is detected as %s", name, language.Name)
		}
	}
}

// endOf returns the error that a body ends with.
func endOf(body io.Reader, options Options) error {
	for _, err := range decodeCSV(body, options) {
		if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused {
			return err
		}
	}
	return nil
}

func TestTablesRefuseAttacks(t *testing.T) {
	t.Parallel()
	const header = "Date/Time,Step Count (count)\n"
	for code, body := range map[string]io.Reader{
		"row_too_long": strings.NewReader(header + "\"" + strings.Repeat("a\n", maxRow)),
	} {
		fault, ok := errors.AsType[*problem.Error](endOf(body, Options{}))
		if !ok || fault.Code != code {
			t.Errorf("ended by %v, want %s", fault, code)
		}
	}
}

// A connection that breaks must not be taken for a broken body, which would never be tried again.
func TestTablesReturnTheReadersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	for folder, body := range tableFixtures(t) {
		if IsArchive(body) {
			continue // it is read when it is there
		}
		for _, n := range []int{3, len(body) / 2} {
			reader := io.MultiReader(bytes.NewReader(body[:n]), iotest.ErrReader(broken))
			if err := endOf(reader, Options{}); !errors.Is(err, broken) {
				t.Errorf("%s, after %d bytes: %v, want the reader's error", folder, n, err)
			}
		}
	}
}

func TestTablesStopWhenAsked(t *testing.T) {
	t.Parallel()
	for _, body := range tableFixtures(t) {
		for range recordsOf(t, body, Options{}) {
			break
		}
	}
}

func FuzzTables(f *testing.F) {
	for _, body := range tableFixtures(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ended := false
		for record, err := range decodeCSV(bytes.NewReader(body), Options{}) {
			if ended {
				t.Fatal("something comes after the end")
			}
			if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused {
				ended = true
				if problem.KindOf(err) == "" {
					t.Fatalf("an internal error: %v", err)
				}
				continue
			}
			if err == nil && len(record.Samples) == 1 && record.Entry == nil {
				record.Samples[0].Grain = health.GrainRaw // what ingest makes of it, and checkDecoded asks for
			}
			if record.Entry == nil {
				checkDecoded(t, record, err)
			}
		}
	})
}
