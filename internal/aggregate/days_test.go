package aggregate_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// reading returns a read function for SumUpDays that yields the samples in a window, as a store does, and counts them.
func reading(samples []health.Sample, passed *int) aggregate.Reader {
	ordered := slices.Clone(samples)
	slices.SortFunc(ordered, func(a, b health.Sample) int {
		return cmp.Or(cmp.Compare(a.KeyTime(), b.KeyTime()), cmp.Compare(a.Grain, b.Grain), cmp.Compare(a.End, b.End),
			cmp.Compare(a.Source, b.Source))
	})
	return aggregate.Reader{Spans: noSpans, Samples: func(w aggregate.Window, add func(*health.Sample)) error {
		for _, s := range ordered {
			at, within := s.KeyTime(), w.Raw
			if s.Grain > health.GrainRaw {
				length := health.Instant(s.Grain) * health.Second
				within = w.Summaries
				within.From, within.To = within.From-length, within.To+length
			}
			if within.From <= at && at < within.To {
				*passed++
				add(&s)
			}
		}
		return nil
	}}
}

func noSpans(health.Interval) ([]health.Span, error) { return nil, nil }

func sumUp(t interface{ Fatal(...any) }, rule aggregate.Rule, dates []health.Date, samples []health.Sample) ([]aggregate.DaySummary, []health.Date) {
	passed := 0
	days, done, err := rule.SumUpDays(dates, reading(samples, &passed))
	if err != nil {
		t.Fatal(err)
	}
	return days, done
}

func totals(days []aggregate.DaySummary) (lines []string) {
	for _, d := range days {
		lines = append(lines, fmt.Sprintf("%s %v by %d of %v", d.Date, d.Values.Sum, d.Grain, d.Sources))
	}
	return lines
}

var cumulative = aggregate.Rule{Style: catalog.StyleCumulative, SettlingDay: 60 * 60 * health.Second, SettlingShorter: 12 * 60 * 60 * health.Second}

// day0 is the first day of the tests, whose minutes are counted from its midnight in UTC.
const day0 = health.Date(0)

func TestSumUpDays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule    aggregate.Rule
		dates   []health.Date
		samples []health.Sample
		want    []string
		done    int
	}{
		"a day without samples has no summary": {cumulative, []health.Date{day0}, nil, nil, 1},
		"a sample is shared by the days it was recorded on": {
			cumulative,
			[]health.Date{day0, day0 + 1},
			[]health.Sample{at(phone, 1430, 1450, 10)},
			[]string{"1970-01-01 5 by 0 of [" + phone + "]", "1970-01-02 5 by 0 of [" + phone + "]"},
			2,
		},
		"one that is covered after midnight counts before it": {
			cumulative,
			[]health.Date{day0 + 1},
			[]health.Sample{at(phone, 1430, 1450, 20), at(watch, 1440, 1460, 7)},
			[]string{"1970-01-02 7 by 0 of [" + watch + "]"},
			1,
		},
		"a neighbour that is apart does not": {
			cumulative,
			[]health.Date{day0},
			[]health.Sample{at(watch, 1430, 1440, 30), at(phone, 1440, 1460, 7)},
			[]string{"1970-01-01 30 by 0 of [" + watch + "]"},
			1,
		},
		"a sample of a week silences others for a day only": {
			cumulative,
			[]health.Date{day0 + 2},
			[]health.Sample{at(watch, 0, 7*1440, 7), at(phone, 2*1440+60, 2*1440+70, 5)},
			[]string{"1970-01-03 5 by 0 of [" + phone + "]"},
			1,
		},
		"weeks are no part of a day": {
			cumulative, []health.Date{day0}, []health.Sample{summary(health.GrainWeek, merged, 0, 900)}, nil, 1,
		},
		"the person's order decides": {
			aggregate.Rule{Style: catalog.StyleCumulative, Ranking: aggregate.SourceOrder{Sources: []string{"anna's  IPHONE"}}.For("step_count")},
			[]health.Date{day0},
			[]health.Sample{at(watch, 0, 10, 9), at(phone, 0, 10, 6)},
			[]string{"1970-01-01 6 by 0 of [" + phone + "]"},
			1,
		},
		"means know no neighbours": {
			aggregate.Rule{},
			[]health.Date{day0},
			[]health.Sample{at(watch, 1430, 1450, 60), at(phone, 1435, 1455, 70), at(watch, 1441, 1442, 99)},
			[]string{"1970-01-01 130 by 0 of [" + watch + " " + phone + "]"},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			days, done := sumUp(t, test.rule, test.dates, test.samples)
			if diff := gocmp.Diff(test.want, totals(days)); diff != "" || len(done) != test.done {
				t.Errorf("%d days were worked out, want %d (-want +got):\n%s", len(done), test.done, diff)
			}
		})
	}
}

// Days that are recomputed after each new sample equal days that are computed at once.
func TestSumUpDaysInStepsEqualsAtOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rule := genRule.Draw(t, "rule")
		samples := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) health.Sample {
			from := rapid.IntRange(0, 6*1440).Draw(t, "from")
			s := at(rapid.SampledFrom([]string{watch, phone, merged}).Draw(t, "source"), from,
				from+rapid.SampledFrom([]int{0, 10, 90, 1000, 5000}).Draw(t, "length"), float64(rapid.IntRange(1, 99).Draw(t, "value")))
			s.Offset = rapid.SampledFrom([]int32{0, 7200, -36_000, 50_400}).Draw(t, "offset")
			if rapid.Bool().Draw(t, "is a summary") {
				s.Grain, s.End = rapid.SampledFrom([]health.Grain{60, 3600, health.GrainDay}).Draw(t, "grain"), s.Start
				s.PerSource = rapid.Bool().Draw(t, "per source")
			}
			s.AsOf = s.Start + health.Instant(rapid.IntRange(0, 60).Draw(t, "made"))*3600*health.Second
			s.Order = s.AsOf
			return s
		}), 1, 40, func(s health.Sample) health.SampleKey { return s.Key() }).Draw(t, "samples")
		known := map[health.Date]aggregate.DaySummary{}
		all := map[health.Date]bool{}
		for i := range samples {
			var changes aggregate.Changes
			changes.See(&samples[i])
			days, done := sumUp(t, rule, changes.Dates, samples[:i+1])
			for _, date := range done {
				delete(known, date)
			}
			for _, d := range days {
				known[d.Date] = d
			}
			for _, date := range changes.Dates {
				all[date] = true
			}
		}
		dates := make([]health.Date, 0, len(all))
		for date := range all {
			dates = append(dates, date)
		}
		slices.Sort(dates)
		want, _ := sumUp(t, rule, dates, samples)
		got := make([]aggregate.DaySummary, 0, len(known))
		for _, d := range known {
			got = append(got, d)
		}
		slices.SortFunc(got, func(a, b aggregate.DaySummary) int { return cmp.Compare(a.Date, b.Date) })
		same := gocmp.Comparer(func(a, b aggregate.DaySummary) bool { return a.Date == b.Date && a.SameDay(&b) })
		if diff := gocmp.Diff(want, got, same, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("days (-at once +by and by):\n%s", diff)
		}
	})
}

var genRule = rapid.Custom(func(t *rapid.T) aggregate.Rule {
	return aggregate.Rule{
		Style: rapid.SampledFrom([]catalog.Style{
			catalog.StyleCumulative, catalog.StyleCumulative, catalog.StyleArithmetic, catalog.StyleTimeWeighted, catalog.StyleEquivalentLevel,
		}).Draw(t, "style"),
		Hold: 40 * health.Second, SettlingDay: 3600 * health.Second, SettlingShorter: 12 * 3600 * health.Second,
	}
})

// What is read for a day does not grow with the samples of other days.
func TestSumUpDaysReadsAWindow(t *testing.T) {
	t.Parallel()
	var samples []health.Sample
	for i := range 400 * 24 {
		samples = append(samples, at(phone, 60*i, 60*i+30, 1))
	}
	passed := 0
	days, _, err := cumulative.SumUpDays([]health.Date{200}, reading(samples, &passed))
	if err != nil || len(days) != 1 || days[0].Count != 24 || passed > 6*24 {
		t.Errorf("%d samples were read for %v, error %v", passed, totals(days), err)
	}
}

func TestSourceOrder(t *testing.T) {
	t.Parallel()
	order := aggregate.SourceOrder{Sources: []string{app, "  anna's iphone"}, Metrics: map[string][]string{"heart_rate": {}, "sleep_analysis": {phone}}}
	for metric, want := range map[string][]string{
		"step_count":     {app, phone, merged, watch},
		"heart_rate":     {merged, watch, phone, app}, // an empty list is an order too: the standard one
		"sleep_analysis": {phone, merged, watch, app},
	} {
		got := []string{watch, app, merged, phone}
		slices.SortFunc(got, order.For(metric).Compare)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", metric, diff)
		}
	}
	if err := order.Check(); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]aggregate.SourceOrder{
		"nameless": {Sources: []string{" "}},
		"twice":    {Metrics: map[string][]string{"step_count": {"Watch", "WATCH"}}},
		"too many": {Sources: make([]string, 201)},
	} {
		if err := bad.Check(); problem.KindOf(err) != problem.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMainSleepByThePersonsOrder(t *testing.T) {
	t.Parallel()
	night := func(source string, deep, total, inBed float64) health.Night {
		n := health.NewNight()
		n.Source, n.Deep, n.Total, n.InBed = source, deep, total, inBed
		return n
	}
	stages, sleep, bed := night(watch, 1, 7, 8), night("Ring", health.Absent(), 7.5, 8), night("Mat", health.Absent(), health.Absent(), 9)
	ranking := aggregate.SourceOrder{Sources: []string{"Mat", "Ring"}}.For("sleep_analysis")
	if got, _, _ := ranking.MainSleep([]health.Night{stages, sleep, bed}); got.Source != "Ring" {
		t.Errorf("%s answers, want the ring: it is listed, and the mat has no sleep", got.Source)
	}
	if got, _, _ := (aggregate.Ranking{}).MainSleep([]health.Night{stages, sleep, bed}); got.Source != watch {
		t.Errorf("%s answers, want the watch, which knows stages", got.Source)
	}
}
