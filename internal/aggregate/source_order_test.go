package aggregate_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

func sourceDevice(source, model, hardware string, last health.Instant) health.SourceDevice {
	return health.SourceDevice{Source: source, Device: health.Device{Model: model, Hardware: hardware}, Last: last}
}

// Devices rank sources, names only where no device is known.
func TestRankingByDevices(t *testing.T) {
	t.Parallel()
	order := aggregate.SourceOrder{Devices: []health.SourceDevice{
		sourceDevice("Blue", "Watch", "Watch6,6", 5),
		sourceDevice("Blue", "Watch", "Watch3,1", 9), // the one before it, which had the same name
		sourceDevice("Kim’s  Watch", "Watch", "Watch6,10", 1),
		sourceDevice("Tim", "Watch", "Watch6,6", 7),
		sourceDevice("My phone and watch app", "iPhone", "iPhone14,5", 9),
		sourceDevice("Old", "iPhone", "iPhone9,1", 99),
		sourceDevice("Apple Watch scale", "WBS05", "", 9),
	}}
	want := []string{
		"A|B", "kim's watch", "Tim", "Blue", "Apple Watch of nobody", "My phone and watch app", "Old", "iPhone of nobody", "Apple Watch scale", "Ring",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, order.For("step_count").Compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	without := aggregate.SourceOrder{}
	if aggregate.SameRanking(without, order, want) || !aggregate.SameRanking(without, order, []string{"Ring", "Apple Watch of nobody"}) {
		t.Error("it is not seen whether devices change the ranking")
	}
	order.Sources = []string{"ring"}
	if order.For("step_count").Compare("Ring", "A|B") >= 0 {
		t.Error("the user's own order does not come first")
	}
}

// A ranking is an order: sorting by it does not depend on where it begins.
func TestRankingIsAnOrder(t *testing.T) {
	t.Parallel()
	names := []string{"Blue", "Watch", "iPhone", "A|B", "Ring", "blue"}
	genDevice := rapid.Custom(func(t *rapid.T) health.SourceDevice {
		return sourceDevice(rapid.SampledFrom(names).Draw(t, "source"), rapid.SampledFrom([]string{"Watch", "iPhone", "x"}).Draw(t, "model"),
			rapid.SampledFrom([]string{"", "Watch6,6", "Watch7,1", "iPhone14,5"}).Draw(t, "hardware"), health.Instant(rapid.IntRange(0, 2).Draw(t, "last")))
	})
	rapid.Check(t, func(t *rapid.T) {
		order := aggregate.SourceOrder{Devices: rapid.SliceOfN(genDevice, 0, 6).Draw(t, "devices")}
		ranking := order.For("step_count")
		a := slices.SortedFunc(slices.Values(names), ranking.Compare)
		b := slices.SortedFunc(slices.Values(rapid.Permutation(names).Draw(t, "names")), ranking.Compare)
		if !slices.Equal(a, b) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}
