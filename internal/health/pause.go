package health

import (
	"cmp"
	"slices"
)

// SeriesPauses is the name of the series with a workout's pauses: a point is a pause of Value seconds from its time on.
const SeriesPauses = "pauses"

// Pause is an interval in which a workout was paused.
type Pause struct{ Start, End Instant }

// Pauses returns the pauses of a workout in order, overlapping ones merged.
func (w *Workout) Pauses() (pauses []Pause) {
	for _, p := range w.Series[SeriesPauses] {
		if p.Time != 0 && p.Value > 0 {
			pauses = append(pauses, Pause{p.Time, p.Time + Instant(p.Value*float64(Second))})
		}
	}
	slices.SortFunc(pauses, func(a, b Pause) int { return cmp.Compare(a.Start, b.Start) })
	kept := pauses[:0]
	for _, p := range pauses {
		if n := len(kept); n > 0 && p.Start <= kept[n-1].End {
			kept[n-1].End = max(kept[n-1].End, p.End)
			continue
		}
		kept = append(kept, p)
	}
	return kept
}
