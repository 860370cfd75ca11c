package query

import (
	"time"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// Splits are the parts of a workout of one length.
type Splits struct {
	// Unit is km or mi.
	Unit string `json:"unit"`
	// From is route, or the name of the distance series where there is no route.
	From string `json:"from"`
	// Distance and Seconds are those of all splits together: of the track from its first point to its last.
	Distance float64 `json:"distance"`
	Seconds  float64 `json:"seconds"`
	Splits   []Split `json:"splits"`
}

// Split is one part. The last one is as long as what was left. What is not known is null.
type Split struct {
	Split    int       `json:"split"` // from 1
	Distance float64   `json:"distance"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	// Seconds is the elapsed time, Paused how much of it the workout was paused, and Pace the other seconds for one
	// unit of distance: stops count unless they were pauses.
	Seconds float64  `json:"seconds"`
	Paused  float64  `json:"paused"`
	Pace    *float64 `json:"pace"`
	// ElevationGain and ElevationLoss are metres, HeartRate the mean in beats per minute.
	ElevationGain *float64 `json:"elevation_gain"`
	ElevationLoss *float64 `json:"elevation_loss"`
	HeartRate     *float64 `json:"heart_rate"`
}

// splitLengths are the lengths of splits in metres.
var splitLengths = map[string]float64{"km": 1000, "mi": 1609.344}

func splitsOf(track aggregate.Track, from, unit string, rates []aggregate.HeartRate, w *health.Workout) *Splits {
	length := splitLengths[unit]
	found := aggregate.Splits(track, length, rates, w.Pauses())
	if len(found) == 0 {
		return nil
	}
	splits := &Splits{Unit: unit, From: from, Distance: track.Length() / length, Splits: make([]Split, len(found))}
	for i, f := range found {
		seconds, paused := float64(f.End-f.Start)/float64(health.Second), float64(f.Paused)/float64(health.Second)
		splits.Seconds += seconds
		splits.Splits[i] = Split{
			Split: i + 1, Distance: f.Metres / length, Start: f.Start.In(w.Offset), End: f.End.In(w.Offset), Seconds: seconds, Paused: paused,
			ElevationGain: orNull(f.Gain), ElevationLoss: orNull(f.Loss), HeartRate: orNull(f.HeartRate),
		}
		if f.Metres > 0 {
			splits.Splits[i].Pace = orNull((seconds - paused) / f.Metres * length)
		}
	}
	return splits
}
