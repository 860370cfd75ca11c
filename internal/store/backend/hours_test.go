package backend_test

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// names are sources; their ids are their indexes.
var names = []string{"", "Watch", "iPhone", "Watch|iPhone", "Ring"}

func id(source string) int64 { return int64(slices.Index(names, source)) }

func name(id int64) (string, error) {
	if id < 0 || id >= int64(len(names)) {
		return "", nil
	}
	return names[id], nil
}

func readerOf(samples []health.Sample) aggregate.Reader {
	return aggregate.Reader{
		Spans: func(health.Interval) ([]health.Span, error) { return nil, nil },
		Samples: func(_ aggregate.Window, add func(*health.Sample)) error {
			for i := range samples {
				add(&samples[i])
			}
			return nil
		},
	}
}

// genDay is a day as it comes out of samples.
var genDay = rapid.Custom(func(t *rapid.T) aggregate.DaySummary {
	rule := aggregate.Rule{Style: rapid.SampledFrom([]catalog.Style{
		catalog.StyleCumulative, catalog.StyleArithmetic, catalog.StyleTimeWeighted, catalog.StyleEquivalentLevel,
	}).Draw(t, "style"), Hold: 40 * health.Second}
	samples := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) health.Sample {
		s := health.NewSample()
		s.Source = rapid.SampledFrom(names).Draw(t, "source")
		s.Grain = rapid.SampledFrom([]health.Grain{0, 0, 60, 3600, 86_400}).Draw(t, "grain")
		s.Offset = rapid.SampledFrom([]int32{0, 19_800, 20_700}).Draw(t, "offset")
		s.Start = health.Date(20_000).Midnight(s.Offset) + health.Instant(rapid.Int64Range(0, int64(health.Day)-1).Draw(t, "start"))
		s.End = s.Start
		value := rapid.SampledFrom([]float64{health.Absent(), 0, -1, 72, 61.5, 0.1, 1e300})
		s.Value, s.Min, s.Max = value.Draw(t, "value"), value.Draw(t, "min"), value.Draw(t, "max")
		s.Systolic, s.Diastolic = value.Draw(t, "systolic"), value.Draw(t, "diastolic")
		return s
	}), 1, 20).Draw(t, "samples")
	slices.SortStableFunc(samples, func(a, b health.Sample) int {
		return cmp.Or(cmp.Compare(a.KeyTime(), b.KeyTime()), cmp.Compare(a.Grain, b.Grain))
	})
	days, _, _ := rule.SumUpDays([]health.Date{20_000}, readerOf(samples))
	if len(days) == 0 { // no value is known, or all are placed on another day
		return aggregate.DaySummary{}
	}
	return days[0]
}).Filter(func(d aggregate.DaySummary) bool { return d.Hours != nil })

func TestPackedHoursAreTheHours(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := genDay.Draw(t, "day")
		packed := backend.PackHours(&want, id)
		got := want
		got.Hours = nil
		if err := backend.UnpackHours(packed, &got, name); err != nil {
			t.Fatal(err)
		}
		if !got.SameDay(&want) {
			t.Fatalf("hours (-before +after):\n%s", gocmp.Diff(want.Hours, got.Hours, gocmp.Comparer(health.SameValue)))
		}
		ids, err := backend.PackedSources(packed)
		if err != nil {
			t.Fatal(err)
		}
		for _, hour := range got.Hours {
			for _, source := range hour.Sources {
				if packed != nil && !slices.Contains(ids, id(source)) {
					t.Fatalf("%q is not among the sources %v", source, ids)
				}
			}
		}
	})
}

// The hours of a day of minutes are small, and what is measured once a day takes no space.
func TestPackedHoursAreSmall(t *testing.T) {
	t.Parallel()
	day := func(samples int) aggregate.DaySummary {
		var all []health.Sample
		for i := range samples {
			s := health.NewSample()
			s.Grain, s.Source = health.GrainMinute, "Watch"
			s.Start = health.Date(20_000).Midnight(0) + health.Instant(i)*60*health.Second
			s.Min, s.Value, s.Max = 50, 61.5+float64(i%20), 120
			all = append(all, s)
		}
		days, _, _ := aggregate.Rule{}.SumUpDays([]health.Date{20_000}, readerOf(all))
		return days[0]
	}
	full, once := day(1440), day(1)
	if size := len(backend.PackHours(&full, id)); size > 24*30 {
		t.Errorf("the hours of a day take %d bytes", size)
	}
	if packed := backend.PackHours(&once, id); packed != nil {
		t.Errorf("the only sample of a day takes %d bytes", len(packed))
	}
}

func FuzzUnpackHours(f *testing.F) {
	for seed := range 20 {
		day := genDay.Example(seed)
		f.Add(backend.PackHours(&day, id))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		day := aggregate.DaySummary{Date: 20_000}
		if err := backend.UnpackHours(packed, &day, name); err != nil || len(packed) == 0 {
			return
		}
		again := backend.PackHours(&day, id)
		if again == nil {
			return // one hour that says what the day says
		}
		second := aggregate.DaySummary{Date: 20_000}
		if err := backend.UnpackHours(again, &second, name); err != nil {
			t.Fatal(err)
		}
		if third := backend.PackHours(&second, id); !bytes.Equal(again, third) {
			t.Errorf("hours change as they are packed: %x, then %x", again, third)
		}
	})
}
