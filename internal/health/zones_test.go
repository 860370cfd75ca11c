package health_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
)

func TestBeats(t *testing.T) {
	t.Parallel()
	absent := health.Absent()
	got := health.Beats([]health.SeriesPoint{
		{Time: 30, Value: 130, Min: 120, Max: 150},
		{Time: 10, Value: absent, Min: 100, Max: 110},
		{Time: 20, Value: absent, Min: absent, Max: 140}, // says no rate
		{Time: 0, Value: 90, Min: absent, Max: absent},   // says no time
		{Time: 30, Value: 99, Min: absent, Max: absent},  // the first one counts
		{Time: 40, Value: 0, Min: absent, Max: absent},
	})
	if diff := cmp.Diff([]health.Beat{{Time: 10, Rate: 105}, {Time: 30, Rate: 130}}, got); diff != "" {
		t.Errorf("the heart rates (-want +got):\n%s", diff)
	}
}

func TestZoneTimes(t *testing.T) {
	t.Parallel()
	s := health.Second
	beats := []health.Beat{
		{Time: 970 * s, Rate: 80}, // holds into the workout
		{Time: 1010 * s, Rate: 94},
		{Time: 1020 * s, Rate: 95},
		{Time: 1040 * s, Rate: 189},
		{Time: 1050 * s, Rate: 171},
		{Time: 1060 * s, Rate: 133}, // and then nothing for four minutes
		{Time: 1300 * s, Rate: 152},
		{Time: 1395 * s, Rate: 200},
		{Time: 1400 * s, Rate: 200},
	}
	times, covered := health.ZoneTimes(beats, 1000*s, 1400*s, 190)
	want := [6]health.Instant{20 * s, 20 * s, 0, 120 * s, 95 * s, 25 * s}
	if diff := cmp.Diff(want, times); diff != "" || covered != 280*s {
		t.Errorf("covered %d s, times (-want +got):\n%s", covered/s, diff)
	}
}

// TestZonesAddUp proves that the zones add up to what is covered, and that no more than there is is.
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
		times, covered := health.ZoneTimes(health.Beats(series), 0, end, maximum)
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
