package format

import (
	"bytes"
	"errors"
	"flag"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"
	_ "time/tzdata" // fixtures have times without a zone

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

var update = flag.Bool("update", false, "rewrite the expected.json of every fixture")

// fixtureZone is the home zone of the person of the fixtures.
func fixtureZone(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// fixtureOptions are those that fixtures are decoded with.
func fixtureOptions(tb testing.TB) Options {
	return Options{Location: fixtureZone(tb), Received: fixtureReceipt}
}

// fixtures returns the folders of all fixtures; each has a body in input.json and the decoded records in expected.json.
func fixtures(tb testing.TB) []string {
	tb.Helper()
	folders, err := filepath.Glob("testdata/*/*/input.json")
	if err != nil || len(folders) == 0 {
		tb.Fatal("there are no fixtures", err)
	}
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	return folders
}

func readFixture(tb testing.TB, path ...string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, folder := range fixtures(t) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			body := readFixture(t, folder, "input.json")
			got := render(t, decodeJSON(bytes.NewReader(body), fixtureOptions(t)))
			if *update {
				if err := os.WriteFile(filepath.Join(folder, "expected.json"), got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := readFixture(t, folder, "expected.json")
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("not what is expected (-want +got); if it is right, run the test with -update\n%s", diff)
			}
		})
	}
}

// TestFixturesDetected checks that each body is detected as the format whose folder it is in, and as no other.
func TestFixturesDetected(t *testing.T) {
	t.Parallel()
	for _, folder := range fixtures(t) {
		head := readFixture(t, folder, "input.json")
		want := filepath.Base(filepath.Dir(folder))
		got, err := Detect(head[:min(len(head), DetectSize)])
		if problem.KindOf(err) == problem.Unrecognised {
			continue // the decoder returns the same error, which the fixture has
		}
		if err != nil || got.Name != want {
			t.Errorf("%s: detected as %q (error: %v), wanted %q", folder, got.Name, err, want)
		}
		for _, format := range Formats() {
			if format.Detect(head) != (format.Name == got.Name) {
				t.Errorf("%s: more or less than one format takes it: %s", folder, format.Name)
			}
		}
	}
}

// render prints what a decoder yields as JSON, in order. Absent values (NaN, zero instants, empty texts) are left out.
func render(tb testing.TB, records iter.Seq2[health.Record, error]) []byte {
	tb.Helper()
	type entry struct {
		object map[string]any
		item   *health.MetricEntry
	}
	var entries []entry
	for record, err := range records {
		object := renderRecord(&record)
		if rejection, ok := errors.AsType[*health.Rejection](err); ok {
			object = map[string]any{"at": renderPosition(rejection.Position), "rejected": renderRejection(rejection)}
			if record.Type != "" {
				object["type"] = record.Type
			}
		} else if err != nil {
			object = map[string]any{"ended_by": renderError(err)}
		}
		entries = append(entries, entry{object, record.Entry})
	}
	rendered := []map[string]any{} // not null where there is nothing
	for _, e := range entries {
		if e.item != nil {
			e.object["item"] = withoutEmpty(map[string]any{"name": e.item.Name, "unit": e.item.Unit})
		}
		rendered = append(rendered, e.object)
	}
	text, err := json.Marshal(rendered, json.Deterministic(true), jsontext.WithIndent(" "))
	if err != nil {
		tb.Fatal(err)
	}
	return append(text, '\n')
}

func renderError(err error) any {
	if e, ok := errors.AsType[*problem.Error](err); ok {
		return withoutEmpty(map[string]any{"kind": e.Kind, "code": e.Code, "message": e.Message, "field": e.Field})
	}
	return err.Error()
}

func renderPosition(p health.Position) any {
	object := withoutEmpty(map[string]any{"type": p.Type, "metric": p.Metric})
	object["item"], object["point"] = p.Entry, p.Point
	return object
}

func renderRejection(r *health.Rejection) any {
	return withoutEmpty(map[string]any{"code": r.Code, "message": r.Message, "suggestion": r.Suggestion, "details": r.Details})
}

func renderRecord(r *health.Record) map[string]any {
	object := map[string]any{"at": renderPosition(r.Position)}
	var samples, warnings []any
	for i := range r.Samples {
		samples = append(samples, renderSample(&r.Samples[i]))
	}
	for _, w := range r.Warnings {
		warnings = append(warnings, withoutEmpty(map[string]any{
			"at": renderPosition(w.Position), "code": w.Code, "message": w.Message, "details": w.Details,
		}))
	}
	object["samples"], object["warnings"], object["type"] = samples, warnings, r.Type
	if r.Merged {
		object["merged"] = true
	}
	if r.Device != nil {
		object["device"] = r.Device.Model + " " + r.Device.Hardware
	}
	switch {
	case r.Night != nil:
		object["night"] = renderNight(r.Night)
	case r.Segment != nil:
		object["segment"] = renderSegment(r.Segment)
	case r.Workout != nil:
		object["workout"] = renderWorkout(r.Workout)
	case r.Event != nil:
		object["event"] = renderEvent(r.Event)
	case r.ECG != nil:
		object["ecg"] = renderECG(r.ECG)
	}
	return withoutEmpty(object)
}

func renderSample(s *health.Sample) any {
	return withoutEmpty(map[string]any{
		"metric": s.Metric, "unit": s.Unit, "source": s.Source,
		"start": local(s.Start, s.Offset), "end": local(s.End, s.Offset), "grain": int(s.Grain),
		"component": s.Component, "value": s.Value, "min": s.Min, "max": s.Max, "systolic": s.Systolic, "diastolic": s.Diastolic,
		"attributes": jsontext.Value(s.Attributes),
	})
}

func renderNight(n *health.Night) any {
	return withoutEmpty(map[string]any{
		"source": n.Source, "date": n.Date.String(), "offset": n.Offset,
		"sleep_start": local(n.SleepStart, n.StartOffset()), "sleep_end": local(n.SleepEnd, n.Offset),
		"in_bed_start": local(n.InBedStart, n.StartOffset()), "in_bed_end": local(n.InBedEnd, n.Offset),
		"total": n.Total, "asleep": n.Asleep, "core": n.Core, "deep": n.Deep, "rem": n.REM,
		"awake": n.Awake, "in_bed": n.InBed, "attributes": jsontext.Value(n.Attributes),
	})
}

func renderSegment(s *health.Segment) any {
	return withoutEmpty(map[string]any{
		"source": s.Source, "start": local(s.Start, s.Offset), "end": local(s.End, s.EndOffset()),
		"stage": string(s.Stage), "attributes": jsontext.Value(s.Attributes),
	})
}

func renderWorkout(w *health.Workout) any {
	series := map[string]any{}
	for name, readings := range w.Series {
		var list []any
		for _, r := range readings {
			list = append(list, withoutEmpty(map[string]any{
				"time": local(r.Time, r.Offset), "value": r.Value, "min": r.Min, "max": r.Max, "unit": r.Unit, "source": r.Source,
			}))
		}
		series[name] = list
	}
	var route []any
	for _, p := range w.Route {
		route = append(route, withoutEmpty(map[string]any{
			"time": local(p.Time, w.Offset), "latitude": p.Latitude, "longitude": p.Longitude, "altitude": p.Altitude,
			"speed": p.Speed, "course": p.Course, "horizontal_accuracy": p.HorizontalAccuracy,
			"vertical_accuracy": p.VerticalAccuracy, "speed_accuracy": p.SpeedAccuracy, "course_accuracy": p.CourseAccuracy,
		}))
	}
	return withoutEmpty(map[string]any{
		"app_id": w.AppID, "name": w.Name, "start": local(w.Start, w.Offset), "end": local(w.End, w.EndOffset()),
		"source": w.Source, "duration": w.Duration, "quantities": w.Quantities, "series": series, "route": route,
		"attributes": jsontext.Value(w.Attributes),
	})
}

func renderEvent(e *health.Event) any {
	return withoutEmpty(map[string]any{
		"kind": e.Kind, "app_id": e.AppID, "name": e.Name, "start": local(e.Start, e.Offset), "end": local(e.End, e.Offset),
		"source": e.Source, "digest": e.Digest, "attributes": jsontext.Value(e.Attributes),
	})
}

func renderECG(e *health.ECG) any {
	var times []any
	for _, t := range e.Times {
		times = append(times, local(t, e.Offset))
	}
	return withoutEmpty(map[string]any{
		"start": local(e.Start, e.Offset), "end": local(e.End, e.Offset), "source": e.Source,
		"classification": e.Classification, "severity": e.Severity, "average_heart_rate": e.AverageHeartRate,
		"sampling_frequency": e.SamplingFrequency, "unit": e.Unit, "times": times, "voltages": e.Voltages,
		"attributes": jsontext.Value(e.Attributes),
	})
}

// local formats an instant in its offset.
func local(at health.Instant, offset int32) string {
	if at == 0 {
		return ""
	}
	return at.In(offset).Format(time.RFC3339Nano)
}

// withoutEmpty leaves out of an object what is not there.
func withoutEmpty(object map[string]any) map[string]any {
	for name, value := range object {
		empty := value == nil
		switch v := value.(type) {
		case string:
			empty = v == ""
		case bool:
			empty = !v
		case float64:
			empty = health.IsAbsent(v)
		case []any:
			empty = len(v) == 0
		case []float64:
			empty = len(v) == 0
		case jsontext.Value:
			empty = len(v) == 0
		case map[string]any:
			empty = len(v) == 0
		case map[string]health.Quantity:
			empty = len(v) == 0
		}
		if empty {
			delete(object, name)
		}
	}
	return object
}
