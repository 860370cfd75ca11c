package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

func writesECGs(t *testing.T, s store.Store, user uuid.UUID, what string, batch []health.ECG, want ...health.Outcome) {
	t.Helper()
	written, err := s.WriteECGs(t.Context(), store.Body{User: user}, batch)
	outcomes(t, what, written, err, want...)
}

func holdsECGs(t *testing.T, s store.Store, user uuid.UUID, r store.Range, want ...health.ECG) {
	t.Helper()
	got, err := s.ECGs(t.Context(), user, r, true)
	ok(t, "ECGs", err)
	equal(t, "ECGs", got, want)
	want = slices.Clone(want)
	for i := range want {
		want[i].Times, want[i].Voltages = nil, nil
	}
	got, err = s.ECGs(t.Context(), user, r, false)
	ok(t, "ECGs", err)
	equal(t, "ECGs without voltages", got, want)
}

// ecg returns a recording of thirty seconds.
func ecg(start health.Instant) health.ECG {
	e := health.ECG{
		Start: start, End: start + 30*health.Second, Offset: 3600, Source: "Watch", Classification: "Sinusrhythmus",
		Severity: "none", AverageHeartRate: 62, SamplingFrequency: 512.4, Unit: "mcV", Attributes: `{"a":1}`, Order: at(0),
	}
	for i := range 15_360 {
		e.Times = append(e.Times, start+health.Instant(i*1953))
		e.Voltages = append(e.Voltages, float64(i%700)/3-100)
	}
	return e
}

var ecgTests = []test{
	{"ecg/every field comes back", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		full := ecg(at(0))
		untimed := ecg(at(time.Hour))
		untimed.Times = nil
		bare := health.ECG{Start: at(2 * time.Hour), AverageHeartRate: health.Absent(), SamplingFrequency: health.Absent()}
		batch := []health.ECG{bare, full, untimed}
		writesECGs(t, s, user, "write", batch, all(inserted, 3)...)
		holdsECGs(t, s, user, store.Range{}, full, untimed, bare)
		writesECGs(t, s, user, "again", batch, all(unchanged, 3)...)
	}},
	{"ecg/one that starts at the same time is merged", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := ecg(at(0))
		writesECGs(t, s, user, "write", []health.ECG{want}, inserted)
		bare := health.ECG{
			Start: at(0), AverageHeartRate: 63, SamplingFrequency: health.Absent(), Classification: "", Order: at(time.Hour),
		}
		writesECGs(t, s, user, "without voltages", []health.ECG{bare}, updated)
		want.AverageHeartRate, want.Offset, want.Order = 63, 0, at(time.Hour)
		holdsECGs(t, s, user, store.Range{}, want)
		early := ecg(at(0))
		early.Voltages, early.Times = []float64{1}, nil
		writesECGs(t, s, user, "an earlier body", []health.ECG{early}, unchanged)
	}},
	{"ecg/are found by their start, of one user", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		first, second, third := ecg(at(0)), ecg(at(time.Hour)), ecg(at(2*time.Hour))
		writesECGs(t, s, user, "write", []health.ECG{third, first, second}, all(inserted, 3)...)
		holdsECGs(t, s, user, store.Range{From: at(0), To: at(2 * time.Hour)}, first, second)
		holdsECGs(t, s, user, store.Range{From: at(time.Hour)}, second, third)
		holdsECGs(t, s, other, store.Range{})
	}},
}
