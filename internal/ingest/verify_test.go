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

// verify verifies the bench's user and returns what was found.
func (b *harness) verify() (Verified, []Finding) {
	b.t.Helper()
	model, err := sqlite.OpenMemory(context.Background(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer model.Close()
	var findings []Finding
	verified, err := b.Verify(context.Background(), Verification{
		User: b.user, Stored: b.store, Expected: model, Found: func(f Finding) { findings = append(findings, f) },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return verified, findings
}

// archiveOnly puts a body in the archive as processed, without storing anything of it: what is lost then looks like it.
func (b *harness) archiveOnly(body string) {
	b.t.Helper()
	ctx := context.Background()
	id, err := uuid.NewV7()
	if err != nil {
		b.t.Fatal(err)
	}
	spooled := spool.New("")
	if err := compress(spooled, bytes.NewReader([]byte(body))); err != nil {
		b.t.Fatal(err)
	}
	ingestion := health.Ingestion{ID: id, UserID: b.user.ID, ReceivedAt: b.now().UTC(), Status: health.StatusAccepted, StoredSize: spooled.Size()}
	reader, err := spooled.Reader()
	if err == nil {
		err = b.store.Put(ctx, ingestion, reader, "test", b.now().Add(time.Hour))
	}
	ingestion.Status, ingestion.FinishedAt = health.StatusProcessed, b.now()
	if err == nil {
		err = b.store.Finish(ctx, ingestion, "test")
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// sorted counts the findings of each sort and kind.
func counted(findings []Finding) map[string]int {
	counts := map[string]int{}
	for _, f := range findings {
		counts[string(f.Kind)+" "+f.Element]++
	}
	return counts
}

func TestVerifyFindsNothingWrong(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		b.send(everyKind)
		b.at("2026-06-01T13:00:00Z")
		b.send(stepsTable)
		b.send("this is no health data")
		b.send(metric("step_count", "count", point1("2026-03-10 00:00:00 +0100", 9950, "Watch|iPhone"), point1("soon", 1, "")))
		other := newHarness(t, s, nil, Limits{})
		other.send(everyKind)
		got, findings := b.verify()
		if !got.Sound() || got.Unprovable != 0 || got.Bodies != 3 || got.Faulty != 1 || got.Elements < 12 {
			t.Errorf("%+v, %v", got, findings)
		}
	})
}

func TestVerifyFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		b.archiveOnly(everyKind)
		got, findings := b.verify()
		want := map[string]int{
			"missing sample": 4, "missing night": 1, "missing segment": 2, "missing workout": 1, "missing event": 1, "missing ecg": 1,
		}
		if diff := cmp.Diff(want, counted(findings)); diff != "" || got.Missing != 10 || got.Sound() {
			t.Errorf("%+v (-want +got):\n%s", got, diff)
		}
	})
}

// What is changed behind the archive's back has the time of receipt of the body it came with.
func TestVerifyFindsWhatIsDifferent(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		received := health.InstantOf(b.send(everyKind).ReceivedAt)
		ctx := t.Context()
		must := func(_ store.Written, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		steps := b.samples("step_count")
		steps[0].Value++
		added := steps[0]
		added.Start += health.Second
		added.End = added.Start
		must(s.WriteSamples(ctx, b.user.ID, []health.Sample{steps[0], added}))
		nights, err := s.Nights(ctx, b.user.ID, 0, 40000)
		if err != nil {
			t.Fatal(err)
		}
		nights[0].Total++
		must(s.WriteNights(ctx, b.user.ID, nights))
		must(s.WriteSegments(ctx, b.user.ID, []health.Segment{{Source: "Watch", Start: 1, End: 2, Stage: health.StageCore}}))
		workout, err := s.Workouts(ctx, b.user.ID, store.WorkoutQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		workout[0].Route = []health.RoutePoint{{Latitude: 1, Longitude: 2}}
		must(s.WriteWorkouts(ctx, b.user.ID, workout))
		must(s.WriteEvents(ctx, b.user.ID, []health.Event{{Kind: "symptom", Name: "Fever", Start: 5, Received: received}}))
		ecgs, err := s.ECGs(ctx, b.user.ID, store.Range{}, true)
		if err != nil {
			t.Fatal(err)
		}
		ecgs[0].Voltages[0]++
		must(s.WriteECGs(ctx, b.user.ID, ecgs))

		got, findings := b.verify()
		want := map[string]int{
			"different sample": 1, "extra sample": 1, "different night": 1, "extra segment": 1, "different workout": 1,
			"extra event": 1, "different ecg": 1,
		}
		if diff := cmp.Diff(want, counted(findings)); diff != "" || got.Different != 4 || got.Extra != 3 {
			t.Errorf("%+v (-want +got):\n%s", got, diff)
		}
	})
}

// What came with a body that is not there cannot be proved, and is no alarm.
func TestVerifyReportsWhatItCannotProve(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		b.send(everyKind)
		b.at("2026-06-01T13:00:00Z")
		steps := b.samples("step_count")
		steps[0].Value, steps[0].Received = 50, steps[0].Received+1
		steps[1].Start, steps[1].Received = steps[1].Start+health.Second, steps[1].Received+1
		steps[1].End = steps[1].Start
		if _, err := s.WriteSamples(t.Context(), b.user.ID, steps); err != nil {
			t.Fatal(err)
		}
		got, findings := b.verify()
		if want := map[string]int{"unprovable sample": 2}; !got.Sound() || got.Unprovable != 2 || !cmp.Equal(want, counted(findings)) {
			t.Errorf("%+v %v", got, counted(findings))
		}
	})
}

// The archive is let go after a while, the ingestions with their bodies; what was stored from them stays.
func TestVerifyAfterTheArchiveWasDropped(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		received := b.send(everyKind).ReceivedAt
		if err := s.DropArchiveBefore(t.Context(), received.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		got, findings := b.verify()
		if !got.Sound() || got.Bodies != 0 || got.Unprovable != got.Elements || counted(findings)["unprovable segment"] == 0 {
			t.Errorf("%+v %v", got, counted(findings))
		}
	})
}

func TestVerifyReturnsTheStoresError(t *testing.T) {
	t.Parallel()
	b := newHarness(t, testdb.New(t), nil, Limits{})
	b.send(everyKind)
	model, err := sqlite.OpenMemory(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Verify(ctx, Verification{User: b.user, Stored: b.store, Expected: model}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// What an export says was so when it was made, which is the time its elements have.
func TestVerifyUsesTheDateOfAnExport(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		b := newHarness(t, s, nil, Limits{})
		b.send(exported(record(stepCount, "iPhone", "08:00:00", "08:10:00", "count", "100")))
		got, findings := b.verify()
		if !got.Sound() || got.Unprovable != 0 || got.Bodies != 1 {
			t.Fatalf("%+v, %v", got, findings)
		}
		steps := b.samples("step_count")
		steps[0].Value++
		if _, err := s.WriteSamples(t.Context(), b.user.ID, steps); err != nil {
			t.Fatal(err)
		}
		got, findings = b.verify()
		if diff := cmp.Diff(map[string]int{"different sample": 1}, counted(findings)); diff != "" || got.Sound() {
			t.Errorf("%+v (-want +got):\n%s", got, diff)
		}
	})
}
