package aggregate

import (
	"math"

	"github.com/health-export/health-export/internal/health"
)

// ClimbThreshold is how many metres the altitude must change, from where it last did, to count as climbing or
// descending. Altitudes of a watch vary by a metre or two while it stands still; the sum of every difference would be
// far too large.
const ClimbThreshold = 2.0

// Elevation summarises the altitudes of a track, in metres.
type Elevation struct {
	Gain, Loss, Min, Max float64
}

// Climb sums up the altitudes of a track. A change counts when it has reached ClimbThreshold, and then in full, so that
// Gain − Loss is the difference between the ends to within it. ok is false where no altitude is known.
func Climb(track Track) (e Elevation, ok bool) {
	e.Min, e.Max = math.Inf(1), math.Inf(-1)
	var meter climbMeter
	for _, p := range track {
		gain, loss, known := meter.add(p.Altitude)
		if !known {
			continue
		}
		e.Gain += gain
		e.Loss += loss
		e.Min, e.Max = math.Min(e.Min, p.Altitude), math.Max(e.Max, p.Altitude)
		ok = true
	}
	if !ok {
		return Elevation{}, false
	}
	return e, true
}

// climbMeter has the altitude of the last change that counted.
type climbMeter struct {
	level   float64
	started bool
}

func (m *climbMeter) add(altitude float64) (gain, loss float64, known bool) {
	if health.IsAbsent(altitude) {
		return 0, 0, false
	}
	change := altitude - m.level
	switch {
	case !m.started:
		m.level, m.started = altitude, true
	case change >= ClimbThreshold:
		m.level, gain = altitude, change
	case change <= -ClimbThreshold:
		m.level, loss = altitude, -change
	}
	return gain, loss, true
}
