package format

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

func openArchive(tb testing.TB, content []byte) (*Archive, error) {
	tb.Helper()
	if !IsArchive(content) {
		tb.Fatal("it does not look like an archive")
	}
	return OpenArchive(bytes.NewReader(content), int64(len(content)))
}

// TestAppleFixtures decodes exports, each an export.xml or a folder that is zipped first.
func TestAppleFixtures(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/apple/*")
	if err != nil || len(folders) == 0 {
		t.Fatal("there are no fixtures", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			var asOf []string
			options := Options{Location: fixtureZone(t), Received: fixtureReceipt, AsOf: func(at health.Instant) { asOf = append(asOf, at.String()) }}
			var records iter.Seq2[health.Record, error]
			if text, err := os.ReadFile(filepath.Join(folder, "export.xml")); err == nil {
				format, err := Detect(text[:min(len(text), DetectSize)])
				if err != nil || format.Name != "apple" {
					t.Fatalf("detected as %q, %v", format.Name, err)
				}
				records = format.Decode(bytes.NewReader(text), options)
			} else {
				archive, err := openArchive(t, zipFolder(t, folder))
				if err != nil {
					t.Fatal(err)
				}
				format, err := DetectArchive(archive)
				if err != nil || format.Name != "apple" {
					t.Fatalf("detected as %q, %v", format.Name, err)
				}
				records = format.DecodeArchive(archive, options)
			}
			got := append(render(t, records), strings.Join(asOf, " ")+"\n"...)
			expected := filepath.Join("testdata", "apple", filepath.Base(folder), "expected.json")
			if *update {
				if err := os.WriteFile(expected, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFixture(t, expected)), string(got)); diff != "" {
				t.Errorf("not what is expected (-want +got); if it is right, run the test with -update\n%s", diff)
			}
		})
	}
}

func TestAppleErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, code string }{
		"cut off":      {`<HealthData><Record type="a"`, "incomplete_body"},
		"not balanced": {`<HealthData></Record>`, "malformed_xml"},
		"bomb":         {`<!DOCTYPE HealthData [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><HealthData/>`, "xml_entities"},
		"deep":         {`<HealthData>` + strings.Repeat("<a>", 100), "xml_too_large"},
		"another root": {`<Other><HealthData/></Other>`, "unrecognised_format"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last error
			for _, err := range decodeApple(strings.NewReader(c.body), Options{}) {
				last = err
			}
			if fault, ok := errors.AsType[*problem.Error](last); !ok || fault.Code != c.code {
				t.Errorf("ended by %v, not %s", last, c.code)
			}
		})
	}
}

const emptyExport = `<?xml version="1.0"?><HealthData locale="en"></HealthData>`

func TestArchives(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", ratioFrom+1<<20)
	whole := makeZip(t, "a/export.xml", emptyExport)
	for name, c := range map[string]struct {
		content []byte
		code    string // of the error; "" for none
	}{
		"as it should be":        {whole, ""},
		"at the top":             {makeZip(t, "导出.XML", emptyExport), ""},
		"among others":           {makeZip(t, "a/export_cda.xml", `<ClinicalDocument/>`+strings.Repeat(" ", 500), "a/dışa aktarılan.xml", emptyExport), ""},
		"going up":               {makeZip(t, "../export.xml", emptyExport), "unsafe_archive"},
		"going up the other way": {makeZip(t, `a\..\..\export.xml`, emptyExport), "unsafe_archive"},
		"absolute":               {makeZip(t, "/export.xml", emptyExport), "unsafe_archive"},
		"on a drive":             {makeZip(t, `C:\export.xml`, emptyExport), "unsafe_archive"},
		"bomb":                   {makeZip(t, "export.xml", zeros), "archive_too_large"},
		"cut off":                {whole[:len(whole)-30], "broken_archive"},
		"something else":         {makeZip(t, "a.txt", "hello"), "unrecognised_archive"},
		"empty":                  {makeZip(t), "unrecognised_archive"},
		"beside":                 {makeZip(t, "__MACOSX/export.xml", emptyExport, "._export.xml", emptyExport), "unrecognised_archive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := openArchive(t, c.content)
			if err == nil {
				_, err = DetectArchive(archive)
			}
			fault, _ := errors.AsType[*problem.Error](err)
			if c.code == "" && err != nil || c.code != "" && (fault == nil || fault.Code != c.code) {
				t.Errorf("%v, want %q", err, c.code)
			}
		})
	}
}

// TestArchiveWithWrongChecksum reads a file whose checksum differs from the one in the directory.
func TestArchiveWithWrongChecksum(t *testing.T) {
	t.Parallel()
	content := makeZip(t, "export.xml", emptyExport+strings.Repeat(" ", 1000))
	at := bytes.LastIndex(content, []byte("PK\x01\x02"))
	content[at+16]++ // of the checksum
	archive, err := openArchive(t, content)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range decodeAppleArchive(archive, Options{}) {
		last = err
	}
	if fault, ok := errors.AsType[*problem.Error](last); !ok || fault.Code != "broken_archive" {
		t.Errorf("ended by %v", last)
	}
}

func appleExport(tb testing.TB, bytesOfXML int64) ([]byte, generator.Export) {
	tb.Helper()
	var text bytes.Buffer
	export, err := generator.WriteExport(&text, generator.ExportOptions{Bytes: bytesOfXML, Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	return text.Bytes(), export
}

func TestAppleDoesNotAllocate(t *testing.T) {
	export, made := appleExport(t, 4<<20)
	took := testing.AllocsPerRun(3, func() {
		for _, err := range decodeApple(bytes.NewReader(export), fixtureOptions(t)) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	// Heart beats and workouts are texts that differ each time.
	if perRecord := took / float64(made.Records); perRecord > 1.5 {
		t.Errorf("%.2f allocations a record", perRecord)
	}
}

func BenchmarkApple(b *testing.B) {
	export, made := appleExport(b, 32<<20)
	b.SetBytes(int64(len(export)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range decodeApple(bytes.NewReader(export), Options{Location: fixtureZone(b)}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(made.Records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// FuzzApple checks that every record of any XML is of one kind, or rejected with a reason.
func FuzzApple(f *testing.F) {
	for _, name := range []string{"records", "damaged-dtd", "zones"} {
		f.Add(readFixture(f, "testdata/apple", name, "export.xml"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for record, err := range decodeApple(bytes.NewReader(body), Options{}) {
			if _, ended := errors.AsType[*problem.Error](err); ended || record.Merged {
				continue
			}
			checkDecoded(t, record, err)
		}
	})
}

func FuzzAppleFiles(f *testing.F) {
	const folder = "testdata/apple/archive/apple_health_export/"
	f.Add(readFixture(f, folder, "workout-routes/route_2026-05-19_6.00pm.gpx"))
	f.Add(readFixture(f, folder, "electrocardiograms/ecg_2026-05-19.csv"))
	f.Add(zipFolder(f, "testdata/apple/archive"))
	f.Fuzz(func(t *testing.T, file []byte) {
		route, _ := readGPX(bytes.NewReader(file), 10, newTimeReader(Options{}))
		for i := range route.points {
			if routePointFault(&route.points[i]) != "" || len(route.points) > 10 {
				t.Fatalf("%+v", route)
			}
		}
		if ecg, reason := readECGFile(bytes.NewReader(file), newTimeReader(Options{})); reason == "" {
			checkDecoded(t, health.Record{ECG: &ecg}, nil)
		}
		archive, err := OpenArchive(bytes.NewReader(file), int64(len(file)))
		if err == nil && isAppleArchive(archive) {
			for record, err := range decodeAppleArchive(archive, Options{}) {
				_ = record.Kind()
				_ = err
			}
		}
	})
}

// Of a route whose file breaks off, what can be read is kept with its workout.
func TestAppleRouteThatBreaksOff(t *testing.T) {
	t.Parallel()
	const route = `<gpx><trk><trkseg><trkpt lat="52.5" lon="13.4"><time>2026-05-19T16:00:00Z</time></trkpt>` +
		`<trkpt lat="52.6" lon="13.4"><time>not a time</time></trkpt><trkpt lat="52.7" lon="13.4"><time>2026-05-19T16:01:00Z</time></trkpt><trkpt lat="5`
	body := makeZip(t, "apple_health_export/workout-routes/r.gpx", route, "apple_health_export/export.xml",
		`<HealthData><Workout workoutActivityType="HKWorkoutActivityTypeRunning" startDate="2026-05-19 18:00:00 +0200" endDate="2026-05-19 18:30:00 +0200">`+
			`<WorkoutRoute><FileReference path="/workout-routes/r.gpx"/></WorkoutRoute></Workout></HealthData>`)
	archive, err := OpenArchive(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	workouts := 0
	for record, err := range decodeAppleArchive(archive, Options{}) {
		if err != nil || record.Workout == nil {
			t.Fatalf("%+v, %v", record, err)
		}
		workouts++
		w := record.Warnings
		if len(record.Workout.Route) != 2 || len(w) != 2 || w[0].Code != health.DroppedPoint || w[0].Details["reason"] != unreadableTime || w[1].Code != health.IncompleteFile {
			t.Errorf("%d points, warnings %+v", len(record.Workout.Route), w)
		}
	}
	if workouts != 1 {
		t.Errorf("%d workouts", workouts)
	}
}
