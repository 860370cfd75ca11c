package aggregate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

func TestHeartRates(t *testing.T) {
	t.Parallel()
	absent := health.Absent()
	got := aggregate.HeartRates([]health.SeriesPoint{
		{Time: 30, Value: 130, Min: 120, Max: 150},
		{Time: 10, Value: absent, Min: 100, Max: 110},
		{Time: 20, Value: absent, Min: absent, Max: 140}, // says no rate
		{Time: 0, Value: 90, Min: absent, Max: absent},   // says no time
		{Time: 30, Value: 99, Min: absent, Max: absent},  // the first one counts
		{Time: 40, Value: 0, Min: absent, Max: absent},
	})
	if diff := cmp.Diff([]aggregate.HeartRate{{Time: 10, BPM: 105}, {Time: 30, BPM: 130}}, got); diff != "" {
		t.Errorf("the heart rates (-want +got):\n%s", diff)
	}
}

func TestZoneTimes(t *testing.T) {
	t.Parallel()
	s := health.Second
	rates := []aggregate.HeartRate{
		{Time: 970 * s, BPM: 80}, // holds into the workout
		{Time: 1010 * s, BPM: 94},
		{Time: 1020 * s, BPM: 95},
		{Time: 1040 * s, BPM: 189},
		{Time: 1050 * s, BPM: 171},
		{Time: 1060 * s, BPM: 133}, // and then nothing for four minutes
		{Time: 1300 * s, BPM: 152},
		{Time: 1395 * s, BPM: 200},
		{Time: 1400 * s, BPM: 200},
	}
	times, covered := aggregate.ZoneTimes(rates, 1000*s, 1400*s, 190)
	want := [6]health.Instant{20 * s, 20 * s, 0, 120 * s, 95 * s, 25 * s}
	if diff := cmp.Diff(want, times); diff != "" || covered != 280*s {
		t.Errorf("covered %d s, times (-want +got):\n%s", covered/s, diff)
	}
}

// TestZonesAddUp checks that the zones add up to the covered time, which is not more than the whole.
func TestZonesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var series []health.SeriesPoint
		for range rapid.IntRange(0, 50).Draw(t, "readings") {
			series = append(series, health.SeriesPoint{
				Time:  health.Instant(rapid.IntRange(-1000, 5000).Draw(t, "at")) * health.Second,
				Value: rapid.Float64Range(30, 230).Draw(t, "rate"), Min: health.Absent(), Max: health.Absent(),
			})
		}
		end := health.Instant(rapid.IntRange(-10, 4000).Draw(t, "end")) * health.Second
		maximum := rapid.Float64Range(100, 250).Draw(t, "maximum")
		times, covered := aggregate.ZoneTimes(aggregate.HeartRates(series), 0, end, maximum)
		sum := health.Instant(0)
		for _, time := range times {
			if time < 0 {
				t.Fatalf("a time of %d", time)
			}
			sum += time
		}
		if sum != covered || covered > max(0, end) {
			t.Fatalf("%d in zones, %d covered, of %d", sum, covered, end)
		}
	})
}
