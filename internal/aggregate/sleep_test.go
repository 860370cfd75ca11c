package aggregate_test

import (
	"slices"
	"strings"
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

var rule = aggregate.SleepRule{Gap: aggregate.DefaultSleepGap}

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
		"a nap that ends in the evening belongs to its day": {
			[]health.Segment{slept(watch, "asleep", -14, -1), slept(watch, "asleep", 1.5, 6.3), slept(watch, "asleep", 11.8, 19)},
			[]sums{{Date: "1970-01-02", Total: 13, Asleep: 13}, {Date: "1970-01-02", Total: 4.8, Asleep: 4.8}, {Date: "1970-01-03", Total: 7.2, Asleep: 7.2}},
		},
		"an evening nap is not joined to an early night": {
			[]health.Segment{slept(watch, "core", 4, 6.3), slept(watch, "core", 8.5, 16)},
			[]sums{{Date: "1970-01-02", Total: 2.3, Core: 2.3}, {Date: "1970-01-03", Total: 7.5, Core: 7.5}},
		},
		"a nap of two parts": {
			[]health.Segment{slept(watch, "core", 2, 2.6), slept(watch, "core", 3, 3.5)},
			[]sums{{Date: "1970-01-02", Total: 1.1, Core: 1.1}},
		},
		"two hours awake in the night": {
			[]health.Segment{slept(watch, "core", 10, 13), slept(watch, "core", 15, 19)},
			[]sums{{Date: "1970-01-03", Total: 7, Core: 7}},
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
			if diff := cmp.Diff(test.want, sumsOf(rule.SumSegments(test.segments)), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("nights (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSumSegmentsUsesTheDayOfWaking(t *testing.T) {
	t.Parallel()
	early := slept(watch, health.StageCore, 4, 10.5) // until 22:30 UTC, which is half past midnight
	early.Offset = 2 * 3600
	night := rule.SumSegments([]health.Segment{early})[0]
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
		for _, night := range rule.SumSegments(segments) {
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

// row returns a row of a night as it was sent, see slept.
func row(source string, from, to float64, set func(*health.Night)) health.Night {
	n := night(source, from, to, set)
	n.SetDate()
	return n
}

func sleptFor(hours float64) func(*health.Night) {
	return func(n *health.Night) { n.Total = hours }
}

func inBedOnly(hours float64) func(*health.Night) {
	return func(n *health.Night) {
		n.InBedStart, n.InBedEnd, n.SleepStart, n.SleepEnd, n.InBed = n.SleepStart, n.SleepEnd, 0, 0, hours
	}
}

func withoutTimes(date health.Date, set func(*health.Night)) func(*health.Night) {
	return func(n *health.Night) { n.SleepStart, n.SleepEnd, n.Date = 0, 0, date; set(n) }
}

func TestJoinNights(t *testing.T) {
	t.Parallel()
	staged := func(core, deep float64) func(*health.Night) {
		return func(n *health.Night) { n.Core, n.Deep = core, deep }
	}
	for name, test := range map[string]struct {
		rows    []health.Night
		want    []sums
		leftOut int
	}{
		"awake for a quarter of an hour": {
			[]health.Night{row(watch, 11.5, 14, sleptFor(2.5)), row(watch, 14.25, 18.5, sleptFor(4))},
			[]sums{{Date: "1970-01-03", Total: 6.5}},
			0,
		},
		"the evening part": {
			[]health.Night{row(watch, 9, 10, sleptFor(0.9)), row(watch, 12.5, 19, sleptFor(6))},
			[]sums{{Date: "1970-01-03", Total: 6.9}},
			0,
		},
		"stages are summed, and are the total": {
			[]health.Night{row(watch, 11, 14, staged(2, 0.5)), row(watch, 15, 19, staged(3, 0.5))},
			[]sums{{Date: "1970-01-03", Total: 6, Core: 5, Deep: 1}},
			0,
		},
		"a nap stays a nap": {
			[]health.Night{row(watch, 10, 17, sleptFor(7)), row(watch, 25, 26, sleptFor(1))},
			[]sums{{Date: "1970-01-03", Total: 7}, {Date: "1970-01-03", Total: 1}},
			0,
		},
		"of overlapping rows the longest": {
			[]health.Night{row(watch, 10, 17, sleptFor(6.5)), row(watch, 11, 19, sleptFor(7.5))},
			[]sums{{Date: "1970-01-03", Total: 7.5}},
			1,
		},
		"of overlapping rows the longest, also of an earlier body": {
			[]health.Night{
				row(watch, 10, 17, func(n *health.Night) { n.Total, n.Order = 6.5, 2 }),
				row(watch, 11, 19, func(n *health.Night) { n.Total, n.Order = 7.5, 1 }),
			},
			[]sums{{Date: "1970-01-03", Total: 7.5}},
			1,
		},
		"ill in bed: no sleep is longer than a day": {
			[]health.Night{
				row(watch, 10, 20, sleptFor(9)), row(watch, 20.5, 23.5, sleptFor(3)), row(watch, 24, 29.5, sleptFor(5)),
				row(watch, 30.2, 33.8, sleptFor(3)), row(watch, 34.5, 42, sleptFor(7)),
			},
			[]sums{{Date: "1970-01-03", Total: 20}, {Date: "1970-01-04", Total: 7}},
			0,
		},
		"a rounded minute is no overlap": {
			[]health.Night{row(watch, 10, 14.01, sleptFor(4)), row(watch, 14, 19, sleptFor(5))},
			[]sums{{Date: "1970-01-03", Total: 9}},
			0,
		},
		"in bed around the sleep": {
			[]health.Night{row(watch, 10, 17, sleptFor(6)), row(watch, 9, 18, inBedOnly(9))},
			[]sums{{Date: "1970-01-03", Total: 6, InBed: 9}},
			0,
		},
		"in bed only": {
			[]health.Night{row(phone, 11.5, 18.5, inBedOnly(7))},
			[]sums{{Date: "1970-01-03", InBed: 7}},
			0,
		},
		"in bed for both parts": {
			[]health.Night{
				row(watch, 11, 14, func(n *health.Night) {
					n.Total, n.InBed, n.InBedStart, n.InBedEnd = 3, 9, n.SleepStart-health.Day/24, n.SleepEnd+health.Day/4
				}),
				row(watch, 15, 19, func(n *health.Night) {
					n.Total, n.InBed, n.InBedStart, n.InBedEnd = 4, 9, n.SleepStart-health.Day/24*5, n.SleepEnd+health.Day/24
				}),
			},
			[]sums{{Date: "1970-01-03", Total: 7, InBed: 9}},
			0,
		},
		"a date adds what is missing": {
			[]health.Night{row(watch, 10, 17, sleptFor(6)), row(watch, 25, 26, sleptFor(1)), row(watch, 1, 2, withoutTimes(2, func(n *health.Night) { n.InBed = 8 }))},
			[]sums{{Date: "1970-01-03", Total: 6, InBed: 8}, {Date: "1970-01-03", Total: 1}},
			0,
		},
		"a date does not change what is there": {
			[]health.Night{row(watch, 10, 17, sleptFor(6)), row(watch, 1, 2, withoutTimes(2, sleptFor(6.5)))},
			[]sums{{Date: "1970-01-03", Total: 6}},
			1,
		},
		"a date beside its nap": {
			[]health.Night{row(watch, 25, 26, sleptFor(1)), row(watch, 1, 2, withoutTimes(2, sleptFor(7)))},
			[]sums{{Date: "1970-01-03", Total: 1}, {Date: "1970-01-03", Total: 7}},
			0,
		},
		"sources are not joined": {
			[]health.Night{row(watch, 10, 14, sleptFor(4)), row(phone, 15, 19, sleptFor(3))},
			[]sums{{Date: "1970-01-03", Total: 4}, {Date: "1970-01-03", Total: 3}},
			0,
		},
		"corrupt nights do not join their neighbours": {
			[]health.Night{row(watch, -20, 20, sleptFor(34.5)), row(watch, 34, 41, sleptFor(7))},
			[]sums{{Date: "1970-01-03", Total: 34.5}, {Date: "1970-01-04", Total: 7}},
			0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			joined := rule.JoinNights(test.rows)
			leftOut, rows := 0, 0
			for _, n := range joined {
				leftOut, rows = leftOut+len(n.LeftOut), rows+len(n.Rows)
			}
			got := sumsOf(aggregate.Nights(joined))
			slices.SortStableFunc(got, func(a, b sums) int { return strings.Compare(a.Date, b.Date) })
			if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(0, 1e-9), cmpopts.SortSlices(func(a, b sums) bool {
				return a.Date < b.Date || a.Date == b.Date && a.Total < b.Total
			})); diff != "" {
				t.Errorf("nights (-want +got):\n%s", diff)
			}
			if leftOut != test.leftOut || leftOut+rows != len(test.rows) {
				t.Errorf("%d rows count, %d are left out, want %d", rows, leftOut, test.leftOut)
			}
		})
	}
}

func TestJoinedNightSpansItsRows(t *testing.T) {
	t.Parallel()
	first, second := row(watch, 11, 14, sleptFor(3)), row(watch, 15, 19, sleptFor(4))
	first.Offset, second.Offset, second.OffsetChange = -4*3600, -5*3600, 0
	got := rule.JoinNights([]health.Night{second, first})[0]
	if got.SleepStart != first.SleepStart || got.SleepEnd != second.SleepEnd || got.StartOffset() != first.Offset || got.Offset != second.Offset || got.ID != first.ID {
		t.Errorf("the night is %+v", got.Night)
	}
}

// The answer does not depend on the order of the rows. Every row is in one night, and no sleep is longer than its span.
func TestJoinNightsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gap := aggregate.SleepRule{Gap: health.Instant(rapid.IntRange(0, 6).Draw(t, "gap")) * 3600 * health.Second}
		var rows []health.Night
		for i := range rapid.IntRange(1, 8).Draw(t, "count") {
			from := float64(rapid.IntRange(-6, 30).Draw(t, "from"))
			length := float64(rapid.IntRange(1, 9).Draw(t, "length"))
			set := sleptFor(length - 0.5)
			switch rapid.SampledFrom([]string{"sleep", "sleep", "in bed", "date"}).Draw(t, "kind") {
			case "in bed":
				set = inBedOnly(length)
			case "date":
				set = withoutTimes(health.Date(2+i), sleptFor(length)) // a store has one of each date
			}
			n := row(rapid.SampledFrom([]string{watch, phone}).Draw(t, "source"), from, from+length, set)
			n.ID, n.Order = uuid.UUID{byte(i + 1)}, health.Instant(i)
			rows = append(rows, n)
		}
		joined := gap.JoinNights(slices.Clone(rows))
		again := gap.JoinNights(rapid.Permutation(rows).Draw(t, "order"))
		if diff := cmp.Diff(joined, again, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
		seen := map[uuid.UUID]bool{}
		for _, n := range joined {
			for _, r := range slices.Concat(n.Rows, n.LeftOut) {
				if seen[r.ID] || r.Source != n.Source {
					t.Fatalf("%s is in two nights, or in another source's", r.ID)
				}
				seen[r.ID] = true
			}
			if start, end, ok := n.Span(); ok && n.Total > float64(end-start)/float64(3600*health.Second) {
				t.Fatalf("%v h of sleep from %s to %s", n.Total, start, end)
			}
		}
		if len(seen) != len(rows) {
			t.Fatalf("%d of %d rows are in a night", len(seen), len(rows))
		}
	})
}
