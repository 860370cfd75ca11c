package format

import (
	"github.com/health-export/health-export/internal/health"
)

// summaryQuantities are the quantities of an ActivitySummary. unit applies where the element has none.
var summaryQuantities = []struct {
	attr, unitAttr, metric, unit string
	goal                         bool
}{
	{"activeEnergyBurned", "activeEnergyBurnedUnit", "active_energy", "kcal", false},
	{"activeEnergyBurnedGoal", "activeEnergyBurnedUnit", "active_energy_goal", "kcal", true},
	{"appleExerciseTime", "", "apple_exercise_time", "min", false},
	{"appleExerciseTimeGoal", "", "exercise_time_goal", "min", true},
	{"appleStandHours", "", "apple_stand_hour", "count", false},
	{"appleStandHoursGoal", "", "stand_hour_goal", "count", true},
	{"appleMoveTime", "", "apple_move_time", "min", false},
	{"appleMoveTimeGoal", "", "move_time_goal", "min", true},
	{"appleMoveMinutes", "", "apple_move_time", "min", false}, // the former names of the last two
	{"appleMoveMinutesGoal", "", "move_time_goal", "min", true},
}

// emitActivitySummary emits the activity rings of a day: summaries of the metrics, and the goals. Zero means "not
// recorded" in both: a day on which no watch was worn must not hide what a phone counted.
func (a *appleDecoder) emitActivitySummary(n *node) error {
	at := a.nextPosition(n.name, "metric")
	at.Metric = n.name
	day, err := health.ParseDate(n.attr("dateComponents"))
	if err != nil {
		return a.reject(at, n.name, "dateComponents", "The summary does not say its day.", exportAgain)
	}
	start := day.In(a.zones.home.Location())
	_, offset := start.Zone()
	var samples []health.Sample
	for _, f := range summaryQuantities {
		text := n.attr(f.attr)
		v, ok := xmlNumber([]byte(text))
		if text != "" && !ok {
			return a.reject(at, n.name, f.attr, "A figure of the day is not a number.", exportAgain)
		}
		if !ok || v == 0 {
			continue
		}
		s := health.NewSample()
		s.Metric, s.Unit, s.Value, s.Grain = f.metric, f.unit, v, health.GrainDay
		if unit := n.attr(f.unitAttr); unit != "" {
			s.Unit = unit
		}
		s.Start, s.Offset = health.InstantOf(start), int32(offset)
		s.End = s.Start
		samples = append(samples, s)
	}
	if samples == nil { // nothing was recorded, and nothing is lost
		return a.emit(health.Record{Position: at, Type: n.name, Merged: true})
	}
	return a.emit(health.Record{Position: at, Type: n.name, Samples: samples})
}
