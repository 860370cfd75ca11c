package health

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestNewSampleHasNoValues(t *testing.T) {
	t.Parallel()
	s := NewSample()
	for name, v := range map[string]float64{
		"Value": s.Value, "Min": s.Min, "Max": s.Max, "Systolic": s.Systolic, "Diastolic": s.Diastolic,
	} {
		if !IsAbsent(v) {
			t.Errorf("%s = %v, want absent", name, v)
		}
	}
	if s.Grain != GrainUnknown {
		t.Errorf("Grain = %v, want unknown", s.Grain)
	}
	if IsAbsent(0) || IsAbsent(math.Inf(1)) || !IsAbsent(Absent()) {
		t.Error("absent must be NaN and nothing else")
	}
}

// The identity of samples: one row per line of the table of identities.
func TestSampleKey(t *testing.T) {
	t.Parallel()
	base := NewSample()
	base.Metric, base.Unit, base.Source, base.Grain = "step_count", "count", "Watch", GrainRaw
	base.Start, base.End = instant("2026-03-10T08:00:00Z"), instant("2026-03-10T08:05:00Z")
	summary := func(grain Grain) func(*Sample) {
		return func(s *Sample) { s.Grain, s.Start, s.End = grain, base.Start, base.Start }
	}
	source := func(s *Sample) { s.Source = "Watch|iPhone" }
	end := func(s *Sample) { s.End += Second }
	value := func(s *Sample) { s.Value, s.Attributes = 1, `{"a":1}` }
	offset := func(s *Sample) { s.Offset = 3600 }
	perSource := func(s *Sample) { s.PerSource = true }
	for _, test := range []struct {
		name    string
		both    []func(*Sample)
		one     func(*Sample)
		another bool
	}{
		{"raw, other value", nil, value, false},
		{"raw, other offset", nil, offset, false},
		{"raw, other end", nil, end, true},
		{"raw, other source", nil, source, true},
		{"raw, other start", nil, func(s *Sample) { s.Start++ }, true},
		{"raw, other metric", nil, func(s *Sample) { s.Metric = "steps" }, true},
		{"raw, other unit", nil, func(s *Sample) { s.Unit = "km" }, true},
		{"raw and minute", nil, summary(GrainMinute), true},
		{"hour, other source", []func(*Sample){summary(GrainHour)}, source, false},
		{"hour, other end", []func(*Sample){summary(GrainHour)}, end, false},
		{"hour, other offset", []func(*Sample){summary(GrainHour)}, offset, false},
		{"hour, other start", []func(*Sample){summary(GrainHour)}, func(s *Sample) { s.Start += Second }, true},
		{"hour and day", []func(*Sample){summary(GrainHour)}, summary(GrainDay), true},
		{"hour, merged and per source", []func(*Sample){summary(GrainHour)}, perSource, true},
		{"hour per source, other source", []func(*Sample){summary(GrainHour), perSource}, source, true},
		{"hour per source, other end", []func(*Sample){summary(GrainHour), perSource}, end, false},
		{"day, other source", []func(*Sample){summary(GrainDay)}, source, false},
		{"day, later that day", []func(*Sample){summary(GrainDay)}, func(s *Sample) { s.Start += 3600 * Second }, false},
		{"day, next day", []func(*Sample){summary(GrainDay)}, func(s *Sample) { s.Start += Day }, true},
		{"week, next day", []func(*Sample){summary(GrainWeek)}, func(s *Sample) { s.Start += Day }, true},
	} {
		a := base
		for _, change := range test.both {
			change(&a)
		}
		b := a
		test.one(&b)
		if another := a.Key() != b.Key(); another != test.another {
			t.Errorf("%s: another sample = %v, want %v", test.name, another, test.another)
		}
	}
}

// The phone sends yesterday's summary again after a flight: another instant for midnight, the same day.
func TestDayIsTheSameAfterTravel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		date := Date(rapid.Int32Range(-25_000, 40_000).Draw(t, "date"))
		grain := rapid.SampledFrom([]Grain{GrainDay, GrainWeek, GrainMonth, GrainYear}).Draw(t, "grain")
		var keys [2]SampleKey
		for i := range keys {
			s := NewSample()
			s.Metric, s.Grain, s.Offset = "step_count", grain, offsets().Draw(t, "offset")
			s.Start = date.Midnight(s.Offset)
			s.End, s.Source = s.Start, rapid.SampledFrom([]string{"Watch", "Watch|iPhone"}).Draw(t, "source")
			keys[i] = s.Key()
			if s.LocalDate() != date {
				t.Fatalf("local date %v, want %v", s.LocalDate(), date)
			}
			if got := s.KeyTime().Date(0); got != date {
				t.Fatalf("the key time is on %v, want %v", got, date)
			}
		}
		if keys[0] != keys[1] {
			t.Fatalf("%+v and %+v differ", keys[0], keys[1])
		}
	})
}

func TestSameValue(t *testing.T) {
	t.Parallel()
	inf, nan := math.Inf(1), math.NaN()
	for _, test := range []struct {
		a, b float64
		same bool
	}{
		{0, 0, true},
		{0, math.Copysign(0, -1), true},
		{7369.142, 7369.142, true},
		{7369.142, 7369.1420000001, true},
		{7369.142, 7369.1421, false},
		{1, 1 + 0.9e-9, true},
		{1, 1 + 1.1e-9, false},
		{-1, -1 - 0.9e-9, true},
		{1, -1, false},
		{0, 1e-300, false},
		{nan, nan, true},
		{nan, 0, false},
		{0, nan, false},
		{inf, inf, true},
		{inf, -inf, false},
		{inf, math.MaxFloat64, false},
		{math.MaxFloat64, -math.MaxFloat64, false},
	} {
		if same := SameValue(test.a, test.b); same != test.same {
			t.Errorf("SameValue(%v, %v) = %v", test.a, test.b, same)
		}
	}
}

func TestSameValueToleratesNoiseOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(-1e12, 1e12).Filter(func(v float64) bool { return math.Abs(v) > 1e-6 }).Draw(t, "a")
		noise := rapid.Float64Range(-0.99e-9, 0.99e-9).Draw(t, "noise")
		if b := a * (1 + noise); !SameValue(a, b) || !SameValue(b, a) {
			t.Fatalf("%v and %v are another reading", a, b)
		}
		change := rapid.Float64Range(1.01e-9, 1).Draw(t, "change")
		if b := a * (1 + change); SameValue(a, b) || SameValue(b, a) {
			t.Fatalf("%v and %v are the same reading", a, b)
		}
	})
}

func TestFillFrom(t *testing.T) {
	t.Parallel()
	systolic, diastolic := NewSample(), NewSample()
	systolic.Systolic, diastolic.Diastolic, diastolic.Value = 121, 79, 5
	if !systolic.fillFrom(&diastolic) || systolic.Systolic != 121 || systolic.Diastolic != 79 || !IsAbsent(systolic.Value) {
		t.Errorf("filled to %+v", systolic)
	}
	other := NewSample()
	other.Systolic, other.Diastolic = 1, 2
	if systolic.fillFrom(&other) || systolic.Systolic != 121 || systolic.Diastolic != 79 {
		t.Errorf("overwritten: %+v", systolic)
	}
	empty := NewSample()
	if empty.fillFrom(&empty) {
		t.Error("nothing was filled from nothing")
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	s := NewSample()
	s.Offset = -7 * 3600
	s.Start = instant("2026-05-19T07:00:00Z") // midnight of the 19th
	for _, test := range []struct {
		grain    Grain
		received string
		complete bool
	}{
		{GrainDay, "2026-05-20T07:59:59Z", false}, // the day may have had 25 hours
		{GrainDay, "2026-05-20T08:00:00Z", true},
		{GrainDay, "2026-05-19T12:00:00Z", false},
		{GrainWeek, "2026-05-25T08:00:00Z", false},
		{GrainWeek, "2026-05-26T08:00:00Z", true},
		{GrainMonth, "2026-06-19T07:59:59Z", false}, // May has 31 days
		{GrainMonth, "2026-06-19T08:00:00Z", true},
		{GrainYear, "2027-05-19T08:00:00Z", true},
		{GrainHour, "2026-06-01T00:00:00Z", false},
		{GrainRaw, "2026-06-01T00:00:00Z", false},
	} {
		s.Grain, s.Order = test.grain, instant(test.received)
		if s.Complete() != test.complete {
			t.Errorf("grain %d received %s: complete = %v", test.grain, test.received, s.Complete())
		}
	}
}

func TestReplaces(t *testing.T) {
	t.Parallel()
	at := func(received string, value float64, attributes string) Sample {
		s := NewSample()
		s.Metric, s.Grain, s.Start = "step_count", GrainDay, instant("2026-03-10T00:00:00Z")
		s.Order, s.Value, s.Attributes = instant(received), value, attributes
		return s
	}
	noon, evening, nextDay := "2026-03-10T12:00:00Z", "2026-03-10T20:00:00Z", "2026-03-11T06:00:00Z"
	for _, test := range []struct {
		name       string
		old, sent  Sample
		outcome    Outcome
		rewrite    bool
		value      float64
		attributes string
	}{
		{"grown", at(noon, 5000, ""), at(evening, 9000, ""), Updated, true, 9000, ""},
		{"shrunk", at(noon, 5000, ""), at(evening, 4000, ""), Updated, true, 4000, ""},
		{"the same", at(noon, 5000, ""), at(evening, 5000, ""), Unchanged, false, 5000, ""},
		{"noise", at(noon, 5000, ""), at(evening, 5000.0000000001, ""), Unchanged, false, 5000.0000000001, ""},
		{"the same, now complete", at(noon, 5000, ""), at(nextDay, 5000, ""), Unchanged, true, 5000, ""},
		{"grown, now complete", at(noon, 5000, ""), at(nextDay, 6000, ""), Updated, true, 6000, ""},
		{"processed again", at(evening, 9000, ""), at(noon, 5000, ""), Unchanged, false, 9000, ""},
		{"new attribute", at(noon, 1, ""), at(evening, 1, `{"a":1}`), Updated, true, 1, `{"a":1}`},
		{"attribute left out", at(noon, 1, `{"a":1}`), at(evening, 1, ""), Unchanged, false, 1, `{"a":1}`},
		{"late body adds attribute", at(evening, 9, `{"a":1}`), at(noon, 5, `{"a":2,"b":2}`), Updated, true, 9, `{"a":1,"b":2}`},
	} {
		s := test.sent
		outcome, rewrite := s.Replaces(&test.old)
		if outcome != test.outcome || rewrite != test.rewrite || s.Value != test.value || s.Attributes != test.attributes {
			t.Errorf("%s: %v, rewrite %v, value %v %s", test.name, outcome, rewrite, s.Value, s.Attributes)
		}
		if last := max(test.old.Order, test.sent.Order); s.Order != last {
			t.Errorf("%s: received %v, want %v", test.name, s.Order, last)
		}
	}
}

// Systolic and diastolic in two bodies make one sample, in whichever order they come.
func TestReplacesCompletesABloodPressure(t *testing.T) {
	t.Parallel()
	half := func(received Instant, systolic, diastolic float64) Sample {
		s := NewSample()
		s.Grain, s.Order, s.Systolic, s.Diastolic = GrainRaw, received, systolic, diastolic
		return s
	}
	for _, received := range []Instant{1, 3} {
		old, s := half(2, 120, Absent()), half(received, Absent(), 80)
		if outcome, rewrite := s.Replaces(&old); outcome != Updated || !rewrite || s.Systolic != 120 || s.Diastolic != 80 {
			t.Errorf("received at %d: %v, %v/%v", received, outcome, s.Systolic, s.Diastolic)
		}
	}
}

func TestReplacesIsIdempotentAndInAnyOrderTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := samples().Draw(t, "a"), samples().Draw(t, "b")
		a.Order, b.Order = 1, 2

		forward := b
		outcome, _ := forward.Replaces(&a)
		if (outcome == Unchanged) != forward.SameReading(&a) {
			t.Fatalf("%v, from %+v to %+v", outcome, a, forward)
		}
		again := b
		if outcome, rewrite := again.Replaces(&forward); outcome != Unchanged || rewrite {
			t.Fatalf("the same body again: %v, rewrite %v", outcome, rewrite)
		}
		replayed := a
		if outcome, rewrite := replayed.Replaces(&forward); outcome != Unchanged || rewrite {
			t.Fatalf("the earlier body again: %v, rewrite %v", outcome, rewrite)
		}

		backward := a
		backward.Replaces(&b)
		if diff := cmp.Diff(forward, backward, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("the order of arrival matters (-in order +late):\n%s", diff)
		}
	})
}

// samples draws samples with the same key.
func samples() *rapid.Generator[Sample] {
	return rapid.Custom(func(t *rapid.T) Sample {
		s := NewSample()
		s.Metric, s.Grain = "m", GrainHour
		s.Value, s.Min, s.Max = readings().Draw(t, "value"), readings().Draw(t, "min"), readings().Draw(t, "max")
		s.Systolic, s.Diastolic = readings().Draw(t, "systolic"), readings().Draw(t, "diastolic")
		s.Attributes = attributes().Draw(t, "attributes")
		return s
	})
}

// readings draws values from so small a set that two are often the same, absent ones among them.
func readings() *rapid.Generator[float64] {
	return rapid.SampledFrom([]float64{math.NaN(), 0, 1, 1.5, 72, -3})
}

// offsets draws offsets from UTC, in seconds, in steps of a quarter of an hour, of every zone on Earth and some more.
func offsets() *rapid.Generator[int32] {
	return rapid.Map(rapid.Int32Range(-12*4, 14*4), func(quarters int32) int32 { return quarters * 900 })
}

func instant(text string) Instant {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return InstantOf(t)
}
