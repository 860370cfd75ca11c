package health

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

var (
	heathrow  = Place{51.4700, -0.4543}
	kennedy   = Place{40.6413, -73.7781}
	sydney    = Place{-33.8688, 151.2093}
	melbourne = Place{-37.8136, 144.9631}
	paris     = Place{48.8566, 2.3522}
	auckland  = Place{-36.8509, 174.7645}
	santiago  = Place{-33.4489, -70.6693}
)

// Great-circle distances as they are commonly given, rounded. A sphere is off by up to 0.5 % against the ellipsoid.
func TestDistancesBetweenCities(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		a, b Place
		km   float64
	}{
		{"London Heathrow to New York Kennedy", heathrow, kennedy, 5540},
		{"Sydney to Melbourne", sydney, melbourne, 713},
		{"Paris to Sydney", paris, sydney, 16_960},
		{"Auckland to Santiago, over the antimeridian", auckland, santiago, 9670},
	} {
		if got := Distance(test.a, test.b) / 1000; math.Abs(got-test.km) > 0.005*test.km {
			t.Errorf("%s: %.1f km, want %.0f", test.name, got, test.km)
		}
	}
}

func TestDistancesThatAreKnownExactly(t *testing.T) {
	t.Parallel()
	degree := math.Pi * EarthRadius / 180
	for _, test := range []struct {
		a, b Place
		want float64
	}{
		{Place{0, 0}, Place{0, 1}, degree},
		{Place{0, 0}, Place{1, 0}, degree},
		{Place{10, 20}, Place{11, 20}, degree},
		{Place{0, 179.5}, Place{0, -179.5}, degree},
		{Place{90, 0}, Place{-90, 0}, 180 * degree},
		{Place{90, 0}, Place{90, 123}, 0},
		{Place{0, 0}, Place{0, 180}, 180 * degree},
		{Place{60, 0}, Place{60, 180}, 60 * degree},
		{paris, paris, 0},
	} {
		if got := Distance(test.a, test.b); math.Abs(got-test.want) > 1e-6 {
			t.Errorf("%v to %v: %v m, want %v", test.a, test.b, got, test.want)
		}
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := places().Draw(t, "a"), places().Draw(t, "b"), places().Draw(t, "c")
		ab := Distance(a, b)
		if Distance(b, a) != ab {
			t.Fatalf("%v one way, %v the other", ab, Distance(b, a))
		}
		if !(ab >= 0) || ab > math.Pi*EarthRadius*(1+1e-12) || Distance(a, a) != 0 {
			t.Fatalf("%v from %v to %v", ab, a, b)
		}
		if via := Distance(a, c) + Distance(c, b); ab > via+0.1 {
			t.Fatalf("%v directly, %v over %v", ab, via, c)
		}
		turned := Place{a.Latitude, a.Longitude + 360}
		if got := Distance(turned, b); math.Abs(got-ab) > 1 {
			t.Fatalf("%v after a turn around the globe, %v before", got, ab)
		}
	})
}

func TestRouteLength(t *testing.T) {
	t.Parallel()
	degree := math.Pi * EarthRadius / 180
	if got := RouteLength(route(Place{0, 0}, Place{0, 1}, Place{1, 1}, Place{0, 1})); math.Abs(got-3*degree) > 1e-6 {
		t.Errorf("%v, want %v", got, 3*degree)
	}
	if RouteLength(nil) != 0 || RouteLength(route(paris)) != 0 {
		t.Error("a route without legs has a length")
	}
}

func TestDistanceTo(t *testing.T) {
	t.Parallel()
	degree := math.Pi * EarthRadius / 180
	equator := route(Place{0, 0}, Place{0, 10})
	for _, test := range []struct {
		name  string
		route []RoutePoint
		place Place
		want  float64
	}{
		{"beside the leg", equator, Place{1, 5}, degree},
		{"on the leg", equator, Place{0, 3}, 0},
		{"at a point", equator, Place{0, 10}, 0},
		{"before the leg", equator, Place{0, -2}, 2 * degree},
		{"past the leg", equator, Place{0, 13}, 3 * degree},
		{"behind the globe", equator, Place{0, -175}, 175 * degree},
		{"one point", route(Place{0, 0}), Place{2, 0}, 2 * degree},
		{"points on one place", route(Place{0, 0}, Place{0, 0}), Place{2, 0}, 2 * degree},
		{"second leg", route(Place{0, 0}, Place{0, 10}, Place{20, 10}), Place{15, 10}, 0},
		{"over the antimeridian", route(Place{0, 179}, Place{0, -179}), Place{1, 180}, degree},
		{"nowhere", nil, Place{0, 0}, math.Inf(1)},
	} {
		if got := DistanceTo(test.route, test.place); got != test.want && !(math.Abs(got-test.want) < 1e-6) {
			t.Errorf("%s: %v m, want %v", test.name, got, test.want)
		}
	}
}

func TestDistanceToIsTheShortest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var track []RoutePoint
		at := places().Draw(t, "start")
		place := places().Draw(t, "place")
		if away := rapid.SampledFrom([]float64{1e-7, 1e-4, 0.1, 180}).Draw(t, "away"); away < 180 {
			place = Place{at.Latitude * (1 - away/90), at.Longitude + rapid.Float64Range(-away, away).Draw(t, "aside")}
		}
		for range rapid.IntRange(1, 6).Draw(t, "points") {
			track = append(track, route(at)...)
			span := rapid.SampledFrom([]float64{0, 1e-7, 1e-4, 0.5}).Draw(t, "step")
			at.Latitude = max(-90, min(90, at.Latitude+span*rapid.Float64Range(-1, 1).Draw(t, "north")))
			at.Longitude += span * rapid.Float64Range(-1, 1).Draw(t, "east")
		}
		got := DistanceTo(track, place)
		nearest := math.Inf(1)
		for i := range track {
			nearest = min(nearest, Distance(track[i].Place(), place))
		}
		if !(got >= 0) || got > nearest+1e-6 {
			t.Fatalf("%v m to the route, %v m to its nearest point", got, nearest)
		}
		// No point of a leg is nearer than the nearest end by more than half of the leg.
		if longest := longestLeg(track); got < nearest-longest/2-1e-6 {
			t.Fatalf("%v m to the route, %v m to its nearest point, legs of at most %v m", got, nearest, longest)
		}
	})
}

func TestContains(t *testing.T) {
	t.Parallel()
	europe := Box{South: 35, West: -10, North: 70, East: 40}
	pacific := Box{South: -50, West: 160, North: 10, East: -70}
	nan := math.NaN()
	for _, test := range []struct {
		name  string
		box   Box
		place Place
		in    bool
	}{
		{"inside", europe, paris, true},
		{"south of it", europe, Place{34.9, 2}, false},
		{"north of it", europe, Place{70.1, 2}, false},
		{"west of it", europe, Place{50, -10.1}, false},
		{"east of it", europe, Place{50, 40.1}, false},
		{"corner", europe, Place{35, -10}, true},
		{"other corner", europe, Place{70, 40}, true},
		{"over the antimeridian, western part", pacific, auckland, true},
		{"over the antimeridian, eastern part", pacific, santiago, true},
		{"over the antimeridian, edge", pacific, Place{0, 180}, true},
		{"over the antimeridian, outside", pacific, sydney, false},
		{"no latitude", europe, Place{nan, 2}, false},
		{"no longitude", europe, Place{50, nan}, false},
		{"no longitude, over the antimeridian", pacific, Place{0, nan}, false},
		{"a single place", Box{1, 2, 1, 2}, Place{1, 2}, true},
	} {
		if in := test.box.Contains(test.place); in != test.in {
			t.Errorf("%s: %v", test.name, in)
		}
	}
}

func TestCrosses(t *testing.T) {
	t.Parallel()
	box := Box{South: 10, West: 10, North: 20, East: 20}
	pacific := Box{South: -10, West: 170, North: 10, East: -170}
	for _, test := range []struct {
		name  string
		box   Box
		route []RoutePoint
		want  bool
	}{
		{"a point inside", box, route(Place{0, 0}, Place{15, 15}), true},
		{"through without a point inside", box, route(Place{15, 0}, Place{15, 30}), true},
		{"past a corner", box, route(Place{5, 13}, Place{13, 5}), false},
		{"through the corner itself", box, route(Place{5, 15}, Place{15, 5}), true},
		{"diagonally through", box, route(Place{0, 0}, Place{30, 30}), true},
		{"past it", box, route(Place{0, 0}, Place{5, 30}), false},
		{"along an edge", box, route(Place{10, 0}, Place{10, 30}), true},
		{"beside an edge", box, route(Place{9.9, 0}, Place{9.9, 30}), false},
		{"up past it", box, route(Place{0, 25}, Place{30, 25}), false},
		{"standing outside", box, route(Place{5, 5}, Place{5, 5}), false},
		{"standing inside", box, route(Place{15, 15}, Place{15, 15}), true},
		{"nothing", box, nil, false},
		{"box over the antimeridian, east of it", pacific, route(Place{-20, -175}, Place{20, -175}), true},
		{"box over the antimeridian, west of it", pacific, route(Place{-20, 175}, Place{20, 175}), true},
		{"box over the antimeridian, outside", pacific, route(Place{-20, 0}, Place{20, 0}), false},
		{"leg over the antimeridian does not cross the globe", box, route(Place{15, 179}, Place{15, -179}), false},
	} {
		if got := Crosses(test.route, test.box); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// A line crosses a box when a point of it is in the box, and a line that crosses a box crosses every larger one.
func TestCrossesAgreesWithWalking(t *testing.T) {
	t.Parallel()
	// Sixteenths are exact: whether a line touches a corner does not depend on rounding.
	sixteenths := func(least, most int) *rapid.Generator[float64] {
		return rapid.Map(rapid.IntRange(16*least, 16*most), func(n int) float64 { return float64(n) / 16 })
	}
	coordinate := sixteenths(-20, 20)
	rapid.Check(t, func(t *rapid.T) {
		a := Place{coordinate.Draw(t, "a lat"), coordinate.Draw(t, "a lon")}
		b := Place{coordinate.Draw(t, "b lat"), coordinate.Draw(t, "b lon")}
		box := Box{South: coordinate.Draw(t, "south"), West: coordinate.Draw(t, "west")}
		box.North = box.South + sixteenths(0, 10).Draw(t, "height")
		box.East = box.West + sixteenths(0, 10).Draw(t, "width")
		crosses := Crosses(route(a, b), box)
		const steps = 1000
		margin := (math.Abs(b.Latitude-a.Latitude) + math.Abs(b.Longitude-a.Longitude)) / steps
		wider := Box{box.South - margin, box.West - margin, box.North + margin, box.East + margin}
		met, nearlyMet := false, false
		for i := range steps + 1 {
			f := float64(i) / steps
			p := Place{a.Latitude + f*(b.Latitude-a.Latitude), a.Longitude + f*(b.Longitude-a.Longitude)}
			met, nearlyMet = met || box.Contains(p), nearlyMet || wider.Contains(p)
		}
		if met && !crosses || crosses && !nearlyMet {
			t.Fatalf("crosses = %v, met on the way = %v, nearly = %v", crosses, met, nearlyMet)
		}
		if crosses && !Crosses(route(a, b), wider) {
			t.Fatal("a part of the box is crossed and the whole is not")
		}
	})
}

func places() *rapid.Generator[Place] {
	return rapid.Custom(func(t *rapid.T) Place {
		return Place{
			Latitude:  rapid.Float64Range(-90, 90).Draw(t, "latitude"),
			Longitude: rapid.Float64Range(-180, 180).Draw(t, "longitude"),
		}
	})
}

func route(places ...Place) []RoutePoint {
	var points []RoutePoint
	for _, p := range places {
		points = append(points, RoutePoint{Latitude: p.Latitude, Longitude: p.Longitude})
	}
	return points
}

func longestLeg(track []RoutePoint) float64 {
	longest := 0.0
	for i := 1; i < len(track); i++ {
		longest = max(longest, Distance(track[i-1].Place(), track[i].Place()))
	}
	return longest
}
