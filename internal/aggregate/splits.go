package aggregate

import (
	"math"

	"github.com/health-export/health-export/internal/health"
)

// Split is one part of a track. Gain and Loss, in metres, are absent (NaN) where no altitude is known, HeartRate, the
// mean in beats per minute, where none was measured.
type Split struct {
	// Metres is the length that was requested; of the last split, what is left.
	Metres     float64
	Start, End health.Instant
	Gain, Loss float64
	HeartRate  float64
	// Paused is how much of the time from Start to End the workout was paused.
	Paused health.Instant
}

// maxSplits limits how many splits a track has; a track that would have more is damaged.
const maxSplits = 10_000

// Splits divides a track into parts of the given length in metres. The start of a split is interpolated between the
// points of the track; time without movement belongs to the split in which it was spent. Lengths and times add up to
// those of the track, gains and losses to those of Climb. It returns nil for a track without length.
func Splits(track Track, length float64, heart []HeartRate, pauses []health.Pause) []Split {
	total := track.Length()
	if !(length > 0) || total == 0 || total/length > maxSplits {
		return nil
	}
	var splits []Split
	for i := 0.0; i*length < total; i++ {
		from, to := i*length, math.Min((i+1)*length, total)
		if total-to < length*1e-9 {
			to = total // what is left would be nothing but a rounding error
		}
		split := Split{Metres: to - from, Start: track[0].Time, End: track.At(to), Gain: health.Absent(), Loss: health.Absent()}
		if len(splits) > 0 {
			split.Start = splits[len(splits)-1].End
		}
		if to == total {
			split.End = track[len(track)-1].Time
		}
		split.HeartRate = meanHeartRate(heart, split.Start, split.End)
		split.Paused = pausedIn(pauses, split.Start, split.End)
		splits = append(splits, split)
		if to == total {
			break
		}
	}
	addClimbs(splits, track)
	return splits
}

// addClimbs adds each climb to the split in which it reached the threshold.
func addClimbs(splits []Split, track Track) {
	i := 0
	var meter climbMeter
	for _, p := range track {
		for i < len(splits)-1 && p.Time > splits[i].End {
			i++
		}
		gain, loss, known := meter.add(p.Altitude)
		if !known {
			continue
		}
		s := &splits[i]
		if health.IsAbsent(s.Gain) {
			s.Gain, s.Loss = 0, 0
		}
		s.Gain += gain
		s.Loss += loss
	}
}

// pausedIn returns how much of an interval the pauses take.
func pausedIn(pauses []health.Pause, start, end health.Instant) (paused health.Instant) {
	for _, p := range pauses {
		paused += max(0, min(p.End, end)-max(p.Start, start))
	}
	return paused
}
