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

// csvFixtures returns the bodies of the CSV fixtures by folder. A folder "input" in one is zipped.
func csvFixtures(tb testing.TB) map[string][]byte {
	tb.Helper()
	inputs, err := filepath.Glob("testdata/hae-csv/*/input*")
	if err != nil || len(inputs) == 0 {
		tb.Fatal("there are no fixtures", err)
	}
	bodies := map[string][]byte{}
	for _, input := range inputs {
		if filepath.Ext(input) == "" {
			bodies[filepath.Dir(input)] = zipFolder(tb, input)
			continue
		}
		bodies[filepath.Dir(input)] = readFixture(tb, input)
	}
	return bodies
}

// zipFolder makes a zip of the files of a folder.
func zipFolder(tb testing.TB, folder string) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	if err := archive.AddFS(os.DirFS(folder)); err != nil {
		tb.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		tb.Fatal(err)
	}
	return buffer.Bytes()
}

// makeZip makes a zip of files, given as alternating names and contents.
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
	detected, err := Detect(body[:min(len(body), DetectSize)])
	var archive *Archive
	if IsArchive(body) {
		if archive, err = OpenArchive(bytes.NewReader(body), int64(len(body))); err == nil {
			detected, err = DetectArchive(archive)
		}
	}
	if err != nil || detected.Name != "hae-csv" {
		tb.Fatalf("detected as %q, error %v", detected.Name, err)
	}
	if archive != nil {
		return detected.DecodeArchive(archive, options)
	}
	return detected.Decode(bytes.NewReader(body), options)
}

func TestCSVFixtures(t *testing.T) {
	t.Parallel()
	for folder, body := range csvFixtures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			options := fixtureOptions(t)
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

func TestOtherCSVIsNotDetected(t *testing.T) {
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
		if detected, err := Detect([]byte(body)); err == nil {
			t.Errorf("%s is detected as %s", name, detected.Name)
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
		if detected, err := DetectArchive(archive); err == nil {
			t.Errorf("a zip of %s is detected as %s", name, detected.Name)
		}
	}
}

// finalError returns the error that ends a body.
func finalError(body io.Reader, options Options) error {
	for _, err := range decodeCSV(body, options) {
		if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused {
			return err
		}
	}
	return nil
}

func TestCSVRowTooLong(t *testing.T) {
	t.Parallel()
	const header = "Date/Time,Step Count (count)\n"
	for code, body := range map[string]io.Reader{
		"row_too_long": strings.NewReader(header + "\"" + strings.Repeat("a\n", maxRow)),
	} {
		failure, ok := errors.AsType[*problem.Error](finalError(body, Options{}))
		if !ok || failure.Code != code {
			t.Errorf("ended by %v, want %s", failure, code)
		}
	}
}

// A broken connection must not look like a malformed body, which is not retried.
func TestCSVReturnsTheReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	for folder, body := range csvFixtures(t) {
		if IsArchive(body) {
			continue // archives are complete before they are decoded
		}
		for _, n := range []int{3, len(body) / 2} {
			reader := io.MultiReader(bytes.NewReader(body[:n]), iotest.ErrReader(broken))
			if err := finalError(reader, Options{}); !errors.Is(err, broken) {
				t.Errorf("%s, after %d bytes: %v, want the reader's error", folder, n, err)
			}
		}
	}
}

func TestCSVStops(t *testing.T) {
	t.Parallel()
	for _, body := range csvFixtures(t) {
		for range recordsOf(t, body, Options{}) {
			break
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, body := range csvFixtures(f) {
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
				record.Samples[0].Grain = health.GrainRaw // as ingest sets it, for checkDecoded
			}
			if record.Entry == nil {
				checkDecoded(t, record, err)
			}
		}
	})
}

// TestFileNamesOfRegions reads the start of a workout in the name of a file as phones of other regions write it.
func TestFileNamesOfRegions(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"20260401_164521", "25690401_164521", "٢٠٢٦٠٤٠١_١٦٤٥٢١", "۱۴۰۵۰۱۱۲_۱۶۴۵۲۱"} {
		name := parseFileName("Outdoor Run-Heart Rate-"+start+".csv", "")
		at, _, ok := fixtureTimes(nil).parse([]byte(name.start))
		if name.workout != "Outdoor Run" || !ok || at.String() != "2026-04-01T16:45:21Z" {
			t.Errorf("%s: %+v is %v, ok %t", start, name, at, ok)
		}
	}
}
