package health

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func dose(attributes string) Event {
	return Event{Kind: Medication, Name: "Ibuprofen", Start: 7, Attributes: attributes, Order: 1}
}

// storeEvents does what a store does with a batch, and returns what is stored then and how many events were unchanged.
func storeEvents(stored []Event, batch ...Event) (now []Event, unchanged int) {
	stored = slices.Clone(stored)
	taken := map[EventKey]bool{}
	for _, e := range batch {
		e.Digest = e.DigestAmong(stored, taken)
		i := slices.IndexFunc(stored, func(s Event) bool { return s.Key() == e.Key() })
		switch {
		case i < 0:
			stored = append(stored, e)
		case !stored[i].MergeFrom(&e):
			unchanged++
		}
	}
	return stored, unchanged
}

func attributesOf(events []Event) (list []string) {
	for _, e := range events {
		list = append(list, e.Attributes)
	}
	slices.Sort(list)
	return list
}

func TestDosesOfOneMinute(t *testing.T) {
	t.Parallel()
	const taken1, taken2 = `{"dosage":1,"status":"Taken"}`, `{"dosage":2,"status":"Taken"}`
	for name, c := range map[string]struct{ first, then, want []string }{
		"two at once, and sent again":  {[]string{taken1, taken2}, []string{taken2, taken1}, []string{taken1, taken2}},
		"two of a size":                {[]string{taken1, taken1}, []string{taken1, taken1}, []string{taken1, taken1}},
		"the second in a later body":   {[]string{taken1}, []string{taken2}, []string{taken1, taken2}},
		"both in a later body":         {[]string{taken2}, []string{taken1, taken2}, []string{taken1, taken2}},
		"the status of one changes":    {[]string{taken1, taken2}, []string{`{"dosage":2,"status":"Skipped"}`}, []string{taken1, `{"dosage":2,"status":"Skipped"}`}},
		"one of two of a size changes": {[]string{taken1, taken1}, []string{taken1, `{"dosage":1,"status":"Skipped"}`}, []string{`{"dosage":1,"status":"Skipped"}`, taken1}},
		"a dose gets its size": {
			[]string{`{"status":"Not Interacted"}`}, []string{taken2}, []string{taken2},
		},
		"a size as a table has it": {[]string{`{"Dosage":"2.0","Status":"Taken"}`}, []string{`{"Dosage":"2","Status":"Skipped"}`}, []string{`{"Dosage":"2","Status":"Skipped"}`}},
	} {
		events := func(list []string) (batch []Event) {
			for _, attributes := range list {
				batch = append(batch, dose(attributes))
			}
			return batch
		}
		stored, _ := storeEvents(nil, events(c.first)...)
		stored, _ = storeEvents(stored, events(c.then)...)
		if diff := cmp.Diff(c.want, attributesOf(stored)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whatever a body holds of one minute, all of it is stored, and the same body in any order changes nothing.
func TestEventsOfOneMinuteSentAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{Medication, "symptom"}).Draw(t, "kind")
		batch := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
			e := dose(rapid.SampledFrom([]string{
				"", `{"dosage":1}`, `{"dosage":1,"status":"Taken"}`, `{"dosage":2,"status":"Taken"}`, `{"dosage":2,"status":"Skipped"}`, `{"status":"Taken"}`,
			}).Draw(t, "attributes"))
			e.Kind = kind
			return e
		}), 1, 5).Draw(t, "batch")
		stored, _ := storeEvents(nil, batch...)
		if diff := cmp.Diff(attributesOf(batch), attributesOf(stored)); diff != "" {
			t.Fatalf("stored (-sent +stored):\n%s", diff)
		}
		again, unchanged := storeEvents(stored, rapid.Permutation(batch).Draw(t, "again")...)
		if diff := cmp.Diff(attributesOf(stored), attributesOf(again)); diff != "" {
			t.Fatalf("sent again, %d unchanged (-first +again):\n%s", unchanged, diff)
		}
	})
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	symptom := func(change func(*Event)) *Event {
		e := &Event{Kind: "symptom", Name: "Headache", Start: 7, End: 9, Source: "Phone", Attributes: `{"severity":"Mild"}`}
		change(e)
		return e
	}
	for name, c := range map[string]struct {
		change func(*Event)
		want   bool
	}{
		"equal":            {func(*Event) {}, true},
		"less":             {func(e *Event) { e.End, e.Source, e.Attributes = 0, "", "" }, true},
		"more":             {func(e *Event) { e.Attributes = `{"severity":"Mild","note":1}` }, true},
		"an empty field":   {func(e *Event) { e.Attributes = `{"severity":""}` }, true},
		"another field":    {func(e *Event) { e.Attributes = `{"severity":"Severe"}` }, false},
		"another end":      {func(e *Event) { e.End = 10 }, false},
		"another source":   {func(e *Event) { e.Source = "Watch" }, false},
		"another name":     {func(e *Event) { e.Name = "Fatigue" }, false},
		"equal, of a dose": {func(e *Event) { e.Kind = Medication }, false},
	} {
		first := symptom(func(*Event) {})
		if name == "equal, of a dose" {
			first.Kind = Medication
		}
		if got := symptom(c.change).Repeats(first); got != c.want {
			t.Errorf("%s: repeats %v, want %v", name, got, c.want)
		}
	}
	withID := func(attributes string) *Event {
		return &Event{Kind: Medication, AppID: "1", Start: 7, Attributes: attributes}
	}
	if !withID(`{"a":1}`).Repeats(withID(`{"a":2}`)) {
		t.Error("an app id does not identify an event")
	}
}
