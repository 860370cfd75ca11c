package health

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
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
	const s = Second
	night := Night{Source: "Watch", Date: 20_000, SleepStart: 100 * s, SleepEnd: 200 * s, Total: 7}
	for _, test := range []struct {
		name              string
		o                 Night
		same, holds, held bool
	}{
		{"itself", night, true, false, false},
		{"rounded", Night{Source: "Watch", SleepStart: 101 * s, SleepEnd: 198 * s, Total: 7}, true, false, false},
		{"grown", Night{Source: "Watch", SleepStart: 100 * s, SleepEnd: 250 * s, Total: 8}, false, false, true},
		{"grown, rounded", Night{Source: "Watch", SleepStart: 102 * s, SleepEnd: 250 * s, Total: 8}, false, false, true},
		{"grown, without figures", Night{Source: "Watch", SleepStart: 100 * s, SleepEnd: 250 * s, Total: Absent(), Core: Absent(), Deep: Absent(), REM: Absent(), Asleep: Absent()}, false, false, false},
		{"overlapping", Night{Source: "Watch", SleepStart: 150 * s, SleepEnd: 300 * s, Total: 8}, false, false, false},
		{"within", Night{Source: "Watch", SleepStart: 120 * s, SleepEnd: 130 * s, Total: 1}, false, true, false},
		{"a nap later", Night{Source: "Watch", SleepStart: 300 * s, SleepEnd: 350 * s}, false, false, false},
		{"without a span", Night{Source: "Watch", Date: 20_000}, false, false, false},
		{"in bed, of the same times", Night{Source: "Watch", InBedStart: 100 * s, InBedEnd: 200 * s, InBed: 7}, false, false, false},
		{"other source", Night{Source: "Ring", SleepStart: 100 * s, SleepEnd: 200 * s}, false, false, false},
	} {
		if same := night.SameNight(&test.o); same != test.same {
			t.Errorf("%s: same = %v", test.name, same)
		}
		if holds := night.Holds(&test.o); holds != test.holds {
			t.Errorf("%s: holds = %v", test.name, holds)
		}
		if held := test.o.Holds(&night); held != test.held {
			t.Errorf("%s: held = %v", test.name, held)
		}
	}
	bare := Night{Source: "Watch", Date: 20_000}
	if other := (Night{Source: "Watch", Date: 20_001}); !bare.SameNight(&bare) || bare.SameNight(&other) {
		t.Error("without spans it is not the date that makes the night")
	}
}

func TestTotalSleep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		set  func(n *Night)
		want float64
	}{
		{"as it was sent", func(n *Night) { n.Total, n.Core, n.Asleep = 7, 3, 1 }, 7},
		{"the stages", func(n *Night) { n.Core, n.Deep, n.REM, n.Asleep, n.Awake = 3, 1, 2, 9, 1 }, 6},
		{"stages that have no binary fraction", func(n *Night) { n.Core, n.Deep, n.REM = 3.3, 0.858, 1.258 }, 5.416},
		{"one stage", func(n *Night) { n.Deep = 1.5 }, 1.5},
		{"of unknown stage", func(n *Night) { n.Asleep, n.InBed = 6, 7 }, 6},
		{"none", func(n *Night) { n.InBed, n.Awake = 7, 1 }, Absent()},
	} {
		n := NewNight()
		test.set(&n)
		if got := n.TotalSleep(); !cmp.Equal(got, test.want, cmpopts.EquateNaNs()) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestDateOfSleep(t *testing.T) {
	t.Parallel()
	const hour, day = 3600 * Second, Date(20_000)
	at := func(h float64, offset int32) Instant { return day.Midnight(offset) + Instant(h*float64(hour)) }
	for _, test := range []struct {
		name       string
		start, end float64 // hours after midnight of the day, by the clock
		offset     int32
		want       Date
	}{
		{"a night", -1, 7, 7200, day},
		{"a night that began after midnight", 1, 7, -18_000, day},
		{"an evening, so far", 22, 23.5, 7200, day + 1},
		{"until midnight", 22, 24, 7200, day + 1},
		{"a nap", 13.5, 15, 7200, day},
		{"a nap into the evening", 13.5, 18.3, 7200, day},
		{"a nap past eight", 17.9, 20.5, 7200, day},
		{"after a night shift", 8, 16, 7200, day},
		{"a long day", -2, 11, 7200, day},
	} {
		if got := DateOfSleep(at(test.start, test.offset), at(test.end, test.offset), test.offset); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// entries draws entries of one source: spans on a grid of hours, rounded by a second, some of them in bed only, some
// without figures, some without a span. No two have the same order.
func entries() *rapid.Generator[[]Night] {
	return rapid.Custom(func(t *rapid.T) []Night {
		var all []Night
		for i := range rapid.IntRange(1, 6).Draw(t, "count") {
			n := NewNight()
			n.Source, n.Date, n.Order = "Watch", 20_000, Instant(i+1)
			hour := func(label string, from, to int) Instant {
				return n.Date.Midnight(0) + Instant(3600*rapid.IntRange(from, to).Draw(t, label)+rapid.IntRange(-1, 1).Draw(t, "rounded"))*Second
			}
			from, to := hour("from", 0, 1), hour("to", 4, 5)
			switch rapid.SampledFrom([]string{"sleep", "sleep", "in bed", "no span"}).Draw(t, "kind") {
			case "sleep":
				n.SleepStart, n.SleepEnd = from, to
			case "in bed":
				n.InBedStart, n.InBedEnd = from, to
			}
			for _, field := range []*float64{&n.Total, &n.Core, &n.InBed} {
				*field = rapid.SampledFrom([]float64{Absent(), 1, 2, 3}).Draw(t, "hours")
			}
			n.Offset = rapid.SampledFrom([]int32{0, 3600}).Draw(t, "offset")
			n.SetDate()
			all = append(all, n)
		}
		return all
	})
}

// store adds entries one by one, as a store does.
func store(entries []Night) []Night {
	var stored []Night
	for i := range entries {
		added := AddNight(stored, &entries[i])
		if !added.Write {
			continue
		}
		if added.Night.ID == uuid.Nil {
			added.Night.ID = uuid.New()
		}
		stored = slices.DeleteFunc(stored, func(n Night) bool {
			return n.ID == added.Night.ID || slices.ContainsFunc(added.Removed, func(r Night) bool { return r.ID == n.ID })
		})
		stored = append(stored, added.Night)
	}
	slices.SortFunc(stored, func(a, b Night) int {
		aStart, aEnd, _ := a.Span()
		bStart, bEnd, _ := b.Span()
		return cmpOr(int(aStart-bStart), int(aEnd-bEnd), int(a.SleepStart-b.SleepStart))
	})
	return stored
}

func cmpOr(values ...int) int {
	for _, v := range values {
		if v != 0 {
			return v
		}
	}
	return 0
}

// The order in which bodies are processed, also more than once, makes no difference.
func TestAddNightInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := entries().Draw(t, "entries")
		want := store(sent)
		again := append(slices.Clone(sent), rapid.SliceOf(rapid.SampledFrom(sent)).Draw(t, "again")...)
		got := store(rapid.Permutation(again).Draw(t, "order"))
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(Night{}, "ID")); diff != "" {
			t.Fatalf("(-in order +in this order):\n%s", diff)
		}
		for i := range got {
			for j := range got {
				if got[i].Holds(&got[j]) || i != j && got[i].SameNight(&got[j]) {
					t.Fatalf("%+v is stored beside %+v", got[j], got[i])
				}
			}
		}
	})
}

func TestAddNight(t *testing.T) {
	t.Parallel()
	const hour = 3600 * Second
	span := func(from, to, total float64, order Instant) Night {
		n := NewNight()
		n.ID, n.Source, n.SleepStart, n.SleepEnd, n.Total, n.Order = uuid.UUID{byte(order)}, "Watch", Instant(from*float64(hour)), Instant(to*float64(hour)), total, order
		n.SetDate()
		return n
	}
	sent := func(n Night) *Night { n.ID = uuid.Nil; return &n }
	full, fragment := span(1, 8, 6.5, 1), span(5, 8, 2.5, 2)
	if added := AddNight([]Night{full}, sent(fragment)); added.Write || added.Outcome != Unchanged {
		t.Errorf("a part of the night changes it: %+v", added)
	}
	added := AddNight([]Night{fragment, span(1, 4, 3, 3)}, sent(full))
	if !added.Write || added.Outcome != Updated || added.Night.Total != 6.5 || added.Night.ID != fragment.ID || len(added.Removed) != 2 {
		t.Errorf("the night does not take the place of its parts: %+v", added)
	}
	staged := span(1, 8, Absent(), 2)
	staged.Deep = 1
	added = AddNight([]Night{full}, sent(staged))
	if added.Outcome != Updated || added.Night.Total != 6.5 || added.Night.Deep != 1 || added.Night.FieldOrders == "" {
		t.Errorf("the fields of one span are not merged: %+v", added)
	}
	if added = AddNight([]Night{full}, sent(span(9, 10, 1, 2))); added.Outcome != Inserted || len(added.Removed) > 0 {
		t.Errorf("another sleep is not another: %+v", added)
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
		if changed == cmp.Equal(before, night, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(Night{}, "Order", "FieldOrders", "Date")) {
			t.Fatalf("changed = %v from %+v to %+v", changed, before, night)
		}
		once := night
		if night.MergeFrom(&other) {
			t.Fatalf("merging the same again changes %+v to %+v", once, night)
		}
		earlier, later := inOrder(&before, &other, before.Order, other.Order)
		checkMerged(t, valuesOf(earlier), valuesOf(later), valuesOf(&night))
		if last := max(before.Order, other.Order); night.Order != last {
			t.Fatalf("received %v, want %v", night.Order, last)
		}
		empty := NewNight()
		empty.Order = rapid.SampledFrom([]Instant{0, 9}).Draw(t, "empty received")
		empty.Offset, empty.OffsetChange = night.Offset, night.OffsetChange
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

// valuesOf lists the fields that a later entry may leave out.
func valuesOf(n *Night) []any {
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

// A release before this one merged entries of different spans. The first entry of its span that comes again takes the
// place of such a night.
func TestAddNightReplacesOneOfUnknownOrders(t *testing.T) {
	t.Parallel()
	known := NewNight()
	known.ID, known.Source, known.SleepStart, known.SleepEnd, known.Total, known.Deep = uuid.UUID{1}, "Watch", 1000*Second, 5000*Second, 1, 9
	known.Order, known.FieldOrders = 7, UnknownOrders
	sent := known
	sent.ID, sent.Deep, sent.Order, sent.FieldOrders = uuid.Nil, Absent(), 3, ""
	sent.SetDate()
	added := AddNight([]Night{known}, &sent)
	if n := added.Night; added.Outcome != Updated || n.ID != known.ID || !IsAbsent(n.Deep) || n.Total != 1 || n.Order != 3 || n.FieldOrders != "" {
		t.Errorf("%+v", added)
	}
	sent.Deep = 9
	if added := AddNight([]Night{known}, &sent); added.Outcome != Unchanged || !added.Write || added.Night.FieldOrders != "" {
		t.Errorf("one that is equal: %+v", added)
	}
}
