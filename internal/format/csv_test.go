package format

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
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

func TestTables(t *testing.T) {
	t.Parallel()
	for folder, body := range tableFixtures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			language, err := Detect(body[:min(len(body), DetectSize)])
			if err != nil || language.Name != "hae-csv" {
				t.Errorf("detected as %q, error %v", language.Name, err)
			}
			options := Options{Location: fixtureZone(t), TempDir: t.TempDir()}
			got := render(t, decodeTables(bytes.NewReader(body), options))
			if *update {
				if err := os.WriteFile(filepath.Join(folder, "expected.json"), got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFixture(t, folder, "expected.json")), string(got)); diff != "" {
				t.Errorf("not what is expected (-want +got); if it is right, run the test with -update\n%s", diff)
			}
			slowly := render(t, decodeTables(iotest.OneByteReader(bytes.NewReader(body)), options))
			if diff := cmp.Diff(string(got), string(slowly)); diff != "" {
				t.Errorf("read byte by byte (-at once +byte by byte):\n%s", diff)
			}
		})
	}
}

func TestOtherTablesAreNotDetected(t *testing.T) {
	t.Parallel()
	apple := makeZip(t, "apple_health_export/electrocardiograms/ecg_2026-04-01.csv", "Name,Anna\n")
	for name, body := range map[string]string{
		"any table":        "a,b\n1,2\n",
		"text":             "Hello, world\n",
		"dates only":       "Date/Time\n2026-04-01\n",
		"Apple's archive":  string(apple),
		"zip of pictures":  string(makeZip(t, "a.png", "x", "b.csv", "y")),
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
}

// endOf returns the error that a body ends with.
func endOf(body io.Reader, options Options) error {
	for _, err := range decodeTables(body, options) {
		if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused {
			return err
		}
	}
	return nil
}

func TestTablesRefuseAttacks(t *testing.T) {
	t.Parallel()
	const header = "Date/Time,Step Count (count)\n"
	many := make([]string, 0, 2*maxZipFiles+2)
	for range maxZipFiles + 1 {
		many = append(many, "a.csv", "")
	}
	for code, body := range map[string]io.Reader{
		"unsafe_zip":    bytes.NewReader(makeZip(t, "a.csv", header, "../b.csv", header)),
		"zip_too_large": bytes.NewReader(makeZip(t, many...)),
		"broken_zip":    bytes.NewReader(makeZip(t, "a.csv", header)[:60]),
		"row_too_long":  strings.NewReader(header + "\"" + strings.Repeat("a\n", maxRow)),
	} {
		fault, ok := errors.AsType[*health.Error](endOf(body, Options{}))
		if !ok || fault.Code != code {
			t.Errorf("ended by %v, want %s", fault, code)
		}
	}
}

// A zip may be a thousand times as long as it looks.
func TestZipBombIsRefused(t *testing.T) {
	t.Parallel()
	left := int64(100)
	_, err := io.Copy(io.Discard, &unzipped{reader: strings.NewReader(strings.Repeat("a", 200)), left: &left})
	if health.KindOf(err) != health.TooLarge {
		t.Errorf("reading more than there may be: %v", err)
	}
	d := newTables(Options{}, nil)
	if err := d.file(&unzipped{reader: strings.NewReader(strings.Repeat("a", 200)), left: new(int64)}, fileName{}); health.KindOf(err) != health.TooLarge {
		t.Errorf("the limit of the whole zip refuses one file only: %v", err)
	}
}

// A connection that breaks must not be taken for a broken body, which would never be tried again.
func TestTablesReturnTheReadersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	for folder, body := range tableFixtures(t) {
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
	for folder, body := range tableFixtures(t) {
		for range decodeTables(bytes.NewReader(body), Options{}) {
			break
		}
		_ = folder
	}
}

// A long zip goes through a temporary file, which is gone afterwards.
func TestLongZipIsSpooled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var table strings.Builder
	table.WriteString("Date/Time,Step Count (count)\n")
	for i := range 200_000 {
		table.WriteString("2026-04-01 00:00:00,")
		table.WriteByte(byte('0' + i*7919%10))
		table.WriteString(strings.Repeat("1", i*31%5) + "\n")
	}
	body := storedZip(t, "a.csv", table.String())
	if len(body) < 2*zipMemory {
		t.Fatalf("the zip has only %d bytes", len(body))
	}
	rows := 0
	for _, err := range decodeTables(bytes.NewReader(body), Options{TempDir: dir}) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 200_000 {
		t.Errorf("%d rows", rows)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := endOf(bytes.NewReader(body), Options{TempDir: filepath.Join(dir, "missing")}); err == nil || health.KindOf(err) != "" {
		t.Errorf("without room for the temporary file: %v, want an internal error", err)
	}
}

func storedZip(tb testing.TB, name, content string) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	member, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = io.WriteString(member, content)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return buffer.Bytes()
}

func FuzzTables(f *testing.F) {
	for _, body := range tableFixtures(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ended := false
		for record, err := range decodeTables(bytes.NewReader(body), Options{}) {
			if ended {
				t.Fatal("something comes after the end")
			}
			if _, refused := errors.AsType[*health.Rejection](err); err != nil && !refused {
				ended = true
				if health.KindOf(err) == "" {
					t.Fatalf("an internal error: %v", err)
				}
				continue
			}
			if err == nil && len(record.Samples) == 1 && record.Item == nil {
				record.Samples[0].Grain = health.GrainRaw // what ingest makes of it, and checkDecoded asks for
			}
			if record.Item == nil {
				checkDecoded(t, record, err)
			}
		}
	})
}
