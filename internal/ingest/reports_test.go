package ingest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

var update = flag.Bool("update", false, "rewrite the expected.json of every report")

// fixtureReport is what a body of testdata/reports comes to: its report, and what is stored then.
type fixtureReport struct {
	Status   health.Status            `json:"status"`
	Failure  string                   `json:"failure,omitempty"`
	Counts   map[string]health.Counts `json:"counts"`
	Errors   []health.Rejection       `json:"errors,omitempty"`
	Warnings []health.Warning         `json:"warnings,omitempty"`
	Stored   storedElements           `json:"stored"`
}

type storedElements struct {
	Samples  map[string][]fixtureSample `json:"samples,omitempty"`
	Nights   []fixtureNight             `json:"nights,omitempty"`
	Segments int                        `json:"segments,omitzero"`
	Workouts []fixtureWorkout           `json:"workouts,omitempty"`
	Events   []fixtureEvent             `json:"events,omitempty"`
}

type fixtureSample struct {
	Value      *float64       `json:"value,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Systolic   *float64       `json:"systolic,omitempty"`
	Diastolic  *float64       `json:"diastolic,omitempty"`
	Attributes jsontext.Value `json:"attributes,omitzero"`
}

type fixtureNight struct {
	Date  string              `json:"date"`
	Spans bool                `json:"spans"`
	Hours map[string]*float64 `json:"hours,omitempty"`
}

type fixtureWorkout struct {
	Name     string   `json:"name"`
	Duration *float64 `json:"duration,omitempty"`
}

type fixtureEvent struct {
	Kind       string         `json:"kind"`
	Name       string         `json:"name"`
	Attributes jsontext.Value `json:"attributes,omitzero"`
}

// testdata/reports has a folder for every kind of body that is hard to judge, with what becomes of it. Each is sent twice:
// the second time nothing changes, and a replay and a verification agree.
func TestReports(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/reports/*/body.*")
	if err != nil || len(folders) == 0 {
		t.Fatal("there are no reports", err)
	}
	for _, file := range folders {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, testdb.New(t), nil, Limits{})
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := h.report(h.send(string(body)))
			text, err := json.Marshal(got, json.Deterministic(true), jsontext.WithIndent(" "))
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, '\n')
			expected := filepath.Join(folder, "expected.json")
			if *update {
				if err := os.WriteFile(expected, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(text)); diff != "" {
				t.Errorf("not what is expected (-want +got); if it is right, run the test with -update\n%s", diff)
			}
			h.at("2026-06-01T12:00:01Z")
			again := h.send(string(body))
			if c := again.Report.Total(); c.Inserted+c.Updated != 0 {
				t.Errorf("sent again: %+v", c)
			}
			if diff := cmp.Diff(got.Stored, h.report(again).Stored); diff != "" {
				t.Errorf("stored, sent again (-first +second):\n%s", diff)
			}
			if verified, findings := h.verify(); !verified.Sound() {
				t.Errorf("verified: %+v, %+v", verified, findings)
			}
		})
	}
}

// report returns the report of an ingestion, and what is stored.
func (h *harness) report(i health.Ingestion) fixtureReport {
	h.t.Helper()
	r := fixtureReport{
		Status: i.Status, Failure: i.FailureCode, Counts: map[string]health.Counts{}, Errors: i.Report.Errors, Warnings: i.Report.Warnings,
	}
	for kind, counts := range i.Report.Counts {
		if counts.Received > 0 {
			r.Counts[health.ElementKind(kind).String()] = counts
		}
	}
	number := func(v float64) *float64 {
		if health.IsAbsent(v) {
			return nil
		}
		return &v
	}
	must := func(err error) {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	ctx := h.t.Context()
	metrics, err := h.store.Metrics(ctx, h.user.ID)
	must(err)
	for _, m := range metrics {
		for _, s := range h.samples(m.Metric) {
			if r.Stored.Samples == nil {
				r.Stored.Samples = map[string][]fixtureSample{}
			}
			r.Stored.Samples[m.Metric] = append(r.Stored.Samples[m.Metric], fixtureSample{
				number(s.Value), number(s.Min), number(s.Max), number(s.Systolic), number(s.Diastolic), attributesOf(s.Attributes),
			})
		}
	}
	nights, err := h.store.Nights(ctx, h.user.ID, health.MinInstant.Date(0), health.MaxInstant.Date(0)-1)
	must(err)
	for _, n := range nights {
		_, _, spans := n.Span()
		shown := fixtureNight{Date: n.Date.String(), Spans: spans, Hours: map[string]*float64{}}
		for name, v := range map[string]float64{"total": n.Total, "asleep": n.Asleep, "core": n.Core, "deep": n.Deep, "rem": n.REM, "awake": n.Awake, "in_bed": n.InBed} {
			if !health.IsAbsent(v) {
				shown.Hours[name] = number(v)
			}
		}
		r.Stored.Nights = append(r.Stored.Nights, shown)
	}
	segments, err := h.store.Segments(ctx, h.user.ID, store.Range{})
	must(err)
	r.Stored.Segments = len(segments)
	workouts, err := h.store.Workouts(ctx, h.user.ID, store.WorkoutQuery{Limit: 100})
	must(err)
	for _, w := range workouts {
		r.Stored.Workouts = append(r.Stored.Workouts, fixtureWorkout{w.Name, number(w.Duration)})
	}
	events, err := h.store.Events(ctx, h.user.ID, store.EventQuery{})
	must(err)
	for _, e := range events {
		r.Stored.Events = append(r.Stored.Events, fixtureEvent{e.Kind, e.Name, attributesOf(e.Attributes)})
	}
	return r
}

func attributesOf(text string) jsontext.Value {
	if text == "" {
		return nil
	}
	return jsontext.Value(text)
}
