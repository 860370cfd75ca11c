package health

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestParseStage(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[Stage][]string{
		StageInBed:  {"InBed", "In Bed", "in_bed", "IN-BED", "HKCategoryValueSleepAnalysisInBed", "0"},
		StageAsleep: {"Asleep", "Unspecified", "AsleepUnspecified", "HKCategoryValueSleepAnalysisAsleep", "HKCategoryValueSleepAnalysisAsleepUnspecified", "1"},
		StageAwake:  {"Awake", "awake", "HKCategoryValueSleepAnalysisAwake", "2"},
		StageCore:   {"Core", "AsleepCore", "asleep_core", "Light", "HKCategoryValueSleepAnalysisAsleepCore", "3"},
		StageDeep:   {"Deep", "DEEP", "AsleepDeep", "HKCategoryValueSleepAnalysisAsleepDeep", "4"},
		StageREM:    {"REM", "Rem", "AsleepREM", "Asleep REM", "HKCategoryValueSleepAnalysisAsleepREM", "5"},
	} {
		for _, spelling := range append(spellings, string(want), " "+string(want)+" ") {
			for _, text := range []string{spelling, strings.ToUpper(spelling), strings.ToLower(spelling)} {
				if got, ok := ParseStage(text); !ok || got != want {
					t.Errorf("ParseStage(%q) = %s, %v, want %s", text, got, ok, want)
				}
			}
		}
	}
	for _, text := range []string{"", "Profundo", "深睡", "6", "10", "sleep", "Core sleep", "\xff"} {
		if got, ok := ParseStage(text); ok || got != Stage(text) {
			t.Errorf("ParseStage(%q) = %q, %v, want it kept and unknown", text, got, ok)
		}
	}
}

func FuzzParseStage(f *testing.F) {
	for _, text := range []string{"Core", "In Bed", "HKCategoryValueSleepAnalysisAsleepREM", "Profundo", "", "\u0130n bed"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stage, ok := ParseStage(text)
		if !ok && stage != Stage(text) {
			t.Errorf("%q is not kept but becomes %q", text, stage)
		}
		if again, okAgain := ParseStage(string(stage)); again != stage || okAgain != ok {
			t.Errorf("%q is %q, which is %q", text, stage, again)
		}
	})
}

func TestSpanOfANight(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		night      Night
		start, end Instant
		ok         bool
	}{
		{"sleep", Night{SleepStart: 10, SleepEnd: 20}, 10, 20, true},
		{"sleep before in bed", Night{SleepStart: 10, SleepEnd: 20, InBedStart: 5, InBedEnd: 25}, 10, 20, true},
		{"in bed", Night{InBedStart: 5, InBedEnd: 25}, 5, 25, true},
		{"half of the sleep", Night{SleepStart: 10, InBedStart: 5, InBedEnd: 25}, 5, 25, true},
		{"only an end", Night{SleepEnd: 20}, 0, 0, false},
		{"one end of each", Night{SleepStart: 10, InBedEnd: 25}, 0, 0, false},
		{"nothing", NewNight(), 0, 0, false},
	} {
		if start, end, ok := test.night.Span(); start != test.start || end != test.end || ok != test.ok {
			t.Errorf("%s: %d to %d, %v", test.name, start, end, ok)
		}
	}
}

func TestSameNight(t *testing.T) {
	t.Parallel()
	night := Night{Source: "Watch", Date: 20_000, SleepStart: 100, SleepEnd: 200}
	for _, test := range []struct {
		name string
		o    Night
		same bool
	}{
		{"itself", night, true},
		{"grown", Night{Source: "Watch", Date: 20_000, SleepStart: 100, SleepEnd: 250}, true},
		{"overlapping", Night{Source: "Watch", Date: 20_000, SleepStart: 150, SleepEnd: 300}, true},
		{"within", Night{Source: "Watch", Date: 20_000, SleepStart: 120, SleepEnd: 130}, true},
		{"a nap later", Night{Source: "Watch", Date: 20_000, SleepStart: 300, SleepEnd: 350}, false},
		{"a nap at once", Night{Source: "Watch", Date: 20_000, SleepStart: 200, SleepEnd: 250}, false},
		{"without a span", Night{Source: "Watch", Date: 20_000}, true},
		{"in bed only, overlapping", Night{Source: "Watch", Date: 20_000, InBedStart: 50, InBedEnd: 150}, true},
		{"other source", Night{Source: "Ring", Date: 20_000, SleepStart: 100, SleepEnd: 200}, false},
		{"other date", Night{Source: "Watch", Date: 20_001, SleepStart: 100, SleepEnd: 200}, false},
	} {
		if same := night.SameNight(&test.o); same != test.same {
			t.Errorf("%s: same = %v", test.name, same)
		}
	}
}

func TestSameNightIsReflexiveAndSymmetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := nights().Draw(t, "a"), nights().Draw(t, "b")
		if !a.SameNight(&a) {
			t.Fatalf("%+v is not the same as itself", a)
		}
		if a.SameNight(&b) != b.SameNight(&a) {
			t.Fatalf("%+v and %+v: the same one way only", a, b)
		}
	})
}

func TestMergeNights(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, other := nights().Draw(t, "night"), nights().Draw(t, "other")
		night := before
		changed := night.MergeFrom(&other)
		if changed == cmp.Equal(before, night, cmpopts.EquateNaNs()) {
			t.Fatalf("changed = %v from %+v to %+v", changed, before, night)
		}
		once := night
		if night.MergeFrom(&other) {
			t.Fatalf("merging the same again changes %+v to %+v", once, night)
		}
		earlier, later := inOrder(&before, &other, before.Order, other.Order)
		checkMerged(t, nightFields(earlier), nightFields(later), nightFields(&night))
		if last := max(before.Order, other.Order); changed && night.Order != last {
			t.Fatalf("received %v, want %v", night.Order, last)
		}
		empty := NewNight()
		empty.Order = rapid.SampledFrom([]Instant{0, 9}).Draw(t, "empty received")
		if night.MergeFrom(&empty) {
			t.Fatalf("merging nothing changes %+v to %+v", once, night)
		}
	})
}

func nights() *rapid.Generator[Night] {
	return rapid.Custom(func(t *rapid.T) Night {
		n := NewNight()
		n.Source, n.Date = rapid.SampledFrom([]string{"Watch", "Ring"}).Draw(t, "source"), 20_000
		for _, field := range []*Instant{&n.SleepStart, &n.SleepEnd, &n.InBedStart, &n.InBedEnd} {
			*field = moments().Draw(t, "moment")
		}
		for _, field := range []*float64{&n.Total, &n.Asleep, &n.Core, &n.Deep, &n.REM, &n.Awake, &n.InBed} {
			*field = readings().Draw(t, "hours")
		}
		n.Offset = rapid.SampledFrom([]int32{0, 3600}).Draw(t, "offset")
		n.Attributes = attributes().Draw(t, "attributes")
		n.Order = rapid.SampledFrom([]Instant{1, 2, 3}).Draw(t, "received")
		return n
	})
}

// nightFields lists the fields that a later entry may leave out.
func nightFields(n *Night) []any {
	fields := []any{n.SleepStart, n.SleepEnd, n.InBedStart, n.InBedEnd}
	for _, v := range []float64{n.Total, n.Asleep, n.Core, n.Deep, n.REM, n.Awake, n.InBed} {
		fields = append(fields, v)
	}
	return fields
}

// moments draws times, 0 (not sent) among them.
func moments() *rapid.Generator[Instant] {
	return rapid.SampledFrom([]Instant{0, 100, 200, 300, -50})
}

// inOrder returns the earlier and the later of two entries; of entries of one time the second is the later.
func inOrder[T any](first, second *T, firstReceived, secondReceived Instant) (earlier, later *T) {
	if secondReceived < firstReceived {
		return second, first
	}
	return first, second
}

// checkMerged checks the rule of every merge, field by field: the later value, or the earlier one where that is empty.
func checkMerged(t *rapid.T, earlier, later, merged []any) {
	t.Helper()
	for i := range merged {
		want := earlier[i]
		if !isEmpty(later[i]) {
			want = later[i]
		}
		if !cmp.Equal(merged[i], want, cmpopts.EquateNaNs()) {
			t.Fatalf("field %d is %v, want %v (earlier %v, later %v)", i, merged[i], want, earlier[i], later[i])
		}
	}
}

func isEmpty(field any) bool {
	switch v := field.(type) {
	case string:
		return v == ""
	case Instant:
		return v == 0
	case float64:
		return math.IsNaN(v)
	case []SeriesPoint:
		return len(v) == 0
	case []RoutePoint:
		return len(v) == 0
	case []float64:
		return len(v) == 0
	case Quantity:
		return math.IsNaN(v.Value) || v == Quantity{}
	}
	panic("a field of a type that no merge has")
}
