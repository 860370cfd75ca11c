package export_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// TestWrite compares the text formats with the files of testdata/export.
func TestWrite(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]export.Request{
		"samples.csv":  request(t, export.FormatCSV, ""),
		"sleep.csv":    request(t, export.FormatCSV, "sleep"),
		"workouts.csv": request(t, export.FormatCSV, "workouts"),
		"events.csv":   request(t, export.FormatCSV, "events"),
		"ecg.csv":      request(t, export.FormatCSV, "ecg"),
		"all.ndjson":   request(t, export.FormatNDJSON, ""),
		"all.fhir":     request(t, export.FormatFHIR, ""),
		"part.ndjson":  request(t, export.FormatNDJSON, "events,sleep"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkGolden(t, filepath.Join("testdata", "export", name), write(t, fullSource(), r))
		})
	}
}

func TestWriteNothing(t *testing.T) {
	t.Parallel()
	for _, format := range export.Formats() {
		out := write(t, &memorySource{}, request(t, export.Format(format), ""))
		switch export.Format(format) {
		case export.FormatNDJSON:
			if len(out) != 0 {
				t.Errorf("%s: %q", format, out)
			}
		case export.FormatCSV:
			if bytes.Count(out, []byte("\n")) != 1 {
				t.Errorf("%s: %q", format, out)
			}
		case export.FormatParquet:
			if rows, err := parquet.Read[row](bytes.NewReader(out), int64(len(out))); err != nil || len(rows) != 0 {
				t.Errorf("%s: %d rows, error %v", format, len(rows), err)
			}
		case export.FormatFHIR:
			if err := json.Unmarshal(out, new(any)); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		case export.FormatZip:
			if files := unzip(t, out); len(files) != 2 {
				t.Errorf("%s has %d files", format, len(files))
			}
		}
	}
}

func TestParseTypes(t *testing.T) {
	t.Parallel()
	types, err := export.ParseTypes(export.FormatNDJSON, "ecg, samples,ecg")
	if err != nil || !slices.Equal(types, []export.Type{export.TypeSamples, export.TypeECG}) {
		t.Errorf("%v, %v", types, err)
	}
	for _, invalid := range []struct{ format, types string }{
		{"ndjson", "steps"}, {"ndjson", ","}, {"csv", "samples,sleep"}, {"parquet", "ecg,sleep"}, {"fhir", "events"},
	} {
		_, err := export.ParseTypes(export.Format(invalid.format), invalid.types)
		if known, ok := errors.AsType[*problem.Error](err); !ok || known.Kind != problem.Invalid || known.Field != "types" {
			t.Errorf("%s of %s: %v", invalid.format, invalid.types, err)
		}
	}
}

// Errors are returned, and what was written before them does not look complete.
func TestWriteReportsWhatFails(t *testing.T) {
	t.Parallel()
	failed := errors.New("the disk is gone")
	for _, format := range export.Formats() {
		r := request(t, export.Format(format), "samples")
		if err := export.Write(t.Context(), closedWriter{}, fullSource(), r); !errors.Is(err, errClosed) {
			t.Errorf("%s: error %v, want that of the writer", format, err)
		}
		source := fullSource()
		source.failAfter, source.err = 3, failed
		var out bytes.Buffer
		if err := export.Write(t.Context(), &out, source, r); !errors.Is(err, failed) {
			t.Errorf("%s: error %v, want that of the source", format, err)
		}
		switch export.Format(format) {
		case export.FormatZip:
			if _, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil {
				t.Error("a zip that was cut short opens")
			}
		case export.FormatParquet:
			if _, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil {
				t.Error("a Parquet file that was cut short opens")
			}
		}
	}
}

// anySample draws a sample with any texts and values.
func anySample(t *rapid.T) health.Sample {
	value := rapid.OneOf(rapid.Float64().Filter(func(v float64) bool { return !math.IsInf(v, 0) }),
		rapid.Just(math.NaN()), rapid.Map(rapid.IntRange(-1000, 100_000), func(n int) float64 { return float64(n) / 4 }))
	s := health.NewSample()
	s.Metric, s.Unit, s.Source = rapid.String().Draw(t, "metric"), rapid.String().Draw(t, "unit"), rapid.String().Draw(t, "source")
	s.Start = health.Instant(rapid.Int64Range(int64(health.MinInstant), int64(health.MaxInstant)-1e15).Draw(t, "start"))
	s.End = s.Start + health.Instant(rapid.Int64Range(0, 1e12).Draw(t, "length"))
	s.Offset = int32(rapid.IntRange(-14*60, 14*60).Draw(t, "offset")) * 60
	s.Grain = rapid.SampledFrom([]health.Grain{health.GrainRaw, health.GrainMinute, health.GrainDay}).Draw(t, "grain")
	s.Value, s.Min, s.Max, s.Systolic = value.Draw(t, "value"), value.Draw(t, "min"), value.Draw(t, "max"), value.Draw(t, "systolic")
	return s
}

// Every field of a sample is the same after a round trip through CSV and NDJSON, read by the standard library.
func TestSamplesReadBack(t *testing.T) {
	t.Parallel()
	asCSV, asNDJSON := request(t, export.FormatCSV, ""), request(t, export.FormatNDJSON, "samples")
	rapid.Check(t, func(rt *rapid.T) {
		s := anySample(rt)
		source := &memorySource{samples: []health.Sample{s}}
		want := fieldsOf(&s)

		records, err := csv.NewReader(bytes.NewReader(write(t, source, asCSV))).ReadAll()
		if err != nil || len(records) != 2 {
			rt.Fatalf("%d records, error %v", len(records), err)
		}
		got := map[string]string{}
		for i, name := range records[0] {
			if records[1][i] != "" {
				got[name] = records[1][i]
			}
		}
		if diff := cmp.Diff(normalised(want), normalised(got)); diff != "" {
			rt.Fatalf("CSV (-want +got):\n%s", diff)
		}

		var object map[string]any
		if err := json.Unmarshal(write(t, source, asNDJSON), &object); err != nil {
			rt.Fatal(err)
		}
		delete(object, "type")
		for name, text := range want {
			if have, ok := object[name].(float64); ok && number(have) == text || object[name] == text {
				delete(object, name)
			}
		}
		if len(object) > 0 {
			rt.Fatalf("NDJSON has %v, want %v", object, want)
		}
	})
}

// fieldsOf returns the fields that an export must have for a sample, formatted by other code than the export's.
func fieldsOf(s *health.Sample) map[string]string {
	from, to := s.Start, s.End
	if s.Grain > 0 {
		_, to = s.Span()
	}
	fields := map[string]string{
		"metric": s.Metric, "unit": s.Unit, "source": s.Source,
		"start": from.In(s.Offset).Format(time.RFC3339Nano), "end": to.In(s.Offset).Format(time.RFC3339Nano),
		"min": number(s.Min), "max": number(s.Max), "systolic": number(s.Systolic), "grain": number(float64(s.Grain)),
	}
	if health.IsAbsent(s.Min) && health.IsAbsent(s.Max) {
		fields["value"] = number(s.Value)
	} else {
		fields["avg"] = number(s.Value)
	}
	for name, text := range fields {
		if text == "" {
			delete(fields, name)
		}
	}
	return fields
}

// number formats v as encoding/json does.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	if string(text) == "-0" {
		return "0"
	}
	return string(text)
}

// normalised returns fields with line ends as encoding/csv reads them, and exponents as strconv writes them.
func normalised(fields map[string]string) map[string]string {
	same := maps.Clone(fields)
	for name, text := range fields {
		same[name] = strings.NewReplacer("\r\n", "\n", "e-0", "e-").Replace(text)
	}
	return same
}

// row is a sample as another reader declares it.
type row struct {
	Metric     string   `parquet:"metric"`
	Start      int64    `parquet:"start"`
	Offset     int32    `parquet:"offset"`
	Value      *float64 `parquet:"value,optional"`
	Average    *float64 `parquet:"avg,optional"`
	Attributes *string  `parquet:"attributes,optional"`
}

func TestParquet(t *testing.T) {
	t.Parallel()
	source := fullSource()
	for range 3 * 512 { // more than rowsPerWrite
		source.samples = append(source.samples, source.samples[len(source.samples)-1])
	}
	out := write(t, source, request(t, export.FormatParquet, ""))
	rows, err := parquet.Read[row](bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(source.samples) {
		t.Fatalf("%d rows of %d samples", len(rows), len(source.samples))
	}
	for i, r := range rows {
		s := source.samples[i]
		value, average := r.Value, r.Average
		if average != nil {
			value = average
		}
		if r.Metric != s.Metric || r.Start != int64(s.Start) || r.Offset != s.Offset || (value == nil) != health.IsAbsent(s.Value) ||
			value != nil && *value != s.Value || (r.Attributes == nil) != (s.Attributes == "") || r.Attributes != nil && *r.Attributes != s.Attributes {
			t.Errorf("row %d is %+v, the sample %+v", i, r, s)
		}
	}
	for _, types := range []string{"sleep", "workouts", "events", "ecg"} {
		out := write(t, fullSource(), request(t, export.FormatParquet, types))
		file, err := parquet.OpenFile(bytes.NewReader(out), int64(len(out)))
		if err != nil || file.NumRows() != 2 {
			t.Errorf("%s: %v", types, err)
		}
	}
}

// unzip returns the files of a zip.
func unzip(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, file := range archive.File {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[file.Name], err = io.ReadAll(content); err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
	}
	return files
}

func TestZip(t *testing.T) {
	t.Parallel()
	intact, damaged := uuid.MustParse("0193c0de-0000-7000-8000-0000000000aa"), uuid.MustParse("0193c0de-0000-7000-8000-0000000000bb")
	r := request(t, export.FormatZip, "")
	r.Archive = memoryArchive{
		{ID: intact, Headers: map[string]string{"content-type": "application/json; charset=utf-8"}, SHA256: sha256.Sum256([]byte(intact.String()))},
		{ID: damaged},
		{ID: uuid.Max}, // deleted since it was listed
	}
	files := unzip(t, write(t, fullSource(), r))

	var manifest struct {
		CreatedBy string `json:"created_by"`
		User      struct{ Email string }
		Files     []struct {
			Path    string
			Entries int
			Bytes   int
			SHA256  string
			Damaged bool
		}
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	entries, damagedPaths := map[string]int{}, []string{}
	for _, file := range manifest.Files {
		digest := sha256.Sum256(files[file.Path])
		if file.SHA256 != hex.EncodeToString(digest[:]) || file.Bytes != len(files[file.Path]) {
			t.Errorf("%s is not what the manifest says", file.Path)
		}
		entries[file.Path] = file.Entries
		if file.Damaged {
			damagedPaths = append(damagedPaths, file.Path)
		}
	}
	want := map[string]int{
		"README.txt": 0, "samples/blood_pressure.csv": 1, "samples/body_mass_index.csv": 1, "samples/handwashing.csv": 1,
		"samples/heart_rate.csv": 2, "samples/phase%2Fof%20the%20%4Doon.csv": 1, "samples/step_count.csv": 2, "sleep.csv": 2,
		"workouts/2026-03-10T180000_0193c0de-0000-7000-8000-000000000020.json": 1,
		"workouts/2026-03-10T180000_0193c0de-0000-7000-8000-000000000020.gpx":  3,
		"workouts/2026-03-10T180000_0193c0de-0000-7000-8000-000000000021.json": 1,
		"events.csv": 2, "ecg/2026-03-10T120000.000000+0200.csv": 1, "ecg/2026-03-10T120100.000000+0200.csv": 1,
		"received.ndjson": 3, "received/" + intact.String() + ".json": 1, "received/" + damaged.String() + ".bin": 1,
	}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Errorf("files and entries (-want +got):\n%s", diff)
	}
	if len(files) != len(want)+1 {
		t.Errorf("%d files, %d are in the manifest", len(files), len(want))
	}
	if len(damagedPaths) != 1 || !strings.Contains(damagedPaths[0], damaged.String()) {
		t.Errorf("damaged are %v", damagedPaths)
	}
	if manifest.User.Email != ada.Email || manifest.CreatedBy != "health-export 1.2.3" {
		t.Errorf("the manifest is %+v", manifest)
	}
}
