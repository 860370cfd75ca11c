package format

import (
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// hkWorkoutEvent is the prefix of HealthKit's names of workout events.
const hkWorkoutEvent = "HKWorkoutEventType"

// addPauses adds the pauses of a workout, manual and automatic ones, as a series made from its events. A pause without
// an end lasts until the end of the workout.
func (a *appleDecoder) addPauses(w *health.Workout, n *node) {
	type event struct {
		at     health.Instant
		pauses bool
	}
	var events []event
	for e := range n.all("WorkoutEvent") {
		kind := strings.TrimPrefix(e.attr("type"), hkWorkoutEvent)
		pauses, resumes := kind == "Pause" || kind == "MotionPaused", kind == "Resume" || kind == "MotionResumed"
		at, _, ok := a.times.parse([]byte(e.attr("date")))
		if ok && (pauses || resumes) {
			events = append(events, event{at, pauses})
		}
	}
	sortByTime(events, func(e *event) health.Instant { return e.at })
	paused := health.Instant(0) // the start of the current pause, 0 for none
	end := func(at health.Instant) {
		if paused != 0 && at > paused {
			absent := health.Absent()
			w.Series[health.SeriesPauses] = append(w.Series[health.SeriesPauses], health.SeriesPoint{
				Time: paused, Offset: w.Offset, Value: float64(at-paused) / float64(health.Second), Min: absent, Max: absent, Unit: "s",
			})
		}
		paused = 0
	}
	for _, e := range events {
		switch {
		case !e.pauses:
			end(e.at)
		case paused == 0:
			paused = e.at
		}
	}
	end(w.End)
}
