package ingest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/spool"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
	"github.com/health-export/health-export/internal/testdb"
)

// everyKind is a body with an element of every kind.
const everyKind = `{"data":{
	"metrics":[
		{"name":"step_count","units":"count","data":[{"date":"2026-03-10 10:00:01 +0100","qty":5,"source":"Watch"},{"date":"2026-03-10 10:05:01 +0100","qty":7,"source":"iPhone"}]},
		{"name":"heart_rate","units":"bpm","data":[{"date":"2026-03-10 10:00:00 +0100","Min":60,"Avg":70,"Max":80,"source":"Watch"}]},
		{"name":"blood_pressure","units":"mmHg","data":[{"date":"1969-12-31 23:59:59 +0000","systolic":120,"diastolic":80,"source":"Cuff"}]},
		{"name":"sleep_analysis","units":"hr","data":[{"date":"2026-03-10 00:00:00 +0100","totalSleep":7.5,"sleepStart":"2026-03-09 23:00:00 +0100","sleepEnd":"2026-03-10 07:00:00 +0100","source":"Watch"},
			{"startDate":"1970-01-01 00:00:00 +0000","endDate":"1970-01-01 00:00:00 +0000","value":"Core","source":"Watch"},
			{"startDate":"2026-03-10 01:00:00 +0100","endDate":"2026-03-10 02:00:00 +0100","value":"Deep","source":"Watch"}]}],
	"workouts":[{"id":"W1","name":"Run","start":"2026-03-10 10:00:00 +0100","end":"2026-03-10 11:00:00 +0100","duration":3600,
		"heartRateData":[{"date":"2026-03-10 10:00:05 +0100","Min":100,"Avg":110,"Max":120,"units":"bpm"}],
		"route":[{"latitude":52.5,"longitude":13.4,"timestamp":"2026-03-10 10:00:05 +0100"}]}],
	"symptoms":[{"name":"Headache","start":"2026-03-10 10:00:00 +0100","end":"2026-03-10 12:00:00 +0100","severity":"Mild"}],
	"ecg":[{"start":"2026-03-10 10:00:00 +0100","end":"2026-03-10 10:00:30 +0100","classification":"Sinus Rhythm","voltageMeasurements":[{"date":"2026-03-10 10:00:00 +0100","voltage":0.1,"units":"mcV"}]}]}}`

// verify verifies the harness's user and returns the findings.
func (h *harness) verify() (Verified, []Finding) {
	h.t.Helper()
	expected, err := sqlite.OpenMemory(context.Background(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer expected.Close()
	var findings []Finding
	verified, err := h.Verify(context.Background(), Verification{
		User: h.user, Stored: h.store, Expected: expected, Found: func(f Finding) { findings = append(findings, f) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return verified, findings
}

// archiveOnly archives a body as processed without storing anything of it, as if its elements were lost.
func (h *harness) archiveOnly(body string) {
	h.t.Helper()
	ctx := context.Background()
	id, err := uuid.NewV7()
	if err != nil {
		h.t.Fatal(err)
	}
	spooled := spool.New("")
	if err := compress(spooled, bytes.NewReader([]byte(body))); err != nil {
		h.t.Fatal(err)
	}
	ingestion := health.Ingestion{ID: id, UserID: h.user.ID, ReceivedAt: h.now().UTC(), Status: health.StatusAccepted, StoredSize: spooled.Size()}
	reader, err := spooled.Reader()
	if err == nil {
		err = h.store.Put(ctx, ingestion, reader, "test", h.now().Add(time.Hour))
	}
	ingestion.Status, ingestion.FinishedAt = health.StatusProcessed, h.now()
	if err == nil {
		err = h.store.Finish(ctx, ingestion, "test")
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// countFindings counts the findings by kind and element.
func countFindings(findings []Finding) map[string]int {
	counts := map[string]int{}
	for _, f := range findings {
		counts[string(f.Kind)+" "+f.Element]++
	}
	return counts
}

func TestVerifyFindsNothingWrong(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		h.send(everyKind)
		h.at("2026-06-01T13:00:00Z")
		h.send(stepsTable)
		h.send("this is no health data")
		h.send(metricJSON("step_count", "count", pointJSON("2026-03-10 00:00:00 +0100", 9950, "Watch|iPhone"), pointJSON("soon", 1, "")))
		other := newHarness(t, s, nil, Limits{})
		other.send(everyKind)
		got, findings := h.verify()
		if !got.Sound() || got.Unprovable != 0 || got.Bodies != 3 || got.Faulty != 1 || got.Elements < 12 {
			t.Errorf("%+v, %v", got, findings)
		}
	})
}

func TestVerifyFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		h.archiveOnly(everyKind)
		got, findings := h.verify()
		want := map[string]int{
			"missing sample": 4, "missing night": 1, "missing segment": 2, "missing workout": 1, "missing event": 1, "missing ecg": 1,
		}
		if diff := cmp.Diff(want, countFindings(findings)); diff != "" || got.Missing != 10 || got.Sound() {
			t.Errorf("%+v (-want +got):\n%s", got, diff)
		}
	})
}

// Elements that were changed in the store keep the time of receipt of their body.
func TestVerifyFindsWhatIsDifferent(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		received := health.InstantOf(h.send(everyKind).ReceivedAt)
		ctx := t.Context()
		must := func(_ store.Written, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		steps := h.samples("step_count")
		steps[0].Value++
		added := steps[0]
		added.Start += health.Second
		added.End = added.Start
		must(s.WriteSamples(ctx, store.Body{User: h.user.ID}, []health.Sample{steps[0], added}))
		nights, err := s.Nights(ctx, h.user.ID, 0, 40000)
		if err != nil {
			t.Fatal(err)
		}
		nights[0].Total++
		must(s.WriteNights(ctx, store.Body{User: h.user.ID}, nights))
		must(s.WriteSegments(ctx, store.Body{User: h.user.ID}, []health.Segment{{Source: "Watch", Start: 1, End: 2, Stage: health.StageCore}}))
		workout, err := s.Workouts(ctx, h.user.ID, store.WorkoutQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		workout[0].Route = []health.RoutePoint{{Latitude: 1, Longitude: 2}}
		must(s.WriteWorkouts(ctx, store.Body{User: h.user.ID}, workout))
		must(s.WriteEvents(ctx, store.Body{User: h.user.ID}, []health.Event{{Kind: "symptom", Name: "Fever", Start: 5, Order: received}}))
		ecgs, err := s.ECGs(ctx, h.user.ID, store.Range{}, true)
		if err != nil {
			t.Fatal(err)
		}
		ecgs[0].Voltages[0]++
		must(s.WriteECGs(ctx, store.Body{User: h.user.ID}, ecgs))

		got, findings := h.verify()
		want := map[string]int{
			"different sample": 1, "extra sample": 1, "different night": 1, "extra segment": 1, "different workout": 1,
			"extra event": 1, "different ecg": 1,
		}
		if diff := cmp.Diff(want, countFindings(findings)); diff != "" || got.Different != 4 || got.Extra != 3 {
			t.Errorf("%+v (-want +got):\n%s", got, diff)
		}
	})
}

// An element whose body is not archived is unprovable, which is no fault.
func TestVerifyReportsWhatItCannotProve(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		h.send(everyKind)
		h.at("2026-06-01T13:00:00Z")
		steps := h.samples("step_count")
		steps[0].Value, steps[0].Order = 50, steps[0].Order+1
		steps[1].Start, steps[1].Order = steps[1].Start+health.Second, steps[1].Order+1
		steps[1].End = steps[1].Start
		if _, err := s.WriteSamples(t.Context(), store.Body{User: h.user.ID}, steps); err != nil {
			t.Fatal(err)
		}
		got, findings := h.verify()
		if want := map[string]int{"unprovable sample": 2}; !got.Sound() || got.Unprovable != 2 || !cmp.Equal(want, countFindings(findings)) {
			t.Errorf("%+v %v", got, countFindings(findings))
		}
	})
}

// When the archive is dropped, the stored elements stay.
func TestVerifyAfterTheArchiveWasDropped(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		received := h.send(everyKind).ReceivedAt
		if err := s.DropArchiveBefore(t.Context(), received.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		got, findings := h.verify()
		if !got.Sound() || got.Bodies != 0 || got.Unprovable != got.Elements || countFindings(findings)["unprovable segment"] == 0 {
			t.Errorf("%+v %v", got, countFindings(findings))
		}
	})
}

func TestVerifyReturnsTheStoresError(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	h.send(everyKind)
	expected, err := sqlite.OpenMemory(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer expected.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Verify(ctx, Verification{User: h.user, Stored: h.store, Expected: expected}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// The elements of an export have the date of the export as their time of receipt.
func TestVerifyUsesTheDateOfAnExport(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		h.send(exportXML(recordXML(stepCount, "iPhone", "08:00:00", "08:10:00", "count", "100")))
		got, findings := h.verify()
		if !got.Sound() || got.Unprovable != 0 || got.Bodies != 1 {
			t.Fatalf("%+v, %v", got, findings)
		}
		steps := h.samples("step_count")
		steps[0].Value++
		if _, err := s.WriteSamples(t.Context(), store.Body{User: h.user.ID}, steps); err != nil {
			t.Fatal(err)
		}
		got, findings = h.verify()
		if diff := cmp.Diff(map[string]int{"different sample": 1}, countFindings(findings)); diff != "" || got.Sound() {
			t.Errorf("%+v (-want +got):\n%s", got, diff)
		}
	})
}
