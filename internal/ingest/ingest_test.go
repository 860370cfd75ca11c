package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// harness is a service on a store, with one user, and a clock that the test sets.
type harness struct {
	*Service
	t       testing.TB
	catalog *catalog.Catalog
	store   store.Store
	user    account.User
	clock   atomic.Pointer[time.Time]
	logs    *testlog.Log // in which nothing of what is sent may be
}

func newHarness(t testing.TB, s store.Store, wrap func(Store) Store, limits Limits) *harness {
	t.Helper()
	loaded, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	user, err := account.NewUser(uuid.NewString()+"@example.org", "Anna", "Europe/Paris", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(context.Background(), user); err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, catalog: loaded, store: s, user: user, logs: testlog.New(t)}
	h.at("2026-06-01T12:00:00Z")
	var wrapped Store = s
	if wrap != nil {
		wrapped = wrap(s)
	}
	if limits.Wait == 0 {
		limits.Wait = time.Minute
	}
	h.Service, err = New(Config{
		Store: wrapped, Catalog: loaded, Limits: limits, Logger: h.logs.Logger(),
		Now: func() time.Time { return *h.clock.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Receive is Service.Receive, with the body registered as secret.
func (h *harness) Receive(ctx context.Context, r Request) (health.Ingestion, error) {
	r.Body = h.logs.Sending(r.Body)
	return h.Service.Receive(ctx, r)
}

// Import is Service.Import, with the body registered as secret.
func (h *harness) Import(ctx context.Context, r Request, keep bool) (health.Ingestion, error) {
	r.Body = h.logs.Sending(r.Body)
	return h.Service.Import(ctx, r, keep)
}

// at sets the clock.
func (h *harness) at(now string) {
	parsed, err := time.Parse(time.RFC3339, now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.clock.Store(&parsed)
}

func (h *harness) send(body string, headers ...string) health.Ingestion {
	h.t.Helper()
	kept := map[string]string{}
	for i := 0; i+1 < len(headers); i += 2 {
		kept[headers[i]] = headers[i+1]
	}
	ingestion, err := h.Receive(context.Background(), Request{User: h.user, Body: strings.NewReader(body), Headers: kept})
	if err != nil {
		h.t.Fatal(err)
	}
	for kind, counts := range ingestion.Report.Counts {
		if !counts.Balanced() {
			h.t.Errorf("%s: the counts do not balance: %+v", health.ElementKind(kind), counts)
		}
	}
	return ingestion
}

// A header may be any bytes, and may be cut in the middle of a character: the body is archived all the same.
func TestHeadersThatAreNotText(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		sent := h.send(`{"data":{}}`, "user-agent", "a\xff\xfeb", "automation-name", strings.Repeat("a", 999)+"é")
		got, err := h.store.Ingestion(t.Context(), h.user.ID, sent.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"user-agent": "a\uFFFDb", "automation-name": strings.Repeat("a", 999) + "\uFFFD"}
		if diff := cmp.Diff(want, got.Headers); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
	})
}

func (h *harness) samples(metric string) []health.Sample {
	h.t.Helper()
	var list []health.Sample
	for s, err := range h.store.Samples(context.Background(), h.user.ID, store.SampleQuery{Metric: metric}) {
		if err != nil {
			h.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// metricJSON is the body with one metric; points are JSON objects.
func metricJSON(name, unit string, points ...string) string {
	return fmt.Sprintf(`{"data":{"metrics":[{"name":%q,"units":%q,"data":[%s]}]}}`, name, unit, strings.Join(points, ","))
}

func pointJSON(date string, qty float64, source string) string {
	return fmt.Sprintf(`{"date":%q,"qty":%v,"source":%q}`, date, qty, source)
}

// shortSample is the part of a sample that tests compare.
type shortSample struct {
	Start  string
	Value  float64
	Grain  health.Grain
	Source string
}

func shorten(samples []health.Sample) []shortSample {
	list := []shortSample{}
	for _, s := range samples {
		list = append(list, shortSample{s.Start.In(s.Offset).Format("2006-01-02 15:04:05 -0700"), s.Value, s.Grain, s.Source})
	}
	return list
}

func metricCounts(i health.Ingestion) health.Counts { return i.Report.Counts[health.Metrics] }

// The samples that must be stored of a body, and its counts. Sent again, everything is unchanged.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		body    string
		headers []string
		metric  string
		want    []shortSample
		counts  health.Counts
	}{
		{
			name: "evidence for days", metric: "step_count",
			body:   metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 9900, "Watch"), pointJSON("2026-03-11 00:00:00 +0100", 100, "Watch")),
			want:   []shortSample{{"2026-03-10 00:00:00 +0100", 9900, 86400, "Watch"}, {"2026-03-11 00:00:00 +0100", 100, 86400, "Watch"}},
			counts: health.Counts{Received: 2, Inserted: 2},
		},
		{
			name: "evidence for hours", metric: "step_count",
			body: metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, ""),
				pointJSON("2026-03-10 05:00:00 +0100", 2, ""), pointJSON("2026-03-10 06:00:00 +0100", 3, "")),
			want:   []shortSample{{"2026-03-10 00:00:00 +0100", 1, 3600, ""}, {"2026-03-10 05:00:00 +0100", 2, 3600, ""}, {"2026-03-10 06:00:00 +0100", 3, 3600, ""}},
			counts: health.Counts{Received: 3, Inserted: 3},
		},
		{
			name: "the header comes before any evidence", metric: "step_count", headers: []string{"automation-aggregation", "minutes"},
			body:   metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, "")),
			want:   []shortSample{{"2026-03-10 00:00:00 +0100", 1, 60, ""}},
			counts: health.Counts{Received: 1, Inserted: 1},
		},
		{
			name: "times of phones of every region", metric: "step_count", headers: []string{"automation-aggregation", "minutes"},
			body: metricJSON("step_count", "count",
				pointJSON("٢٠٢٦-٠٣-١٠ ٠٠:٠٠:٠٠ +٠٣٠٠", 1, ""), pointJSON("۱۴۰۴-۱۲-۱۹ ۰۰:۰۰:۰۰ +۰۳۳۰", 2, ""), pointJSON("2569-03-10 00:00:00 +0700", 3, ""),
				pointJSON("2026-03-10 7:57:00 μ.μ. +0200", 4, ""), pointJSON("١٤٤٧-٠٩-٢١ ٣:٠٠:٠٠ م \u061c+٠٣٠٠", 5, ""), pointJSON("0008-03-10 00:00:00 +0900", 6, "")),
			want: []shortSample{
				{"2026-03-10 00:00:00 +0900", 6, 60, ""},
				{"2026-03-10 00:00:00 +0700", 3, 60, ""},
				{"2026-03-10 00:00:00 +0330", 2, 60, ""},
				{"2026-03-10 00:00:00 +0300", 1, 60, ""},
				{"2026-03-10 15:00:00 +0300", 5, 60, ""},
				{"2026-03-10 19:57:00 +0200", 4, 60, ""},
			},
			counts: health.Counts{Received: 6, Inserted: 6},
		},
		{
			name: "a heart rate without its unit", metric: "heart_rate",
			body:   `{"data":[{"name":"heart_rate","date":"2024-01-15T10:00:01+01:00","qty":70,"source":"Watch"}]}`,
			want:   []shortSample{{"2024-01-15 10:00:01 +0100", 70, 0, "Watch"}},
			counts: health.Counts{Received: 1, Inserted: 1},
		},
		{
			name: "an alias, a unit, and raw seconds", metric: "active_energy",
			body:   metricJSON("active_energy_burned", "kJ", pointJSON("2026-03-10 10:00:01 +0100", 41.84, "Watch")),
			want:   []shortSample{{"2026-03-10 10:00:01 +0100", 10, 0, "Watch"}},
			counts: health.Counts{Received: 1, Inserted: 1},
		},
		{
			name: "the source of one summary is no part of its identity, and cumulative values add up", metric: "step_count",
			headers: []string{"automation-aggregation", "hours"},
			body:    metricJSON("step_count", "count", pointJSON("2026-03-10 10:00:00 +0100", 5, "Watch|iPhone"), pointJSON("2026-03-10 10:00:00 +0100", 7, "iPhone|Watch")),
			want:    []shortSample{{"2026-03-10 10:00:00 +0100", 12, 3600, "iPhone|Watch"}},
			counts:  health.Counts{Received: 2, Inserted: 1, Merged: 1},
		},
		{
			name: "two single sources in one body stay apart", metric: "step_count", headers: []string{"automation-aggregation", "hours"},
			body:   metricJSON("step_count", "count", pointJSON("2026-03-10 10:00:00 +0100", 5, "Watch"), pointJSON("2026-03-10 10:00:00 +0100", 7, "iPhone")),
			want:   []shortSample{{"2026-03-10 10:00:00 +0100", 5, 3600, "Watch"}, {"2026-03-10 10:00:00 +0100", 7, 3600, "iPhone"}},
			counts: health.Counts{Received: 2, Inserted: 2},
		},
		{
			name: "of two discrete values of one time the later counts", metric: "resting_heart_rate",
			body:   metricJSON("resting_heart_rate", "bpm", pointJSON("2026-03-10 10:00:01 +0100", 61, "Watch"), pointJSON("2026-03-10 10:00:01 +0100", 62, "Watch")),
			want:   []shortSample{{"2026-03-10 10:00:01 +0100", 62, 0, "Watch"}},
			counts: health.Counts{Received: 2, Inserted: 1, Merged: 1},
		},
		{
			name: "the same metric twice in a body, under two names", metric: "step_count",
			body: `{"data":{"metrics":[{"name":"step_count","units":"count","data":[` + pointJSON("2026-03-10 10:00:01 +0100", 5, "Watch") +
				`]},{"name":"steps","units":"steps","data":[` + pointJSON("2026-03-10 10:00:01 +0100", 7, "Watch") + `]}]}}`,
			want:   []shortSample{{"2026-03-10 10:00:01 +0100", 12, 0, "Watch"}},
			counts: health.Counts{Received: 2, Inserted: 1, Merged: 1},
		},
		{
			name: "name and unit after the points", metric: "walking_running_distance",
			body:   `{"data":{"metrics":[{"data":[` + pointJSON("2026-03-10 00:00:00 +0100", 2, "W") + `],"units":"mi","name":"walking_running_distance"}]}}`,
			want:   []shortSample{{"2026-03-10 00:00:00 +0100", 3.218688, 0, "W"}},
			counts: health.Counts{Received: 1, Inserted: 1},
		},
		{
			name: "an unknown metric is kept under its own name", metric: "aura_brightness",
			body:   metricJSON("aura_brightness", "lm", pointJSON("2026-03-10 10:00:01 +0100", 3, "")),
			want:   []shortSample{{"2026-03-10 10:00:01 +0100", 3, 0, ""}},
			counts: health.Counts{Received: 1, Inserted: 1},
		},
		{
			name: "one bad point does not sink its neighbours", metric: "heart_rate_variability",
			body: metricJSON("heart_rate_variability", "ms", pointJSON("2026-03-10 10:00:01 +0100", 50, ""), `{"date":"2026-02-31 10:00:01 +0100","qty":1}`,
				`{"date":"2026-03-10 10:00:02 +0100","qty":1e6}`, pointJSON("2026-03-10 10:00:03 +0100", 51, "")),
			want:   []shortSample{{"2026-03-10 10:00:01 +0100", 50, 0, ""}, {"2026-03-10 10:00:03 +0100", 51, 0, ""}},
			counts: health.Counts{Received: 4, Inserted: 2, Rejected: 2},
		},
		{
			name: "times before 1900 and in the future", metric: "step_count",
			body:   metricJSON("step_count", "count", pointJSON("1899-12-31 00:00:00 +0000", 1, ""), pointJSON("2026-06-04 00:00:00 +0000", 1, ""), pointJSON("9999-06-04 00:00:00 +0000", 1, "")),
			want:   []shortSample{},
			counts: health.Counts{Received: 3, Rejected: 3},
		},
		{
			name: "a week of steps may be more than a day's", metric: "step_count", headers: []string{"automation-aggregation", "Weeks"},
			body:   metricJSON("step_count", "count", pointJSON("2026-03-09 00:00:00 +0100", 210000, "")),
			want:   []shortSample{{"2026-03-09 00:00:00 +0100", 210000, 604800, ""}},
			counts: health.Counts{Received: 1, Inserted: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			testdb.Each(t, func(t *testing.T, s store.Store) {
				h := newHarness(t, s, nil, Limits{})
				first := h.send(c.body, c.headers...)
				close := cmpopts.EquateApprox(1e-9, 0)
				if diff := cmp.Diff(c.want, shorten(h.samples(c.metric)), close); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.counts, metricCounts(first)); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
				if len(first.Report.Errors) != c.counts.Rejected {
					t.Errorf("%d errors listed, want %d", len(first.Report.Errors), c.counts.Rejected)
				}
				for _, e := range first.Report.Errors {
					if e.Metric != c.metric || e.Message == "" || e.Suggestion == "" {
						t.Errorf("an error does not say enough: %+v", e)
					}
				}
				h.at("2026-06-01T13:00:00Z")
				want := health.Counts{
					Received: c.counts.Received, Unchanged: c.counts.Inserted, Merged: c.counts.Merged, Rejected: c.counts.Rejected,
				}
				if diff := cmp.Diff(want, metricCounts(h.send(c.body, c.headers...))); diff != "" {
					t.Errorf("counts of the second send (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.want, shorten(h.samples(c.metric)), close); diff != "" {
					t.Errorf("stored after the second send (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A later body replaces the summary of the current day, also when its source text and its offset have changed. A replay of
// the earlier body then changes nothing.
func TestGrowingBucketAndReplay(t *testing.T) {
	t.Parallel()
	byDays := []string{"automation-aggregation", "Days"}
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		morning := h.send(metricJSON("step_count", "count", pointJSON("2026-06-01 00:00:00 +0200", 1000, "Watch")), byDays...)
		h.at("2026-06-01T20:00:00Z")
		evening := h.send(metricJSON("step_count", "count", pointJSON("2026-06-01 00:00:00 +0100", 8000, "iPhone|Watch")), byDays...)
		if diff := cmp.Diff(health.Counts{Received: 1, Updated: 1}, metricCounts(evening)); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		want := []shortSample{{"2026-06-01 00:00:00 +0100", 8000, 86400, "iPhone|Watch"}}
		if diff := cmp.Diff(want, shorten(h.samples("step_count"))); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		again, err := h.Replay(t.Context(), h.user, morning.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(health.Counts{Received: 1, Unchanged: 1}, metricCounts(again)); diff != "" {
			t.Errorf("counts of the replay (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, shorten(h.samples("step_count"))); diff != "" {
			t.Errorf("stored after the replay (-want +got):\n%s", diff)
		}
	})
}

// The two halves of a blood pressure are one sample whether they come in one metric, in two, or in two bodies.
func TestBloodPressure(t *testing.T) {
	t.Parallel()
	half := func(name string, value float64) string {
		return metricJSON(name, "mmHg", pointJSON("2026-03-10 10:00:01 +0100", value, "Cuff"))
	}
	both := `{"data":{"metrics":[{"name":"blood_pressure_systolic","units":"mmHg","data":[` + pointJSON("2026-03-10 10:00:01 +0100", 120, "Cuff") +
		`]},{"name":"blood_pressure_diastolic","units":"kPa","data":[` + pointJSON("2026-03-10 10:00:01 +0100", 10, "Cuff") + `]}]}}`
	for name, c := range map[string]struct {
		bodies    []string
		diastolic float64
		last      health.Counts
	}{
		"one metric":  {[]string{metricJSON("blood_pressure", "mmHg", `{"date":"2026-03-10 10:00:01 +0100","systolic":120,"diastolic":80,"source":"Cuff"}`)}, 80, health.Counts{Received: 1, Inserted: 1}},
		"two metrics": {[]string{both}, 75.0061683, health.Counts{Received: 2, Inserted: 1, Merged: 1}},
		"two bodies":  {[]string{half("blood_pressure_systolic", 120), half("blood_pressure_diastolic", 80)}, 80, health.Counts{Received: 1, Updated: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			testdb.Each(t, func(t *testing.T, s store.Store) {
				h := newHarness(t, s, nil, Limits{})
				var last health.Ingestion
				for _, body := range c.bodies {
					last = h.send(body)
				}
				list := h.samples("blood_pressure")
				if len(list) != 1 || list[0].Systolic != 120 || math.Abs(list[0].Diastolic-c.diastolic) > 1e-6 {
					t.Fatalf("stored %+v", list)
				}
				if diff := cmp.Diff(c.last, metricCounts(last)); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
				if got := metricCounts(h.send(c.bodies[len(c.bodies)-1])); got.Unchanged != 1 {
					t.Errorf("the second send gives %+v", got)
				}
			})
		})
	}
}

// A value whose unit cannot be converted is stored as sent, with one warning per metric of a body.
func TestUnknownUnit(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	sent := h.send(metricJSON("weight_body_mass", "talents", pointJSON("2026-03-10 10:00:01 +0100", 3, ""), pointJSON("2026-03-11 10:00:01 +0100", 3, "")))
	list := h.samples("weight_body_mass")
	if len(list) != 2 || list[0].Value != 3 || list[0].Unit != "talents" {
		t.Errorf("stored %+v", list)
	}
	if sent.Report.WarningCount != 1 || sent.Report.Warnings[0].Code != health.UnknownUnit {
		t.Errorf("warnings %+v", sent.Report.Warnings)
	}
}

func TestSuspiciousValueIsStoredWithAWarning(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	sent := h.send(metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 150_000, "")))
	if len(h.samples("step_count")) != 1 || len(sent.Report.Warnings) != 1 || sent.Report.Warnings[0].Code != health.SuspiciousValue {
		t.Errorf("status %s, warnings %+v", sent.Status, sent.Report.Warnings)
	}
}

// An element with several quantities is one element: stored as a whole, refused as a whole.
func TestTypedElement(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	sent := h.send(`{"data":{"metrics":[
		{"type":"Activity","recorded_at":"2026-03-10T10:00:00Z","step_count":1000,"flights_climbed":3,"source":"Watch"},
		{"type":"Activity","recorded_at":"2026-03-10T11:00:00Z","step_count":1000,"flights_climbed":-1,"source":"Watch"}]}}`)
	if diff := cmp.Diff(health.Counts{Received: 2, Inserted: 1, Rejected: 1}, metricCounts(sent)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if steps, flights := h.samples("step_count"), h.samples("flights_climbed"); len(steps) != 1 || len(flights) != 1 {
		t.Errorf("stored %v and %v", shorten(steps), shorten(flights))
	}
}

// A body that cannot be decoded to its end is archived, and nothing of it is stored.
func TestNothingHalfStored(t *testing.T) {
	t.Parallel()
	whole := metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, ""))
	for name, c := range map[string]struct {
		body   string
		status health.Status
		code   string
	}{
		"cut off":      {whole[:len(whole)-4], health.StatusFailed, "malformed_json"},
		"NaN":          {strings.Replace(whole, `"qty":1`, `"qty":NaN`, 1), health.StatusFailed, "malformed_json"},
		"not JSON":     {"hello", health.StatusFailed, "not_json"},
		"unrecognised": {`{"foo":1}`, health.StatusUnrecognised, "unrecognised_format"},
		"deep nesting": {`{"data":{"metrics":[{"name":"x","data":[` + pointJSON("2026-03-10 00:00:00 +0100", 1, "") + `,` + strings.Repeat("[", 10_000), health.StatusFailed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, testdb.New(t), nil, Limits{})
			sent := h.send(c.body)
			if sent.Status != c.status || c.code != "" && sent.FailureCode != c.code || sent.Failure == "" {
				t.Errorf("status %s, code %s (%s), want %s, %s", sent.Status, sent.FailureCode, sent.Failure, c.status, c.code)
			}
			if list := h.samples("step_count"); len(list) != 0 {
				t.Errorf("stored %v", shorten(list))
			}
			raw, err := h.Raw(t.Context(), h.user.ID, sent.ID)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			if got, err := io.ReadAll(raw); err != nil || string(got) != c.body {
				t.Errorf("the archive holds %q, %v", got, err)
			}
		})
	}
}

func TestEmptyData(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	for _, body := range []string{`{"data":{}}`, `{"data":{"metrics":[]}}`, `{"data":{"metrics":[{"name":"step_count","units":"count","data":[]}]}}`} {
		if sent := h.send(body); sent.Status != health.StatusProcessed || sent.Report.Total().Received != 0 {
			t.Errorf("%s: %s %+v", body, sent.Status, sent.Report.Total())
		}
	}
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRefusedBodies(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte(" "), 3<<20)
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		kind     problem.Kind
		code     string
	}{
		"empty":              {nil, "", problem.Invalid, "empty_body"},
		"too large":          {big, "", problem.TooLarge, "body_too_large"},
		"gzip bomb":          {gzipped(t, big), "gzip", problem.TooLarge, "body_too_large"},
		"not gzip":           {[]byte("{}"), "gzip", problem.Invalid, "broken_encoding"},
		"gzip cut off":       {gzipped(t, []byte(`{"data":{}}`))[:20], "gzip", problem.Invalid, "broken_encoding"},
		"not zstd":           {[]byte("{}"), "zstd", problem.Invalid, "broken_encoding"},
		"not brotli":         {[]byte("{\"data\":{}}"), "br", problem.Invalid, "broken_encoding"},
		"unknown encoding":   {[]byte("{}"), "lzma", problem.Invalid, "unsupported_encoding"},
		"two encodings":      {[]byte("{}"), "gzip, br", problem.Invalid, "unsupported_encoding"},
		"empty after gunzip": {gzipped(t, nil), "gzip", problem.Invalid, "empty_body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, testdb.New(t), nil, Limits{MaxBody: 2 << 20})
			_, err := h.Receive(t.Context(), Request{User: h.user, Body: bytes.NewReader(c.body), ContentEncoding: c.encoding})
			var known *problem.Error
			if !errors.As(err, &known) || known.Kind != c.kind || known.Code != c.code {
				t.Errorf("%v, want %s %s", err, c.kind, c.code)
			}
			if list, err := h.store.Ingestions(t.Context(), h.user.ID, store.IngestionQuery{Limit: 10}); err != nil || len(list) != 0 {
				t.Errorf("archived %v, %v", list, err)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	body := []byte(metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, "")))
	sent, err := h.Receive(t.Context(), Request{User: h.user, Body: bytes.NewReader(gzipped(t, body)), ContentEncoding: "gzip"})
	if err != nil || sent.Status != health.StatusProcessed || sent.Size != int64(len(body)) || sent.WireSize == sent.Size {
		t.Errorf("%+v, %v", sent, err)
	}
}

// unavailableStore fails the first writes.
type unavailableStore struct {
	Store
	failures atomic.Int32
}

func (f *unavailableStore) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	if f.failures.Add(-1) >= 0 {
		return store.Written{}, problem.New(problem.Unavailable, "database_unavailable", "The database is away.")
	}
	return f.Store.WriteSamples(ctx, body, batch, said...)
}

// A body that is accepted while the database is unavailable is stored when it is available again.
func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		broken := &unavailableStore{}
		broken.failures.Store(1)
		h := newHarness(t, s, func(s Store) Store {
			broken.Store = s
			return broken
		}, Limits{})
		sent := h.send(metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, "")))
		if sent.Status != health.StatusAccepted {
			t.Fatalf("status %s, want accepted", sent.Status)
		}
		if err := h.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := h.samples("step_count"); len(list) != 0 {
			t.Errorf("resumed before its time: %v", shorten(list))
		}
		h.at("2026-06-01T12:01:00Z")
		if err := h.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		finished, err := s.Ingestion(t.Context(), h.user.ID, sent.ID)
		if err != nil || finished.Status != health.StatusProcessed || finished.Attempts != 2 || metricCounts(finished).Inserted != 1 {
			t.Errorf("%+v, %v", finished, err)
		}
	})
}

// An ingestion that was archived before a crash is resumed when its claim has expired.
func TestResumedAfterACrash(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		body := metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, ""))
		crashed, _, err := h.archive(t.Context(), Request{User: h.user, Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		h.at("2026-06-01T12:05:00Z")
		if err := h.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		finished, err := s.Ingestion(t.Context(), h.user.ID, crashed.ID)
		if err != nil || finished.Status != health.StatusProcessed || len(h.samples("step_count")) != 1 {
			t.Errorf("%+v, %v", finished, err)
		}
	})
}

// blockedStore blocks writes of samples until open is closed.
type blockedStore struct {
	Store
	open chan struct{}
}

func (g *blockedStore) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	select {
	case <-g.open:
	case <-ctx.Done():
		return store.Written{}, ctx.Err()
	}
	return g.Store.WriteSamples(ctx, body, batch, said...)
}

func TestReceiveReturnsBeforeProcessingEnds(t *testing.T) {
	t.Parallel()
	for name, async := range map[string]bool{"asked to": true, "after the wait": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testdb.New(t)
			slow := &blockedStore{open: make(chan struct{})}
			h := newHarness(t, s, func(s Store) Store {
				slow.Store = s
				return slow
			}, Limits{Wait: time.Millisecond})
			body := metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 1, ""))
			sent, err := h.Receive(t.Context(), Request{User: h.user, Body: strings.NewReader(body), Async: async})
			if err != nil || sent.Status != health.StatusAccepted {
				t.Fatalf("%s, %v", sent.Status, err)
			}
			close(slow.open)
			if err := h.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			finished, err := s.Ingestion(t.Context(), h.user.ID, sent.ID)
			if err != nil || finished.Status != health.StatusProcessed {
				t.Errorf("after the stop: %s, %v", finished.Status, err)
			}
			if _, err := h.Receive(t.Context(), Request{User: h.user, Body: strings.NewReader(body)}); !errors.Is(err, problem.Unavailable) {
				t.Errorf("a stopped service answers %v", err)
			}
		})
	}
}

// For random bodies, the counts balance, a body sent again changes nothing, and neither does a replay of all bodies in any
// order.
func TestInvariants(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		rapid.Check(t, func(r *rapid.T) {
			h := newHarness(t, s, nil, Limits{})
			var sent []health.Ingestion
			for i := range rapid.IntRange(1, 4).Draw(r, "bodies") {
				h.at(fmt.Sprintf("2026-06-01T12:%02d:00Z", i))
				sent = append(sent, h.send(randomBody(r)))
			}
			last := h.send(h.body(sent[len(sent)-1].ID))
			if got := last.Report.Total(); got.Inserted+got.Updated != 0 {
				r.Fatalf("the second send of a body gives %+v", got)
			}
			before := h.everything()
			for _, i := range rapid.Permutation(sent).Draw(r, "order") {
				again, err := h.Replay(context.Background(), h.user, i.ID)
				if err != nil {
					r.Fatal(err)
				}
				if got := again.Report.Total(); !got.Balanced() || got.Inserted+got.Updated != 0 {
					r.Fatalf("a replay gives %+v", got)
				}
			}
			if diff := cmp.Diff(before, h.everything(), cmpopts.EquateNaNs()); diff != "" {
				r.Fatalf("the replay changed the store:\n%s", diff)
			}
		})
	})
}

func (h *harness) body(id uuid.UUID) string {
	raw, err := h.Raw(context.Background(), h.user.ID, id)
	if err != nil {
		h.t.Fatal(err)
	}
	defer raw.Close()
	content, err := io.ReadAll(raw)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(content)
}

func (h *harness) everything() map[string][]health.Sample {
	all := map[string][]health.Sample{}
	for _, name := range []string{"step_count", "heart_rate", "resting_heart_rate", "blood_pressure"} {
		for _, s := range h.samples(name) {
			s.Order = 0
			all[name] = append(all[name], s)
		}
	}
	return all
}

// randomBody draws a body with few times and few sources, so that many elements have one identity.
func randomBody(r *rapid.T) string {
	var items []string
	for range rapid.IntRange(0, 3).Draw(r, "items") {
		name := rapid.SampledFrom([]string{"step_count", "steps", "heart_rate", "resting_heart_rate", "blood_pressure_systolic", "blood_pressure_diastolic"}).Draw(r, "name")
		unit := map[string]string{"step_count": "count", "steps": "count", "heart_rate": "bpm", "resting_heart_rate": "bpm", "blood_pressure_systolic": "mmHg", "blood_pressure_diastolic": "mmHg"}[name]
		var points []string
		for range rapid.IntRange(0, 6).Draw(r, "points") {
			date := fmt.Sprintf("2026-03-%02d %s %s", rapid.IntRange(9, 11).Draw(r, "day"),
				rapid.SampledFrom([]string{"00:00:00", "00:00:00", "10:00:00", "10:30:00", "10:30:05"}).Draw(r, "time"),
				rapid.SampledFrom([]string{"+0100", "+0100", "-0700"}).Draw(r, "offset"))
			source := rapid.SampledFrom([]string{"Watch", "iPhone", "Watch|iPhone", ""}).Draw(r, "source")
			value := rapid.IntRange(15, 140).Draw(r, "value")
			if name == "heart_rate" && value%2 == 0 {
				points = append(points, fmt.Sprintf(`{"date":%q,"Min":%d,"Avg":%d,"Max":%d,"source":%q}`, date, value, value+2, value+5, source))
				continue
			}
			points = append(points, pointJSON(date, float64(value), source))
		}
		items = append(items, fmt.Sprintf(`{"name":%q,"units":%q,"data":[%s]}`, name, unit, strings.Join(points, ",")))
	}
	return `{"data":{"metrics":[` + strings.Join(items, ",") + `]}}`
}
