package aggregate_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

// north is a place so many metres north of the equator.
func north(metres float64) float64 { return metres / health.EarthRadius * 180 / math.Pi }

// straight is a route northwards, given as pairs of seconds and metres, with altitudes if there are any.
func straight(altitudes []float64, points ...[2]float64) []health.RoutePoint {
	route := make([]health.RoutePoint, len(points))
	for i, p := range points {
		route[i] = health.RoutePoint{Time: health.Second * health.Instant(1000+p[0]), Latitude: north(p[1]), Altitude: health.Absent()}
		if altitudes != nil {
			route[i].Altitude = altitudes[i]
		}
	}
	return route
}

func TestTrackOf(t *testing.T) {
	t.Parallel()
	route := straight(nil, [2]float64{0, 0}, [2]float64{10, 50}, [2]float64{10, 60}, [2]float64{5, 70}, [2]float64{20, 100})
	timeless, nowhere := route[1], route[1]
	timeless.Time = 0
	nowhere.Time, nowhere.Latitude = nowhere.Time+1, health.Absent()
	route = append(route[:2:2], append([]health.RoutePoint{timeless, nowhere}, route[2:]...)...)
	track := aggregate.TrackOf(route, "Run")
	if len(track) != 3 || !near(track.Length(), 100, 1e-6) {
		t.Errorf("a track of %d points and %v m, want those at 0, 10 and 20 s: 100 m", len(track), track.Length())
	}
	if track := aggregate.TrackOf(nil, "Run"); track.Length() != 0 {
		t.Errorf("no route is %v m long", track.Length())
	}
}

func TestTrackOfDistances(t *testing.T) {
	t.Parallel()
	at := func(seconds, metres float64) health.SeriesPoint {
		return health.SeriesPoint{Time: health.Second * health.Instant(1000+seconds), Value: metres}
	}
	series := []health.SeriesPoint{
		at(0, 100), at(60, 120), // minute by minute
		at(300, 30), at(310, 40), // after a stop, more often
		{Value: 5}, at(320, health.Absent()), at(330, -1), // no readings
		at(330, 10),
	}
	type point struct{ Seconds, Metres float64 }
	var got []point
	for _, p := range aggregate.TrackOfDistances(series, health.Second*1350) {
		if !health.IsAbsent(p.Altitude) {
			t.Errorf("an altitude of %v", p.Altitude)
		}
		got = append(got, point{float64(p.Time/health.Second) - 1000, p.Distance})
	}
	want := []point{{0, 0}, {60, 100}, {120, 220}, {300, 220}, {310, 250}, {330, 290}, {350, 300}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the track (-want +got):\n%s", diff)
	}
}

func TestFastest(t *testing.T) {
	t.Parallel()
	track := aggregate.TrackOf(straight(nil,
		[2]float64{0, 0}, [2]float64{100, 200}, [2]float64{150, 400}, [2]float64{200, 400}, [2]float64{240, 600}, [2]float64{340, 700}), "Run")
	for length, want := range map[float64]float64{200: 40, 100: 20, 400: 140, 700: 340} {
		from, to, ok := track.Fastest(length)
		if got := float64(to-from) / float64(health.Second); !ok || !near(got, want, 1e-3) {
			t.Errorf("the fastest %v m took %v s, want %v", length, got, want)
		}
	}
	for _, length := range []float64{0, -1, 701} {
		if _, _, ok := track.Fastest(length); ok {
			t.Errorf("there is a fastest %v m", length)
		}
	}
}

// someTrack draws a track of up to 40 points.
func someTrack(t *rapid.T) aggregate.Track {
	n := rapid.IntRange(0, 40).Draw(t, "points")
	var track aggregate.Track
	at, distance := health.Instant(1_700_000_000)*health.Second, 0.0
	for range n {
		altitude := rapid.Float64Range(-50, 3000).Draw(t, "altitude")
		if rapid.IntRange(0, 5).Draw(t, "known") == 0 {
			altitude = health.Absent()
		}
		track = append(track, aggregate.TrackPoint{Time: at, Distance: distance, Altitude: altitude})
		at += health.Instant(rapid.IntRange(1, 120_000_000).Draw(t, "microseconds"))
		distance += rapid.Float64Range(0, 400).Draw(t, "metres")
	}
	return track
}

// TestFastestIsFastest compares with every part that begins on a fine grid.
func TestFastestIsFastest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		track := someTrack(t)
		length := rapid.Float64Range(1, 2000).Draw(t, "length")
		from, to, ok := track.Fastest(length)
		if ok != (track.Length() >= length) {
			t.Fatalf("ok is %v for %v of %v m", ok, length, track.Length())
		}
		for i := 0; ok && i <= 200; i++ {
			begin := float64(i) / 200 * (track.Length() - length)
			if took := track.At(begin+length) - track.At(begin); took < to-from-2 {
				t.Fatalf("from %v m it takes %d µs, less than %d", begin, took, to-from)
			}
		}
	})
}

func TestFittedTo(t *testing.T) {
	t.Parallel()
	track := aggregate.TrackOf(straight(nil, [2]float64{0, 0}, [2]float64{100, 500}, [2]float64{200, 1000}), "Run")
	fitted, ok := track.FittedTo(900)
	if !ok || !near(fitted.Length(), 900, 1e-6) || !near(fitted[1].Distance, 450, 1e-6) || !near(track.Length(), 1000, 1e-6) {
		t.Errorf("1000 m fitted to 900 are %v (%v), and were %v", fitted, ok, track)
	}
	for _, length := range []float64{790, 1260, 0, -1000, health.Absent()} {
		if fitted, ok := track.FittedTo(length); ok || !near(fitted.Length(), 1000, 1e-6) {
			t.Errorf("1000 m fitted to %v are %v", length, fitted.Length())
		}
	}
	if _, ok := aggregate.Track(nil).FittedTo(100); ok {
		t.Error("nothing was fitted")
	}
}
