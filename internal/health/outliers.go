package health

import (
	"math"
	"slices"
	"strings"
)

// worthlessAccuracy is the horizontal accuracy, in metres, beyond which a position says nothing about the way. One below 0
// says that the position is not valid.
const worthlessAccuracy = 100.0

// fastest are the speeds, in metres per second, that nobody exceeds in an activity; a word of its name tells which. The
// first that fits is taken.
var fastest = []struct {
	words []string
	speed float64
}{
	{[]string{"swim"}, 5},
	{[]string{"run", "walk", "hik", "jog"}, 15},
	{[]string{"row", "paddl", "kayak"}, 15},
	{[]string{"cycl", "bik", "ride", "skat"}, 40},
	{[]string{"ski", "snow", "sail", "surf"}, 70},
}

const (
	// A speed limit that follows from the route itself is this many times the median speed, within these bounds.
	mediansToLimit        = 5
	leastLimit, mostLimit = 15.0, 350.0
	// A run of points that lasts this long, with this many points, is a way and no fault, however far off it begins: the
	// phone was in a train in between.
	wayPoints, wayTime = 10, 30 * Second
	// lookBack is how many runs before one are looked at for the one that it continues.
	lookBack = 50
)

// Outliers reports which points of a route do not belong to the way, true for each: those whose accuracy says that they are
// worthless, and those to which, and back from which, nobody gets as fast in the activity. Points without a time are
// judged by their accuracy alone. It returns nil where all points belong to the way. activity is the name of the workout,
// in any language.
func Outliers(route []RoutePoint, activity string) (out []bool) {
	mark := func(i int) {
		if out == nil {
			out = make([]bool, len(route))
		}
		out[i] = true
	}
	judged := make([]int, 0, len(route)) // the points with a place and a later time than the one before
	for i := range route {
		p := &route[i]
		switch last := len(judged) - 1; {
		case p.HorizontalAccuracy < 0 || p.HorizontalAccuracy > worthlessAccuracy:
			mark(i)
		case p.Time == 0, IsAbsent(p.Latitude), IsAbsent(p.Longitude):
		case last >= 0 && p.Time <= route[judged[last]].Time:
		default:
			judged = append(judged, i)
		}
	}
	for _, r := range offTheWay(route, judged, speedLimit(route, judged, activity)) {
		for _, i := range judged[r.from:r.to] {
			mark(i)
		}
	}
	return out
}

// speedLimit returns the speed that is not exceeded in an activity: known by its name, or from the median speed.
func speedLimit(route []RoutePoint, judged []int, activity string) float64 {
	activity = strings.ToLower(activity)
	for _, f := range fastest {
		if slices.ContainsFunc(f.words, func(word string) bool { return strings.Contains(activity, word) }) {
			return f.speed
		}
	}
	speeds := make([]float64, 0, len(judged))
	for i := 1; i < len(judged); i++ {
		speeds = append(speeds, speedBetween(&route[judged[i-1]], &route[judged[i]]))
	}
	if len(speeds) == 0 {
		return mostLimit
	}
	slices.Sort(speeds)
	return math.Max(leastLimit, math.Min(mostLimit, mediansToLimit*speeds[len(speeds)/2]))
}

// speedBetween returns the speed in metres per second from one point to a later one. Where both are accurate to some
// metres only, their distance is shorter by as much.
func speedBetween(a, b *RoutePoint) float64 {
	distance := Distance(a.Place(), b.Place())
	for _, accuracy := range []float64{a.HorizontalAccuracy, b.HorizontalAccuracy} {
		if !IsAbsent(accuracy) {
			distance -= accuracy
		}
	}
	return math.Max(0, distance) / (float64(b.Time-a.Time) / float64(Second))
}

// pointRun is a run of judged points, from one to before another, each reached from the one before without exceeding the
// limit.
type pointRun struct {
	from, to int
	points   int // of the chain of runs that ends with this one
	before   int // the run before it in that chain, -1 for none
}

// offTheWay returns the runs of points that are not part of the way: of the longest chain of runs in which each is reached
// from the one before without exceeding the limit.
func offTheWay(route []RoutePoint, judged []int, limit float64) (off []pointRun) {
	var runs []pointRun
	for i := range judged {
		if i == 0 || speedBetween(&route[judged[i-1]], &route[judged[i]]) > limit {
			runs = append(runs, pointRun{from: i})
		}
		runs[len(runs)-1].to = i + 1
	}
	if len(runs) < 2 {
		return nil
	}
	end := 0 // the last run of the longest chain
	for i := range runs {
		r := &runs[i]
		r.before = -1
		for j := i - 1; j >= max(0, i-lookBack); j-- {
			reached := speedBetween(&route[judged[runs[j].to-1]], &route[judged[r.from]]) <= limit
			if reached && runs[j].points > r.points {
				r.points, r.before = runs[j].points, j
			}
		}
		if r.points += r.to - r.from; r.points > runs[end].points {
			end = i
		}
	}
	if 2*runs[end].points <= len(judged) {
		return nil // no way has more than half of the points: their times say nothing
	}
	onTheWay := map[int]bool{}
	for i := end; i >= 0; i = runs[i].before {
		onTheWay[i] = true
	}
	for i, r := range runs {
		long := r.to-r.from >= wayPoints && route[judged[r.to-1]].Time-route[judged[r.from]].Time >= wayTime
		if !onTheWay[i] && !long {
			off = append(off, r)
		}
	}
	return off
}
