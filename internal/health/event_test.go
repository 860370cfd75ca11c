package health

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestEventKey(t *testing.T) {
	t.Parallel()
	headache := Event{Kind: "symptom", Name: "Headache", Start: 100, End: 200, Source: "iPhone"}
	mood := Event{Kind: "state_of_mind", AppID: "A", Name: "daily_mood", Start: 100}
	unknown := Event{Kind: "beatToBeat", Digest: "0a1b"}
	for _, test := range []struct {
		name    string
		event   Event
		change  func(*Event)
		another bool
	}{
		{"other end, source, attributes", headache, func(e *Event) { e.End, e.Source, e.Attributes = 300, "x", `{"a":1}` }, false},
		{"other offset", headache, func(e *Event) { e.Offset = 3600 }, false},
		{"other start", headache, func(e *Event) { e.Start++ }, true},
		{"other name", headache, func(e *Event) { e.Name = "Kopfschmerz" }, true},
		{"other kind", headache, func(e *Event) { e.Kind = "medication" }, true},
		{"id: other start and name", mood, func(e *Event) { e.Start, e.Name = 200, "momentary_emotion" }, false},
		{"id: other id", mood, func(e *Event) { e.AppID = "B" }, true},
		{"id: other kind", mood, func(e *Event) { e.Kind = "symptom" }, true},
		{"id: none", mood, func(e *Event) { e.AppID = "" }, true},
		{"digest: other digest", unknown, func(e *Event) { e.Digest = "ffff" }, true},
	} {
		other := test.event
		test.change(&other)
		if another := other.Key() != test.event.Key(); another != test.another {
			t.Errorf("%s: another event = %v, want %v", test.name, another, test.another)
		}
	}
}

func TestMergeEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, other := events().Draw(t, "event"), events().Draw(t, "other")
		event := before
		changed := event.MergeFrom(&other)
		if changed == cmp.Equal(before, event) {
			t.Fatalf("changed = %v from %+v to %+v", changed, before, event)
		}
		once := event
		if event.MergeFrom(&other) {
			t.Fatalf("merging the same again changes %+v to %+v", once, event)
		}
		earlier, later := inOrder(&before, &other, before.Order, other.Order)
		checkMerged(t, eventFields(earlier), eventFields(later), eventFields(&event))
		if last := max(before.Order, other.Order); changed && event.Order != last {
			t.Fatalf("received %v, want %v", event.Order, last)
		}
		empty := Event{Order: rapid.SampledFrom([]Instant{0, 9}).Draw(t, "empty received")}
		if event.MergeFrom(&empty) {
			t.Fatalf("merging nothing changes %+v to %+v", once, event)
		}
	})
}

func TestMergeECGs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, other := ecgs().Draw(t, "ecg"), ecgs().Draw(t, "other")
		ecg := before
		changed := ecg.MergeFrom(&other)
		if changed == cmp.Equal(before, ecg, cmpopts.EquateNaNs()) {
			t.Fatalf("changed = %v from %+v to %+v", changed, before, ecg)
		}
		once := ecg
		if ecg.MergeFrom(&other) {
			t.Fatalf("merging the same again changes %+v to %+v", once, ecg)
		}
		earlier, later := inOrder(&before, &other, before.Order, other.Order)
		checkMerged(t, ecgFields(earlier), ecgFields(later), ecgFields(&ecg))
		if len(ecg.Times) > 0 && len(ecg.Times) != len(ecg.Voltages) {
			t.Fatalf("%d times for %d voltages", len(ecg.Times), len(ecg.Voltages))
		}
		if last := max(before.Order, other.Order); changed && ecg.Order != last {
			t.Fatalf("received %v, want %v", ecg.Order, last)
		}
		empty := ECG{
			AverageHeartRate: Absent(), SamplingFrequency: Absent(), Voltages: []float64{},
			Order: rapid.SampledFrom([]Instant{0, 9}).Draw(t, "empty received"),
		}
		if ecg.MergeFrom(&empty) {
			t.Fatalf("merging nothing changes %+v to %+v", once, ecg)
		}
	})
}

func TestMergeVoltages(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, test := range []struct {
		name       string
		have, sent ECG
		changed    bool
		voltages   []float64
		times      []Instant
	}{
		{"the same", ECG{Voltages: []float64{1, 2}}, ECG{Voltages: []float64{1, 2}}, false, []float64{1, 2}, nil},
		{"noise", ECG{Voltages: []float64{1, 2}}, ECG{Voltages: []float64{1, 2 + 1e-12}}, false, []float64{1, 2}, nil},
		{"a gap", ECG{Voltages: []float64{1, nan}}, ECG{Voltages: []float64{1, nan}}, false, []float64{1, nan}, nil},
		{"others", ECG{Voltages: []float64{1, 2}, Times: []Instant{1, 2}}, ECG{Voltages: []float64{3}}, true, []float64{3}, nil},
		{"times added", ECG{Voltages: []float64{1}}, ECG{Voltages: []float64{1}, Times: []Instant{7}}, true, []float64{1}, []Instant{7}},
		{"times left out", ECG{Voltages: []float64{1}, Times: []Instant{7}}, ECG{Voltages: []float64{1}}, false, []float64{1}, []Instant{7}},
		{"other times", ECG{Voltages: []float64{1}, Times: []Instant{7}}, ECG{Voltages: []float64{1}, Times: []Instant{8}}, true, []float64{1}, []Instant{8}},
	} {
		ecg := test.have
		changed := ecg.MergeFrom(&test.sent)
		if changed != test.changed || !cmp.Equal(ecg.Voltages, test.voltages, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)) ||
			!cmp.Equal(ecg.Times, test.times) {
			t.Errorf("%s: changed %v to %v at %v", test.name, changed, ecg.Voltages, ecg.Times)
		}
	}
}

// texts draws texts, the empty one among them.
func texts() *rapid.Generator[string] { return rapid.SampledFrom([]string{"", "x", "y"}) }

func events() *rapid.Generator[Event] {
	return rapid.Custom(func(t *rapid.T) Event {
		return Event{
			Kind: "symptom", Name: texts().Draw(t, "name"), Source: texts().Draw(t, "source"),
			Start: moments().Draw(t, "start"), End: moments().Draw(t, "end"),
			Offset:     rapid.SampledFrom([]int32{0, 3600}).Draw(t, "offset"),
			Attributes: attributes().Draw(t, "attributes"),
			Order:      rapid.SampledFrom([]Instant{1, 2, 3}).Draw(t, "received"),
		}
	})
}

// eventFields lists the fields that a later entry may leave out.
func eventFields(e *Event) []any { return []any{e.Name, e.Source, e.Start, e.End} }

func ecgs() *rapid.Generator[ECG] {
	return rapid.Custom(func(t *rapid.T) ECG {
		e := ECG{
			Start: 100, End: moments().Draw(t, "end"), Source: texts().Draw(t, "source"),
			Classification: texts().Draw(t, "classification"), Severity: texts().Draw(t, "severity"),
			AverageHeartRate: readings().Draw(t, "rate"), SamplingFrequency: readings().Draw(t, "frequency"),
			Unit: texts().Draw(t, "unit"), Attributes: attributes().Draw(t, "attributes"),
			Offset:   rapid.SampledFrom([]int32{0, 3600}).Draw(t, "offset"),
			Order:    rapid.SampledFrom([]Instant{1, 2, 3}).Draw(t, "received"),
			Voltages: rapid.SliceOfN(rapid.SampledFrom([]float64{-1, 0, 1}), 0, 2).Draw(t, "voltages"),
		}
		if len(e.Voltages) > 0 && rapid.Bool().Draw(t, "timed") {
			for i := range e.Voltages {
				e.Times = append(e.Times, 100+Instant(i))
			}
		}
		return e
	})
}

// ecgFields lists the fields that a later entry may leave out.
func ecgFields(e *ECG) []any {
	return []any{
		e.End, e.Source, e.Classification, e.Severity, e.Unit, e.AverageHeartRate, e.SamplingFrequency, e.Voltages,
	}
}
