package aggregate_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// made returns a sample of a body that was made at a minute.
func made(s health.Sample, minute int) health.Sample {
	s.AsOf, s.Order = minutes(minute), minutes(minute)
	return s
}

// spoken returns what a body spoke for: buckets of a grain from one minute to another, without those in gaps.
func spoken(grain health.Grain, from, to, asOf int, gaps ...int) health.Span {
	s := health.Span{
		Grain: grain, Interval: health.Interval{From: minutes(from), To: minutes(to)}, AsOf: minutes(asOf), Order: minutes(asOf),
	}
	for _, gap := range gaps {
		s.Gaps = append(s.Gaps, health.Interval{From: minutes(gap), To: minutes(gap) + health.Instant(grain)*health.Second})
	}
	return s
}

// summedUp returns the first day of the samples.
func summedUp(t interface{ Fatal(...any) }, rule aggregate.Rule, said []health.Span, samples ...health.Sample) aggregate.DaySummary {
	passed := 0
	from := reading(samples, &passed)
	from.Spans = func(health.Interval) ([]health.Span, error) { return said, nil }
	days, _, err := rule.SumUpDays([]health.Date{day0}, from)
	if err != nil {
		t.Fatal(err)
	}
	if len(days) == 0 {
		return aggregate.DaySummary{}
	}
	return days[0]
}

const hourMinutes, dayMinutes, late = 60, 1440, 10 * 1440

func hourOf(hour int, value float64, asOf int) health.Sample {
	return made(summary(health.GrainHour, merged, hour*hourMinutes, value), asOf)
}

func dayOf(value float64, asOf int) health.Sample {
	return made(summary(health.GrainDay, merged, 0, value), asOf)
}

func minuteOf(minute int, value float64, asOf int) health.Sample {
	return made(summary(health.GrainMinute, merged, minute, value), asOf)
}

func readingOf(source string, from, to int, value float64, asOf int) health.Sample {
	return made(at(source, from, to, value), asOf)
}

// An entry of a person counts whenever it was entered, beside summaries that were final before.
func TestLateEntries(t *testing.T) {
	t.Parallel()
	rule := cumulative
	rule.UserEntered = true
	said := []health.Span{spoken(health.GrainMinute, 0, dayMinutes, 2*dayMinutes)}
	minutesSaid := []health.Sample{minuteOf(10, 200, 2*dayMinutes), minuteOf(30, 450, 2*dayMinutes)}
	entry := func(minute int, value float64) health.Sample { return readingOf("Health", minute, minute, value, late) }
	for name, test := range map[string]struct {
		samples []health.Sample
		want    float64
	}{
		"an entry in a minute of which nothing was said": {append(minutesSaid, entry(20, 100)), 750},
		"the entries that were said, and one more":       {append(minutesSaid, entry(10, 200), entry(20, 100), entry(30, 450)), 750},
		"one more in a minute that was said":             {append(minutesSaid, entry(30, 450), entry(30, 100)), 750},
		"one of two of a minute":                         {append(minutesSaid, entry(30, 400)), 650},
		"one more than the final day has":                {append(minutesSaid, dayOf(650, 2*dayMinutes), entry(10, 200), entry(20, 100), entry(30, 450)), 750},
		"some of what the final day has":                 {[]health.Sample{dayOf(650, 2*dayMinutes), entry(30, 450)}, 650},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := summedUp(t, rule, said, test.samples...); got.Values.Sum != test.want {
				t.Errorf("got %v, want %v", got.Values.Sum, test.want)
			}
		})
	}
}

// A reading that the summary of its minute is made of does not hold a second time after it.
func TestReadingsOfAMinute(t *testing.T) {
	t.Parallel()
	rule := aggregate.Rule{Style: catalog.StyleTimeWeighted, Hold: 40 * health.Second}
	rest, run := minuteOf(10, 60, late), minuteOf(30, 140, late)
	rest.Min, rest.Max, run.Min, run.Max = 60, 60, 130, 150
	inRest, inRun := readingOf(watch, 10, 10, 60, late), readingOf(watch, 30, 30, 135, late)
	for _, s := range []*health.Sample{&inRest, &inRun} {
		s.Start += 37 * health.Second
		s.End = s.Start
	}
	want := summedUp(t, rule, nil, rest, run).Values
	if got := summedUp(t, rule, nil, rest, inRest, run, inRun).Values; got.Mean() != want.Mean() || got.Weight != want.Weight {
		t.Errorf("got a mean of %v over %v s, want %v over %v s", got.Mean(), got.Weight, want.Mean(), want.Weight)
	}
	inRest.Value = 90 // of which the minute knew nothing
	if got := summedUp(t, rule, nil, rest, inRest, run).Values; got.Weight <= want.Weight {
		t.Errorf("a new reading counts for no time: %v s", got.Weight)
	}
}

// A day of which there is only its summary has what that says, of two values as of one.
func TestDayOfBloodPressure(t *testing.T) {
	t.Parallel()
	s := dayOf(math.NaN(), late)
	s.Systolic, s.Diastolic = 121, 79
	got := summedUp(t, aggregate.Rule{}, nil, s)
	if got.Count != 1 || got.Systolic.Mean() != 121 || got.Diastolic.Mean() != 79 || !got.Settled {
		t.Errorf("got %+v", got.Aggregate)
	}
}

func TestSumsOfADay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		samples  []health.Sample
		said     []health.Span
		want     float64
		unplaced float64
		settled  bool
	}{
		"minutes until noon and hours from then on are added": {
			samples: []health.Sample{minuteOf(10, 4000, 720), hourOf(13, 4000, late)}, want: 8000,
		},
		"a final day is the answer, even if its minutes are more": {
			samples: []health.Sample{minuteOf(10, 12_500, 600), dayOf(10_000, late)}, want: 10_000, settled: true,
		},
		"a day that was made within the hour after its end is not final": {
			samples: []health.Sample{hourOf(23, 300, dayMinutes+40), dayOf(200, dayMinutes+30)}, want: 300,
		},
		"a day at noon says nothing of the afternoon": {
			samples: []health.Sample{dayOf(5000, 720), hourOf(15, 1200, late)}, want: 6200, unplaced: 5000,
		},
		"older minutes that are more than a day do not count besides it": {
			samples: []health.Sample{minuteOf(600, 5500, 700), dayOf(5000, 720)}, want: 5000, unplaced: -500,
		},
		"newer hours that cover the time of a day count in its place, though less": {
			samples: []health.Sample{dayOf(5000, 720), hourOf(9, 4800, 840)},
			said:    []health.Span{spoken(health.GrainHour, 0, 840, 840, 60, 120)}, want: 4800,
		},
		"newer minutes of a part of its time are not all of it": {
			samples: []health.Sample{dayOf(5000, 720), minuteOf(715, 90, 780)},
			said:    []health.Span{spoken(health.GrainMinute, 715, 716, 780)}, want: 5000, unplaced: 4910,
		},
		"readings that are more than an unfinished day count": {
			samples: []health.Sample{dayOf(5000, 720), readingOf(watch, 600, 610, 6000, 900)}, want: 6000,
		},
		"an hour that a later body leaves out is zero": {
			samples: []health.Sample{hourOf(8, 500, 600), hourOf(9, 100, 600), hourOf(10, 100, 700)},
			said:    []health.Span{spoken(health.GrainHour, 480, 600, 600), spoken(health.GrainHour, 480, 660, 700, 540)}, want: 600,
		},
		"a final zero is a zero": {
			samples: []health.Sample{hourOf(8, 100, late), hourOf(10, 100, late), minuteOf(545, 40, 600)},
			said:    []health.Span{spoken(health.GrainHour, 480, 660, late, 540)}, want: 200,
		},
		"an hour at half past is shared by the hours of the clock": {
			samples: []health.Sample{made(summary(health.GrainHour, merged, 1410, 100), late)}, want: 50,
		},
		"the clock of a phone that is ahead loses nothing": {
			samples: []health.Sample{minuteOf(600, 70, 590)}, want: 70,
		},
		"condensed records replace the short ones": {
			samples: []health.Sample{
				readingOf(watch, 600, 601, 1, 700), readingOf(watch, 601, 602, 1, 700), readingOf(watch, 603, 604, 1, 700),
				readingOf(watch, 600, 602, 2, late),
			}, want: 3,
		},
		"a point without a length is the record that begins with it": {
			samples: []health.Sample{readingOf(watch, 600, 600, 50, 700), readingOf(watch, 600, 602, 50, 690)}, want: 50,
		},
		"a session that a minute has whole": {
			samples: []health.Sample{readingOf(app, 600, 615, 15, 700), minuteOf(600, 15, 800)}, want: 15,
		},
		"readings without their length beside minutes": {
			samples: []health.Sample{
				readingOf(watch, 658, 658, 2, 900), minuteOf(658, 1, 900), minuteOf(659, 0.5, 900), minuteOf(660, 0.5, 900),
			}, want: 2,
		},
		"an hour sent again after a journey": {
			samples: []health.Sample{
				minuteOf(600, 70, 610), func() health.Sample { s := hourOf(10, 70, late); s.Offset = 50_400; return s }(),
			}, want: 70,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := summedUp(t, cumulative, test.said, test.samples...)
			if math.Abs(got.Values.Sum-test.want) > 1e-9 || math.Abs(got.Unplaced-test.unplaced) > 1e-9 || got.Settled != test.settled {
				t.Errorf("the day is %v, unplaced %v, final %v; want %v, %v, %v",
					got.Values.Sum, got.Unplaced, got.Settled, test.want, test.unplaced, test.settled)
			}
		})
	}
}

func TestMeansOfADay(t *testing.T) {
	t.Parallel()
	rate := aggregate.Rule{Style: catalog.StyleTimeWeighted, Hold: 40 * health.Second, SettlingDay: cumulative.SettlingDay}
	var run []health.Sample
	for minute := 0; minute < dayMinutes; minute += 5 {
		run = append(run, readingOf(watch, minute, minute, 60, late))
	}
	for second := 0; second < 3600; second += 5 {
		s := readingOf(watch, 600, 600, 150, late)
		s.Start += health.Instant(second) * health.Second
		s.End = s.Start
		run = append(run, s)
	}
	run = slices.DeleteFunc(run, func(s health.Sample) bool {
		return s.Value == 60 && s.Start >= minutes(600) && s.Start < minutes(660)
	})
	if got := summedUp(t, rate, nil, run...); math.Abs(got.Values.Mean()-82) > 1 || got.Values.Max != 150 || got.Settled {
		t.Errorf("a day with a run has a mean of %v and a maximum of %v", got.Values.Mean(), got.Values.Max)
	}
	final := dayOf(63.75, late)
	final.Min, final.Max = 60, 150
	if got := summedUp(t, rate, nil, append(run, final)...); got.Values.Mean() != 63.75 || !got.Settled || got.Values.Max != 150 {
		t.Errorf("HealthKit's own mean is answered by %v", got.Values.Mean())
	}
	var loud []health.Sample
	for hour := range 24 {
		level := 60.0
		if hour == 12 {
			level = 100
		}
		loud = append(loud, hourOf(hour, level, late))
	}
	level := aggregate.Rule{Style: catalog.StyleEquivalentLevel, Hold: 40 * health.Second}
	if got := summedUp(t, level, nil, loud...); math.Abs(got.Values.Mean()-86.21) > 0.01 || got.Values.Weight != 86_400 {
		t.Errorf("an hour of 100 dB makes %v over %v s", got.Values.Mean(), got.Values.Weight)
	}
}

// genDayOfSteps draws what bodies say of one day, with what they spoke for.
var genDayOfSteps = rapid.Custom(func(t *rapid.T) (d struct {
	samples []health.Sample
	said    []health.Span
},
) {
	for i := range rapid.IntRange(1, 4).Draw(t, "bodies") {
		asOf := rapid.IntRange(1, 3*dayMinutes).Draw(t, "made")
		grain := rapid.SampledFrom([]health.Grain{health.GrainRaw, health.GrainMinute, health.GrainHour, health.GrainDay}).Draw(t, "grain")
		length := max(1, int(grain)/60)
		keys := rapid.SliceOfNDistinct(rapid.IntRange(0, max(0, min(asOf, dayMinutes-1)/length)), 1, 6, rapid.ID[int]).Draw(t, "buckets")
		slices.Sort(keys)
		span := health.Span{Grain: grain, Order: minutes(asOf) + health.Instant(i), AsOf: minutes(asOf)}
		for _, key := range keys {
			s := made(summary(grain, merged, key*length, float64(rapid.IntRange(0, 50).Draw(t, "value"))), asOf)
			s.Order = span.Order
			if grain == health.GrainRaw {
				s.Source = rapid.SampledFrom([]string{watch, phone}).Draw(t, "source")
				s.End = s.Start + minutes(rapid.IntRange(0, 30).Draw(t, "length"))
			} else if span.To > 0 && s.Start > span.To {
				span.Gaps = append(span.Gaps, health.Interval{From: span.To, To: s.Start})
			}
			if span.To == 0 {
				span.From = s.Start
			}
			span.To = s.Start + minutes(length)
			d.samples = append(d.samples, s)
		}
		if grain > health.GrainRaw {
			d.said = append(d.said, span)
		}
	}
	// What a store keeps: of one key the sample with the greatest order.
	slices.SortStableFunc(d.samples, func(a, b health.Sample) int { return int(max(-1, min(1, b.Order-a.Order))) })
	seen := map[health.SampleKey]bool{}
	d.samples = slices.DeleteFunc(d.samples, func(s health.Sample) bool {
		again := seen[s.Key()]
		seen[s.Key()] = true
		return again
	})
	return d
})

// The laws of counting.md.
func TestLawsOfSums(t *testing.T) {
	t.Parallel()
	hours := func(day aggregate.DaySummary) (sum float64) {
		for _, h := range day.Hours {
			sum += h.Values.Sum
		}
		return sum
	}
	t.Run("a day is the sum of its hours and what is unplaced, unless it is final", rapid.MakeCheck(func(t *rapid.T) {
		d := genDayOfSteps.Draw(t, "day")
		got := summedUp(t, cumulative, d.said, d.samples...)
		if !got.Settled && math.Abs(got.Values.Sum-hours(got)-got.Unplaced) > 1e-6 {
			t.Fatalf("%v is not %v + %v", got.Values.Sum, hours(got), got.Unplaced)
		}
	}))
	t.Run("the order of bodies and spans in memory makes no difference", rapid.MakeCheck(func(t *rapid.T) {
		d := genDayOfSteps.Draw(t, "day")
		want := summedUp(t, cumulative, d.said, d.samples...)
		slices.Reverse(d.said)
		if got := summedUp(t, cumulative, d.said, d.samples...); !got.SameDay(&want) {
			t.Fatalf("%v, in another order %v", want.Values.Sum, got.Values.Sum)
		}
	}))
	t.Run("finer data that agrees changes nothing", rapid.MakeCheck(func(t *rapid.T) {
		asOf := rapid.IntRange(60, 3*dayMinutes).Draw(t, "made")
		hour := rapid.IntRange(0, min(asOf, dayMinutes)/60-1).Draw(t, "hour")
		value := float64(rapid.IntRange(0, 500).Draw(t, "value"))
		samples := []health.Sample{hourOf(hour, value, asOf)}
		want := summedUp(t, cumulative, nil, samples...).Values.Sum
		share := float64(rapid.IntRange(0, 100).Draw(t, "percent")) / 100
		samples = append(samples, minuteOf(hour*60+5, value*share, asOf), minuteOf(hour*60+40, value*(1-share), asOf))
		if got := summedUp(t, cumulative, nil, samples...).Values.Sum; math.Abs(got-want) > 1e-6 {
			t.Fatalf("%v, with its minutes %v", want, got)
		}
	}))
}
