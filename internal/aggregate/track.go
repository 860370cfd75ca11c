package aggregate

import (
	"math"
	"slices"
	"sort"

	"github.com/health-export/health-export/internal/health"
)

// Track is the distance covered over time, in order of time; distances never decrease.
type Track []TrackPoint

// TrackPoint is one point of a track: metres from its start, and the altitude in metres, absent (NaN) where it is not
// known.
type TrackPoint struct {
	Time     health.Instant
	Distance float64
	Altitude float64
}

// TrackOf measures the route of a workout of the given name. It leaves out the outliers, see health.Outliers, points
// without a time or place, and those that are not later than the one before.
func TrackOf(route []health.RoutePoint, activity string) Track {
	var track Track
	var last *health.RoutePoint
	outliers := health.Outliers(route, activity)
	for i := range route {
		p := &route[i]
		if outliers != nil && outliers[i] || p.Time == 0 || health.IsAbsent(p.Latitude) || health.IsAbsent(p.Longitude) || last != nil && p.Time <= last.Time {
			continue
		}
		distance := 0.0
		if last != nil {
			distance = track[len(track)-1].Distance + health.Distance(last.Place(), p.Place())
		}
		track = append(track, TrackPoint{p.Time, distance, p.Altitude})
		last = p
	}
	return track
}

// distanceSpan is how long a reading of a distance series lasts at most.
const distanceSpan = 60 * health.Second

// TrackOfDistances makes a track of a series, in order of time, whose values are the metres covered since the point's
// time: until the next point, for a minute at most, and not beyond the end of the workout (0 where it is not known). It
// has no altitudes.
func TrackOfDistances(series []health.SeriesPoint, end health.Instant) Track {
	readings := slices.DeleteFunc(slices.Clone(series), func(p health.SeriesPoint) bool {
		return p.Time == 0 || !(p.Value >= 0) || math.IsInf(p.Value, 0)
	})
	var track Track
	covered := 0.0
	for i, p := range readings {
		until := p.Time + distanceSpan
		if end > p.Time {
			until = min(until, end)
		}
		if i+1 < len(readings) {
			until = min(until, readings[i+1].Time)
		}
		if n := len(track); n == 0 || p.Time > track[n-1].Time {
			track = append(track, TrackPoint{p.Time, covered, health.Absent()})
		}
		covered += p.Value
		track = append(track, TrackPoint{max(until, track[len(track)-1].Time), covered, health.Absent()})
	}
	return track
}

// maxMisfit is the greatest ratio of the length of a route to the distance of its workout, or the other way round, at
// which they are taken for the same way.
const maxMisfit = 1.25

// FittedTo scales the track to a length in metres that is known better, as a workout's distance is than that of a route
// of imprecise points. ok is false, and the track unchanged, where the two differ by more than a quarter: then a part
// of the route is missing, or it jumps.
func (t Track) FittedTo(length float64) (fitted Track, ok bool) {
	ratio := length / t.Length()
	if !(ratio <= maxMisfit && ratio >= 1/maxMisfit) {
		return t, false
	}
	fitted = slices.Clone(t)
	for i := range fitted {
		fitted[i].Distance *= ratio
	}
	return fitted, true
}

// Length returns the metres that the track covers.
func (t Track) Length() float64 {
	if len(t) == 0 {
		return 0
	}
	return t[len(t)-1].Distance
}

// At returns the time at which a distance was reached, with constant speed between two points. The distance is from 0
// to the track's length; the track has a point.
func (t Track) At(distance float64) health.Instant {
	i := sort.Search(len(t), func(i int) bool { return t[i].Distance >= distance })
	switch {
	case i == 0:
		return t[0].Time
	case i == len(t):
		return t[i-1].Time
	}
	return t[i-1].timeTo(t[i], distance)
}

func (p TrackPoint) timeTo(next TrackPoint, distance float64) health.Instant {
	if next.Distance <= p.Distance {
		return next.Time
	}
	share := (distance - p.Distance) / (next.Distance - p.Distance)
	return p.Time + health.Instant(math.Round(share*float64(next.Time-p.Time)))
}

// Fastest returns the part of the given length that took the least time, pauses included; ok is false where the track
// is shorter. One end of the fastest part is at a point of the track.
func (t Track) Fastest(length float64) (from, to health.Instant, ok bool) {
	const rounding = 1e-9 // a track that was fitted to a length may have lost as much of it
	if length <= 0 || t.Length() < length*(1-rounding) {
		return 0, 0, false
	}
	length = math.Min(length, t.Length())
	consider := func(start, end health.Instant) {
		if !ok || end-start < to-from {
			from, to, ok = start, end, true
		}
	}
	for _, p := range t {
		if p.Distance+length <= t.Length() {
			consider(p.Time, t.At(p.Distance+length))
		}
		if p.Distance >= length {
			// The part begins at the last time at which this distance was reached: a stop before it is not part of it.
			consider(t.lastTimeAt(p.Distance-length), p.Time)
		}
	}
	return from, to, ok
}

// lastTimeAt is At, but returns the last of the times at which the distance was reached.
func (t Track) lastTimeAt(distance float64) health.Instant {
	i := sort.Search(len(t), func(i int) bool { return t[i].Distance > distance })
	if i == 0 || i == len(t) {
		return t.At(distance)
	}
	return t[i-1].timeTo(t[i], distance)
}
