package aggregate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// slept returns a segment whose times are hours after noon of 1970-01-02 (UTC).
func slept(source string, stage health.Stage, from, to float64) health.Segment {
	hour := func(h float64) health.Instant { return health.Day*3/2 + health.Instant(h*3600)*health.Second }
	return health.Segment{Source: source, Stage: stage, Start: hour(from), End: hour(to)}
}

// sums are the expected durations of a night in hours, 0 for absent.
type sums struct {
	Date                                         string
	Total, Asleep, Core, Deep, REM, Awake, InBed float64
}

func sumsOf(nights []health.Night) []sums {
	zero := func(h float64) float64 {
		if health.IsAbsent(h) {
			return 0
		}
		return h
	}
	var all []sums
	for _, n := range nights {
		all = append(all, sums{
			n.Date.String(), zero(n.Total), zero(n.Asleep), zero(n.Core), zero(n.Deep), zero(n.REM), zero(n.Awake), zero(n.InBed),
		})
	}
	return all
}

func TestSumSegments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		segments []health.Segment
		want     []sums
	}{
		"stages": {
			[]health.Segment{slept(watch, "core", 10, 14), slept(watch, "deep", 14, 15), slept(watch, "awake", 15, 15.5), slept(watch, "rem", 15.5, 17.5)},
			[]sums{{Date: "1970-01-03", Total: 7, Core: 4, Deep: 1, REM: 2, Awake: 0.5}},
		},
		"in bed is apart": {
			[]health.Segment{slept(phone, "in_bed", 9, 18), slept(phone, "asleep", 10, 17)},
			[]sums{{Date: "1970-01-03", Total: 7, Asleep: 7, InBed: 9}},
		},
		"the whole night as asleep besides its stages": {
			[]health.Segment{slept(watch, "asleep", 10, 18), slept(watch, "core", 10, 13), slept(watch, "awake", 13, 14), slept(watch, "rem", 14, 16)},
			[]sums{{Date: "1970-01-03", Total: 7, Asleep: 2, Core: 3, REM: 2, Awake: 1}},
		},
		"overlapping records count once": {
			[]health.Segment{slept(app, "asleep", 10, 14), slept(app, "asleep", 11, 15), slept(app, "asleep", 12, 13), slept(app, "asleep", 10, 14)},
			[]sums{{Date: "1970-01-03", Total: 5, Asleep: 5}},
		},
		"a nap is another stretch": {
			[]health.Segment{slept(watch, "core", 1, 2), slept(watch, "core", 10, 17)},
			[]sums{{Date: "1970-01-02", Total: 1, Core: 1}, {Date: "1970-01-03", Total: 7, Core: 7}},
		},
		"a fragment before midnight belongs to the night after it": {
			[]health.Segment{slept(watch, "core", 8, 9), slept(watch, "core", 13, 19)},
			[]sums{{Date: "1970-01-03", Total: 1, Core: 1}, {Date: "1970-01-03", Total: 6, Core: 6}},
		},
		"a nap of the afternoon belongs to its day": {
			[]health.Segment{slept(watch, "core", 4, 5.9)},
			[]sums{{Date: "1970-01-02", Total: 1.9, Core: 1.9}},
		},
		"sources are not mixed": {
			[]health.Segment{slept(watch, "core", 10, 17), slept(app, "asleep", 10, 18)},
			[]sums{{Date: "1970-01-03", Total: 7, Core: 7}, {Date: "1970-01-03", Total: 8, Asleep: 8}},
		},
		"only in bed": {
			[]health.Segment{slept(phone, "in_bed", 9, 18)},
			[]sums{{Date: "1970-01-03", InBed: 9}},
		},
		"a fortnight in bed does not join its nights": {
			[]health.Segment{slept(phone, "in_bed", 10, 346), slept(phone, "core", 10, 17), slept(phone, "core", 34, 41)},
			[]sums{{Date: "1970-01-03", Total: 7, Core: 7, InBed: 336}, {Date: "1970-01-04", Total: 7, Core: 7}},
		},
		"nothing to count": {
			[]health.Segment{slept(watch, "Leichtschlaf", 10, 17), slept(watch, "core", 17, 17)},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, sumsOf(aggregate.SumSegments(test.segments)), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("nights (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSumSegmentsUsesTheDayOfWaking(t *testing.T) {
	t.Parallel()
	early := slept(watch, health.StageCore, 4, 10.5) // until 22:30 UTC, which is half past midnight
	early.Offset = 2 * 3600
	night := aggregate.SumSegments([]health.Segment{early})[0]
	if night.Date.String() != "1970-01-03" || night.Offset != early.Offset {
		t.Errorf("date %s, offset %d", night.Date, night.Offset)
	}
}

func TestSumSegmentsNeverExceedsTheSpan(t *testing.T) {
	t.Parallel()
	stages := []health.Stage{"in_bed", "asleep", "core", "deep", "rem", "awake"}
	rapid.Check(t, func(t *rapid.T) {
		var segments []health.Segment
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			from := rapid.IntRange(0, 48).Draw(t, "from")
			length := rapid.IntRange(0, 8).Draw(t, "length")
			segments = append(segments, slept(watch, rapid.SampledFrom(stages).Draw(t, "stage"), float64(from), float64(from+length)))
		}
		for _, night := range aggregate.SumSegments(segments) {
			slept := sumsOf([]health.Night{night})[0]
			span := float64(night.SleepEnd-night.SleepStart) / float64(3600*health.Second)
			if slept.Total+slept.Awake > span+1e-9 {
				t.Fatalf("%v h asleep and %v h awake in %v h", slept.Total, slept.Awake, span)
			}
			if parts := slept.Asleep + slept.Core + slept.Deep + slept.REM; parts < slept.Total-1e-9 || parts > slept.Total+1e-9 {
				t.Fatalf("the stages make %v h, the total is %v h", parts, slept.Total)
			}
		}
	})
}

func night(source string, from, to float64, set func(*health.Night)) health.Night {
	n := health.NewNight()
	segment := slept(source, health.StageAsleep, from, to)
	n.ID = uuid.UUID{byte(from), byte(to)}
	n.Source, n.Date, n.SleepStart, n.SleepEnd = source, 1, segment.Start, segment.End
	set(&n)
	return n
}

func TestMainSleep(t *testing.T) {
	t.Parallel()
	staged := func(n *health.Night) { n.Total, n.Core = 7, 7 }
	plain := func(n *health.Night) { n.Total, n.Asleep = 8, 8 }
	inBed := func(n *health.Night) { n.InBed = 336 }
	for name, test := range map[string]struct {
		nights []health.Night
		main   int
		naps   []int
	}{
		"the nap does not replace the night":  {[]health.Night{night(watch, 10, 17, staged), night(watch, 25, 26, staged)}, 0, []int{1}},
		"stages before none":                  {[]health.Night{night(merged, 10, 18, plain), night("Oura", 10, 17, staged)}, 1, nil},
		"the better of equal sources":         {[]health.Night{night(phone, 10, 17, staged), night(watch, 10, 17, staged)}, 1, nil},
		"long in bed is no sleep":             {[]health.Night{night(phone, 1, 40, inBed), night(phone, 10, 17, plain)}, 1, []int{0}},
		"only in bed is better than no night": {[]health.Night{night(phone, 10, 18, inBed)}, 0, nil},
		"two alike: the earlier":              {[]health.Night{night(phone, 20, 22, plain), night(phone, 10, 12, plain)}, 1, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			main, naps, ok := aggregate.Ranking{}.MainSleep(test.nights)
			if !ok || main.ID != test.nights[test.main].ID {
				t.Errorf("%v answers, want %v", main.SleepStart, test.nights[test.main].SleepStart)
			}
			var got []int
			for _, nap := range naps {
				for i := range test.nights {
					if test.nights[i].ID == nap.ID {
						got = append(got, i)
					}
				}
			}
			if diff := cmp.Diff(test.naps, got); diff != "" {
				t.Errorf("naps (-want +got):\n%s", diff)
			}
			if aggregate.IsNap(&test.nights[test.main], test.nights) {
				t.Error("the night itself is a nap")
			}
		})
	}
	none := aggregate.Ranking{}
	if _, _, ok := none.MainSleep(nil); ok {
		t.Error("there is a night among none")
	}
}
