package format

import (
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// hkWorkoutEvent begins the names of what happens in a workout.
const hkWorkoutEvent = "HKWorkoutEventType"

// addPauses takes the pauses of a workout from its events: by hand or by itself, from one event to that which ends it. A
// pause that nothing ends lasts until the workout does.
func (a *appleDecoder) addPauses(w *health.Workout, n *node) {
	type event struct {
		at     health.Instant
		pauses bool
	}
	var events []event
	for e := range n.all("WorkoutEvent") {
		kind := strings.TrimPrefix(e.attr("type"), hkWorkoutEvent)
		pauses, resumes := kind == "Pause" || kind == "MotionPaused", kind == "Resume" || kind == "MotionResumed"
		at, _, ok := parseTime([]byte(e.attr("date")), a.zones.home.location)
		if ok && (pauses || resumes) {
			events = append(events, event{at, pauses})
		}
	}
	sortByTime(events, func(e *event) health.Instant { return e.at })
	begun := health.Instant(0)
	end := func(at health.Instant) {
		if begun != 0 && at > begun {
			absent := health.Absent()
			w.Series[health.SeriesPauses] = append(w.Series[health.SeriesPauses], health.SeriesPoint{
				Time: begun, Offset: w.Offset, Value: float64(at-begun) / float64(health.Second), Min: absent, Max: absent, Unit: "s",
			})
		}
		begun = 0
	}
	for _, e := range events {
		switch {
		case !e.pauses:
			end(e.at)
		case begun == 0:
			begun = e.at
		}
	}
	end(w.End)
}
