package aggregate_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// noise is how far, in metres and seconds, a split may be from the same one without the outliers.
const noise = 1e-6

// Points that are worthless, put into a route anywhere, change no split, no distance and no climb.
func TestOutliersChangeNoSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"Outdoor Run", "HKWorkoutActivityTypeRunning", "Course à pied"}).Draw(t, "name")
		var clean, route []health.RoutePoint
		place, at := 0.0, 0.0
		steps := rapid.IntRange(60, 300).Draw(t, "points")
		for range steps {
			p := straight([]float64{math.Sin(place/200) * 20}, [2]float64{at, place})[0]
			p.HorizontalAccuracy = rapid.SampledFrom([]float64{3, 12, 65, 100, health.Absent()}).Draw(t, "accuracy")
			clean, route = append(clean, p), append(route, p)
			if rapid.IntRange(0, 3).Draw(t, "outlier?") == 0 && 2*len(clean)-len(route) > 5 { // fewer than the others
				route = append(route, outliers(t, p)...)
			}
			seconds := rapid.Float64Range(2, 8).Draw(t, "seconds")
			place, at = place+seconds*rapid.Float64Range(2, 4).Draw(t, "speed"), at+seconds
		}
		if rapid.Bool().Draw(t, "cold start") {
			first := route[0]
			first.Time -= 5 * health.Second
			route = append(outliers(t, first)[:1], route...)
		}
		want, got := aggregate.TrackOf(clean, name), aggregate.TrackOf(route, name)
		if !near(want.Length(), got.Length(), noise) {
			t.Fatalf("%v m long, without the outliers %v m", got.Length(), want.Length())
		}
		climb, _ := aggregate.Climb(want)
		if with, _ := aggregate.Climb(got); with != climb {
			t.Fatalf("a climb of %+v, without the outliers %+v", with, climb)
		}
		wanted, splits := aggregate.Splits(want, 100, nil, nil), aggregate.Splits(got, 100, nil, nil)
		if len(wanted) != len(splits) {
			t.Fatalf("%d splits, without the outliers %d", len(splits), len(wanted))
		}
		for i := range splits {
			if !near(splits[i].Metres, wanted[i].Metres, noise) || !near(float64(splits[i].End), float64(wanted[i].End), noise*1e6) {
				t.Fatalf("split %d is %+v, without the outliers %+v", i, splits[i], wanted[i])
			}
		}
	})
}

// outliers returns up to three worthless points after p, less than two seconds later: far off, or with an accuracy that says
// that they are worthless.
func outliers(t *rapid.T, p health.RoutePoint) (list []health.RoutePoint) {
	far := rapid.Bool().Draw(t, "far")
	accuracy := rapid.SampledFrom([]float64{-1, 100.5, 1414}).Draw(t, "worthless accuracy")
	north := rapid.Float64Range(-0.01, 0.01).Draw(t, "north")
	for range rapid.IntRange(1, 3).Draw(t, "outliers") {
		p.Time += health.Second / 2
		p.Altitude = rapid.Float64Range(-500, 9000).Draw(t, "altitude")
		if far {
			p.Latitude, p.Longitude = p.Latitude+2, p.Longitude+rapid.Float64Range(0.5, 3).Draw(t, "east")
		} else {
			p.Latitude, p.HorizontalAccuracy = p.Latitude+north, accuracy
		}
		list = append(list, p)
	}
	return list
}

// A way that is interrupted by a journey is a way on both sides of it.
func TestJourneyBetweenTwoWays(t *testing.T) {
	t.Parallel()
	var points [][2]float64
	for i := range 40 {
		points = append(points, [2]float64{float64(i) * 5, float64(i) * 15})
	}
	for i := range 60 {
		points = append(points, [2]float64{260 + float64(i)*5, 9000 + float64(i)*15})
	}
	if out := health.Outliers(straight(nil, points...), "Run"); out != nil {
		t.Errorf("points that were run are outliers: %v", out)
	}
}

func TestSpeedsOfActivities(t *testing.T) {
	t.Parallel()
	// One second at a speed in metres per second.
	jump := func(speed float64) []health.RoutePoint {
		return straight(nil, [2]float64{0, 0}, [2]float64{1, 3}, [2]float64{2, 6}, [2]float64{3, 9}, [2]float64{4, 12},
			[2]float64{5, 12 + speed}, [2]float64{6, 18}, [2]float64{7, 21})
	}
	for name, c := range map[string]struct {
		speed float64
		out   bool
	}{
		"Outdoor Run": {30, true}, "Outdoor Cycle": {30, false}, "Cycling": {90, true}, "Open Water Swim": {11, true},
		"Downhill Skiing": {60, false}, "Lauf im Freien": {30, true}, "Laufen": {11, false},
	} {
		if out := health.Outliers(jump(c.speed), name); (out != nil) != c.out || c.out && !slices.Equal(out, []bool{5: true, 7: false}) {
			t.Errorf("%s, %v m/s: %v", name, c.speed, out)
		}
	}
}
