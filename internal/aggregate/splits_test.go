package aggregate_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

func TestSplits(t *testing.T) {
	t.Parallel()
	track := aggregate.TrackOf(straight([]float64{10, 15, 14, 30, 12},
		[2]float64{0, 0}, [2]float64{300, 900}, [2]float64{340, 1100}, [2]float64{600, 2000}, [2]float64{700, 2250}), "Run")
	rates := []aggregate.HeartRate{{Time: health.Second * 1000, BPM: 100}, {Time: health.Second * 1300, BPM: 150}, {Time: health.Second * 1360, BPM: 170}}
	type row struct{ metres, seconds, gain, loss float64 }
	want := []row{{1000, 320, 5, 0}, {1000, 280, 15, 0}, {250, 100, 0, 18}}
	got := aggregate.Splits(track, 1000, rates, nil)
	if len(got) != len(want) {
		t.Fatalf("%d splits, want %d", len(got), len(want))
	}
	for i, w := range want {
		s := got[i]
		if !near(s.Metres, w.metres, 1e-3) || !near(float64(s.End-s.Start)/1e6, w.seconds, 1e-3) || s.Gain != w.gain || s.Loss != w.loss {
			t.Errorf("split %d is %+v, want %+v", i+1, s, w)
		}
	}
	// 100 is valid for two minutes, 150 for the last 20 seconds of the first kilometre.
	if mean := (100.0*120 + 150*20) / 140; !near(got[0].HeartRate, mean, 1e-3) {
		t.Errorf("the heart rate is %v, want %v", got[0].HeartRate, mean)
	}
	if !health.IsAbsent(got[2].HeartRate) {
		t.Errorf("nothing was measured, yet the heart rate is %v", got[2].HeartRate)
	}
	even := aggregate.TrackOf(straight(nil, [2]float64{0, 0}, [2]float64{600, 2000}), "Run")
	if n := len(aggregate.Splits(even, even.Length()/2, nil, nil)); n != 2 {
		t.Errorf("twice a half is %d splits", n)
	}
	for _, length := range []float64{0, -1, health.Absent(), 1e-9} {
		if got := aggregate.Splits(even, length, nil, nil); got != nil {
			t.Errorf("splits of %v m are %v", length, got)
		}
	}
}

// TestSplitsAddUp checks that lengths, times and climbs of splits add up to those of the track.
func TestSplitsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		track := someTrack(t)
		length := rapid.Float64Range(50, 3000).Draw(t, "length")
		splits := aggregate.Splits(track, length, nil, nil)
		if len(splits) == 0 {
			if track.Length() != 0 {
				t.Fatalf("no splits of %v m", track.Length())
			}
			return
		}
		var metres, gain, loss float64
		at := track[0].Time
		for i, s := range splits {
			if s.Start != at || s.End < s.Start {
				t.Fatalf("split %d goes from %d to %d, the one before ended at %d", i, s.Start, s.End, at)
			}
			if i < len(splits)-1 && !near(s.Metres, length, 1e-6) || s.Metres > length+1e-6 || s.Metres <= 0 {
				t.Fatalf("split %d of %d is %v m", i, len(splits), s.Metres)
			}
			at = s.End
			metres += s.Metres
			if !health.IsAbsent(s.Gain) {
				gain, loss = gain+s.Gain, loss+s.Loss
			}
		}
		if !near(metres, track.Length(), 1e-6) || at != track[len(track)-1].Time {
			t.Fatalf("%v of %v m, until %d of %d", metres, track.Length(), at, track[len(track)-1].Time)
		}
		climb, _ := aggregate.Climb(track)
		if !near(gain, climb.Gain, 1e-6) || !near(loss, climb.Loss, 1e-6) {
			t.Fatalf("gain %v of %v, loss %v of %v", gain, climb.Gain, loss, climb.Loss)
		}
	})
}

func TestClimb(t *testing.T) {
	t.Parallel()
	absent := health.Absent()
	for name, test := range map[string]struct {
		altitudes []float64
		want      aggregate.Elevation
		known     bool
	}{
		"nothing":               {nil, aggregate.Elevation{}, false},
		"unknown":               {[]float64{absent, absent}, aggregate.Elevation{}, false},
		"one point":             {[]float64{7}, aggregate.Elevation{Min: 7, Max: 7}, true},
		"noise":                 {[]float64{10, 11.5, 9, 10.5, 8.5, 10}, aggregate.Elevation{Min: 8.5, Max: 11.5}, true},
		"a slope in small bits": {[]float64{0, 1, 2, 3, 4, 5, 6}, aggregate.Elevation{Gain: 6, Max: 6}, true},
		"a hill with a gap":     {[]float64{0, 50, absent, 80, 20}, aggregate.Elevation{Gain: 80, Loss: 60, Max: 80}, true},
		"below the sea":         {[]float64{-3, -8, -3}, aggregate.Elevation{Gain: 5, Loss: 5, Min: -8, Max: -3}, true},
	} {
		var track aggregate.Track
		for _, a := range test.altitudes {
			track = append(track, aggregate.TrackPoint{Altitude: a})
		}
		if got, known := aggregate.Climb(track); got != test.want || known != test.known {
			t.Errorf("%s: %+v, %v; want %+v", name, got, known, test.want)
		}
	}
}

func TestClimbIsTheDifferenceOfTheEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		altitudes := rapid.SliceOfN(rapid.Float64Range(-100, 4000), 1, 50).Draw(t, "altitudes")
		var track aggregate.Track
		for _, a := range altitudes {
			track = append(track, aggregate.TrackPoint{Altitude: a})
		}
		e, _ := aggregate.Climb(track)
		if d := altitudes[len(altitudes)-1] - altitudes[0]; !near(e.Gain-e.Loss, d, aggregate.ClimbThreshold) {
			t.Fatalf("+%v −%v, but the ends differ by %v", e.Gain, e.Loss, d)
		}
		if e.Gain < 0 || e.Loss < 0 || max(e.Gain, e.Loss) < e.Max-e.Min-2*aggregate.ClimbThreshold && e.Gain+e.Loss < e.Max-e.Min-2*aggregate.ClimbThreshold {
			t.Fatalf("%+v does not reach from the lowest to the highest", e)
		}
	})
}

// A pause is divided among the splits in which it was.
func TestSplitsKnowPauses(t *testing.T) {
	t.Parallel()
	track := aggregate.TrackOf(straight(nil, [2]float64{0, 0}, [2]float64{720, 2000}), "Run")
	from := track[0].Time
	pause := func(after, seconds float64) health.SeriesPoint {
		return health.SeriesPoint{Time: from + health.Instant(after*1e6), Value: seconds}
	}
	w := health.Workout{Series: map[string][]health.SeriesPoint{
		health.SeriesPauses: {pause(350, 40), pause(290, 30), pause(300, 60), {Value: 5}, pause(600, health.Absent())},
	}}
	want := []health.Pause{{Start: from + 290e6, End: from + 390e6}}
	got := w.Pauses()
	if len(got) != 1 || got[0] != want[0] {
		t.Fatalf("pauses %v, want %v", got, want)
	}
	splits := aggregate.Splits(track, 1000, nil, got)
	if len(splits) != 2 {
		t.Fatalf("%d splits", len(splits))
	}
	first, second := float64(splits[0].Paused)/1e6, float64(splits[1].Paused)/1e6
	if !near(first, 70, 0.1) || !near(first+second, 100, 1e-6) {
		t.Errorf("%v and %v s are paused, want 70 and 30", first, second)
	}
}
