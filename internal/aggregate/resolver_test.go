package aggregate_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

const (
	watch  = "Anna's Apple Watch"
	phone  = "Anna’s iPhone"
	merged = "Anna's Apple Watch|Anna’s iPhone"
	app    = "Pedometer"
)

func TestCompareSources(t *testing.T) {
	t.Parallel()
	want := []string{merged, watch, "Watch 2", phone, "Headphone Meter", "Oura", app}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, aggregate.CompareSources)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("order of sources (-want +got):\n%s", diff)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	const berlin = 3600
	start := func(text string) health.Instant {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return health.InstantOf(at)
	}
	for name, test := range map[string]struct {
		sample   health.Sample
		from, to string
	}{
		"moment":             {health.Sample{Start: start("2026-02-01T10:00:05+01:00"), End: start("2026-02-01T10:00:05+01:00")}, "2026-02-01T10:00:05+01:00", "2026-02-01T10:00:05+01:00"},
		"raw":                {health.Sample{Start: start("2026-02-01T10:00:05+01:00"), End: start("2026-02-01T10:07:00+01:00")}, "2026-02-01T10:00:05+01:00", "2026-02-01T10:07:00+01:00"},
		"ends before it has": {health.Sample{Start: start("2026-02-01T10:00:05+01:00"), End: start("2026-02-01T09:00:00+01:00")}, "2026-02-01T10:00:05+01:00", "2026-02-01T10:00:05+01:00"},
		"minute":             {health.Sample{Grain: health.GrainMinute, Start: start("2026-02-01T08:18:28+01:00")}, "2026-02-01T08:18:28+01:00", "2026-02-01T08:19:28+01:00"},
		"day":                {health.Sample{Grain: health.GrainDay, Start: start("2026-02-01T00:00:00+01:00")}, "2026-02-01T00:00:00+01:00", "2026-02-02T00:00:00+01:00"},
		"day sent at noon":   {health.Sample{Grain: health.GrainDay, Start: start("2026-02-01T12:00:00+01:00")}, "2026-02-01T00:00:00+01:00", "2026-02-02T00:00:00+01:00"},
		"week":               {health.Sample{Grain: health.GrainWeek, Start: start("2026-02-02T00:00:00+01:00")}, "2026-02-02T00:00:00+01:00", "2026-02-09T00:00:00+01:00"},
		"february":           {health.Sample{Grain: health.GrainMonth, Start: start("2026-02-01T00:00:00+01:00")}, "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00"},
		"leap year":          {health.Sample{Grain: health.GrainYear, Start: start("2028-01-01T00:00:00+01:00")}, "2028-01-01T00:00:00+01:00", "2029-01-01T00:00:00+01:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.sample.Offset = berlin
			from, to := test.sample.Span()
			if from != start(test.from) || to != start(test.to) {
				t.Errorf("from %s to %s, want %s to %s", from.In(berlin), to.In(berlin), test.from, test.to)
			}
		})
	}
}

// at makes a sample whose times are minutes.
func at(source string, from, to int, value float64) health.Sample {
	s := health.NewSample()
	s.Grain, s.Source, s.Value = health.GrainRaw, source, value
	s.Start, s.End = minutes(from), minutes(to)
	return s
}

func minutes(n int) health.Instant { return health.Instant(n) * 60 * health.Second }

// summary makes a summary that begins after some minutes.
func summary(grain health.Grain, source string, from int, value float64) health.Sample {
	s := at(source, from, from, value)
	s.Grain = grain
	return s
}

func perSource(s health.Sample) health.Sample {
	s.PerSource = true
	return s
}

func resolve(cumulative bool, samples []health.Sample) (counted []health.Sample, shares []float64) {
	rule := aggregate.Rule{}
	if cumulative {
		rule.Style = catalog.StyleCumulative
	}
	r := aggregate.NewResolver(rule, func(s *health.Sample, share float64) {
		counted = append(counted, *s)
		shares = append(shares, share)
	})
	for i := range samples {
		s := samples[i]
		r.Add(&s)
	}
	r.Finish()
	return counted, shares
}

func total(samples []health.Sample) float64 {
	sum := 0.0
	counted, shares := resolve(true, samples)
	for i := range counted {
		sum += counted[i].Value * shares[i]
	}
	return sum
}

func TestResolverCountsOverlapsOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		samples []health.Sample
		want    float64
	}{
		"watch before phone": {[]health.Sample{at(phone, 0, 60, 6500), at(watch, 0, 60, 9000)}, 9000},
		"even if it is less": {[]health.Sample{at(phone, 0, 60, 9000), at(watch, 0, 60, 6500)}, 6500},
		"phone sticks out behind": {
			[]health.Sample{at(watch, 0, 30, 100), at(phone, 0, 60, 200)}, 100 + 200*0.5,
		},
		"phone sticks out on both sides": {
			[]health.Sample{at(phone, 0, 60, 600), at(watch, 20, 40, 100)}, 100 + 600*40.0/60,
		},
		"merged before its parts": {
			[]health.Sample{at(merged, 0, 60, 10), at(phone, 0, 60, 9), at(watch, 0, 60, 8)}, 10,
		},
		"three sources in a chain": {
			[]health.Sample{at(app, 0, 100, 100), at(phone, 40, 90, 50), at(watch, 50, 60, 10)}, 10 + 40 + 50,
		},
		"one after the other":                {[]health.Sample{at(watch, 0, 10, 1), at(phone, 10, 20, 2), at(watch, 20, 30, 4)}, 7},
		"one source may overlap with itself": {[]health.Sample{at(watch, 0, 10, 1), at(watch, 5, 15, 2)}, 3},
		"moments of one instant":             {[]health.Sample{at(watch, 5, 5, 10), at(phone, 5, 5, 12)}, 10},
		"moments of two instants":            {[]health.Sample{at(watch, 5, 5, 10), at(phone, 6, 6, 12)}, 22},
		"a moment under a better source":     {[]health.Sample{at(watch, 0, 10, 10), at(phone, 5, 5, 3)}, 10},
		"a moment at the end of a better":    {[]health.Sample{at(watch, 0, 10, 10), at(phone, 10, 10, 3)}, 13},
		"a moment over a lesser source":      {[]health.Sample{at(phone, 0, 10, 10), at(watch, 5, 5, 3)}, 13},
		"hours per source": {
			[]health.Sample{
				perSource(summary(3600, phone, 0, 80)), perSource(summary(3600, watch, 0, 100)),
				perSource(summary(3600, phone, 60, 70)),
			}, 170,
		},
		"a merged hour before hours per source": {
			[]health.Sample{summary(3600, app, 0, 110), perSource(summary(3600, watch, 0, 100))}, 110,
		},
		"days per source": {
			[]health.Sample{
				perSource(summary(health.GrainDay, phone, 0, 6500)), perSource(summary(health.GrainDay, watch, 0, 9000)),
				perSource(summary(health.GrainDay, phone, 1440, 50)),
			}, 9050,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := total(test.samples); math.Abs(got-test.want) > 1e-9 {
				t.Errorf("total is %v, want %v", got, test.want)
			}
		})
	}
}

func TestResolverTakesTheBestOfSamplesWithOneSpan(t *testing.T) {
	t.Parallel()
	samples := []health.Sample{
		at(app, 0, 0, 80.1), at(phone, 0, 0, 80.2), // the phone is better
		at(app, 0, 5, 81), // another span
		at(app, 9, 9, 82),
		perSource(summary(60, app, 10, 61)), perSource(summary(60, watch, 10, 62)),
		summary(60, app, 11, 63),
	}
	counted, _ := resolve(false, samples)
	var values []float64
	for _, s := range counted {
		values = append(values, s.Value)
	}
	slices.Sort(values)
	if diff := gocmp.Diff([]float64{62, 63, 80.2, 81, 82}, values); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// drawSamples draws raw samples of a few sources in the order of a store; no two have the same identity.
func drawSamples(t *rapid.T, sources ...string) []health.Sample {
	drawn := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) health.Sample {
		from := rapid.IntRange(0, 40).Draw(t, "from")
		length := rapid.IntRange(0, 12).Draw(t, "length")
		return at(rapid.SampledFrom(sources).Draw(t, "source"), from, from+length, float64(rapid.IntRange(0, 1000).Draw(t, "value")))
	}), 1, 24).Draw(t, "samples")
	slices.SortFunc(drawn, func(a, b health.Sample) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Source, b.Source))
	})
	return slices.CompactFunc(drawn, func(a, b health.Sample) bool { return a.Key() == b.Key() })
}

// slowTotal is the oracle: it counts minute by minute.
func slowTotal(samples []health.Sample) float64 {
	best := func(covers func(s *health.Sample) bool) string {
		var source string
		for i := range samples {
			if covers(&samples[i]) && (source == "" || aggregate.CompareSources(samples[i].Source, source) < 0) {
				source = samples[i].Source
			}
		}
		return source
	}
	sum := 0.0
	for i := range samples {
		s := &samples[i]
		if s.Start == s.End {
			if slices.ContainsFunc(samples, func(o health.Sample) bool {
				return o.Source == s.Source && o.Start == s.Start && o.End > s.End && o.Value == s.Value
			}) {
				continue // the same reading, without its length
			}
			moment := best(func(o *health.Sample) bool { return o.Start == s.Start && o.End == s.Start })
			under := best(func(o *health.Sample) bool { return o.Start <= s.Start && s.Start < o.End })
			if s.Source == moment && (under == "" || aggregate.CompareSources(moment, under) <= 0) {
				sum += s.Value
			}
			continue
		}
		counted := 0
		for m := s.Start; m < s.End; m += minutes(1) {
			if s.Source == best(func(o *health.Sample) bool { return o.Start <= m && m < o.End }) {
				counted++
			}
		}
		sum += s.Value * float64(counted) / float64((s.End-s.Start)/minutes(1))
	}
	return sum
}

func TestResolverProperties(t *testing.T) {
	t.Parallel()
	sources := []string{merged, watch, phone, app}
	plain := func(samples []health.Sample) float64 {
		sum := 0.0
		for _, s := range samples {
			sum += s.Value
		}
		return sum
	}
	close := func(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

	t.Run("agrees with counting minute by minute", rapid.MakeCheck(func(t *rapid.T) {
		samples := drawSamples(t, sources...)
		if got, want := total(samples), slowTotal(samples); !close(got, want) {
			t.Fatalf("total %v, want %v", got, want)
		}
	}))
	t.Run("at most the sum, at least the best source", rapid.MakeCheck(func(t *rapid.T) {
		samples := drawSamples(t, sources...)
		best := slices.MinFunc(samples, func(a, b health.Sample) int { return aggregate.CompareSources(a.Source, b.Source) })
		ofBest := slices.DeleteFunc(slices.Clone(samples), func(s health.Sample) bool { return s.Source != best.Source })
		got := total(samples)
		if got > plain(samples)+1e-6 || got < slowTotal(ofBest)-1e-6 {
			t.Fatalf("total %v of a sum of %v; the best source has %v", got, plain(samples), plain(ofBest))
		}
	}))
	t.Run("one source is its plain sum", rapid.MakeCheck(func(t *rapid.T) {
		samples := slices.DeleteFunc(drawSamples(t, phone), func(s health.Sample) bool { return s.Start == s.End })
		if got, want := total(samples), plain(samples); got != want {
			t.Fatalf("total %v, want %v", got, want)
		}
	}))
	t.Run("samples that begin together may come in any order", rapid.MakeCheck(func(t *rapid.T) {
		samples := drawSamples(t, sources...)
		shuffled := slices.Clone(samples)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		slices.SortStableFunc(shuffled, func(a, b health.Sample) int { return cmp.Compare(a.Start, b.Start) })
		if got, want := total(shuffled), total(samples); !close(got, want) {
			t.Fatalf("total %v, in another order %v", want, got)
		}
	}))
	t.Run("grains do not touch each other", rapid.MakeCheck(func(t *rapid.T) {
		samples := drawSamples(t, sources...)
		alone := total(samples)
		hour := summary(3600, merged, 0, 7)
		if got := total(append([]health.Sample{hour}, samples...)); !close(got, alone+7) {
			t.Fatalf("raw samples count %v beside an hour, %v alone", got-7, alone)
		}
	}))
}

func TestJoin(t *testing.T) {
	t.Parallel()
	rates := func(from int, low, mean, high float64) aggregate.Aggregate {
		s := summary(60, watch, from, mean)
		s.Min, s.Max = low, high
		return aggregate.Of(&s)
	}
	first := aggregate.Join([]aggregate.Aggregate{rates(0, 50, 60, 70), rates(1, 55, 66, 90)}, catalog.StyleArithmetic)
	week := aggregate.Join([]aggregate.Aggregate{first, rates(1440, 70, 93, 100)}, catalog.StyleArithmetic)
	if week.Values.Mean() != 73 || week.Count != 3 || week.Values.Max != 100 || week.Last != 93 {
		t.Errorf("three minutes make %+v", week)
	}
	// A day that has only its own summary weighs as much as one of a thousand minutes.
	third := summary(health.GrainDay, merged, 2880, 83)
	mixed := aggregate.Join([]aggregate.Aggregate{first, aggregate.Of(&third)}, catalog.StyleArithmetic)
	if mixed.Values.Mean() != 73 || mixed.Grain != health.GrainDay {
		t.Errorf("days of different grains make %+v", mixed)
	}
	if diff := gocmp.Diff([]string{watch, merged}, mixed.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	levels := func(level, seconds float64) aggregate.Aggregate {
		a := aggregate.New(health.GrainHour)
		a.Values.Sum, a.Values.Weight = level*seconds, seconds
		return a
	}
	loud := aggregate.Join([]aggregate.Aggregate{levels(60, 23*3600), levels(100, 3600)}, catalog.StyleEquivalentLevel)
	if math.Abs(loud.Values.Mean()-86.21) > 0.01 {
		t.Errorf("an hour of 100 dB among 60 dB makes %v", loud.Values.Mean())
	}
}

// A sample may have only some of its values, and an absent value is not zero.
func TestAggregateOfAbsentValues(t *testing.T) {
	t.Parallel()
	onlyMax := summary(60, watch, 0, health.Absent())
	onlyMax.Max = 120
	got := aggregate.Of(&onlyMax)
	if !health.IsAbsent(got.Values.Mean()) || got.Values.Min != 120 || got.Values.Max != 120 || got.Count != 1 {
		t.Errorf("a sample with only a maximum makes %+v", got.Values)
	}
	nameless := at(phone, 0, 0, health.Absent())
	named := aggregate.Of(&nameless)
	if !health.IsAbsent(named.Values.Mean()) || !health.IsAbsent(named.Values.Min) || !health.IsAbsent(named.Last) {
		t.Errorf("a sample without a value makes %+v", named.Values)
	}
}
