package health

import (
	"fmt"
	"math"
	"slices"
)

// What cannot be is never used as a figure. An element whose only value, or whose values together, cannot be is refused;
// where one of several figures cannot be, that one is left out and the element is stored with a warning. What is merely
// unlikely is stored, with a warning. docs/plausibility.md is the whole table.

const (
	longestSleep    = 24.0 // hours, of a night and of each of its durations
	hour            = 60 * minute
	rounding        = 0.01 // by which figures that were rounded apart may differ, of their size
	longestWorkout  = 24 * hour
	workoutRounding = minute // in some forms times are truncated to it
)

// PossibleNight reports whether sleep may last from start to end.
func PossibleNight(start, end Instant) bool { return end >= start && end-start <= Day }

// InOrder reports whether a minimum, a mean and a maximum may be those of the same readings, as far as each is there. They
// may have been rounded.
func InOrder(low, mean, high float64) bool {
	if IsAbsent(low) && IsAbsent(high) {
		return true
	}
	above := func(a, b float64) bool { return a-b > rounding*math.Max(math.Abs(a), math.Abs(b)) } // false where one is absent
	return !above(low, mean) && !above(mean, high) && !above(low, high)
}

// Contradiction returns the field in which the values of a sample contradict each other, and how; "" where they do not.
func (s *Sample) Contradiction() (field, message string) {
	switch {
	case s.Diastolic > s.Systolic: // false where one is absent
		return "diastolic", "The diastolic pressure is above the systolic."
	case !InOrder(s.Min, s.Value, s.Max):
		return "Avg", "Minimum, average and maximum contradict each other."
	}
	return "", ""
}

// LeaveOutImpossible removes the durations that the night cannot have: those that are negative, longer than a day, or
// longer than the sleep of which they are part lasted, each or, of the stages, together. It returns the names of their
// fields.
func (n *Night) LeaveOutImpossible() (left []string) {
	asleep, inBed := spanHours(n.SleepStart, n.SleepEnd), spanHours(n.InBedStart, n.InBedEnd)
	for _, d := range []struct {
		name  string
		hours *float64
		most  float64
	}{
		{"totalSleep", &n.Total, asleep},
		{"asleep", &n.Asleep, asleep},
		{"core", &n.Core, asleep},
		{"deep", &n.Deep, asleep},
		{"rem", &n.REM, asleep},
		{"awake", &n.Awake, math.Max(asleep, inBed)},
		{"inBed", &n.InBed, inBed},
	} {
		if *d.hours < 0 || *d.hours > d.most {
			*d.hours = Absent()
			left = append(left, d.name)
		}
	}
	if stages := n.stages(); stages > asleep {
		for name, hours := range map[string]*float64{"core": &n.Core, "deep": &n.Deep, "rem": &n.REM} {
			if !IsAbsent(*hours) {
				*hours = Absent()
				left = append(left, name)
			}
		}
		slices.Sort(left)
	}
	return left
}

// stages returns the sum of the stages of sleep that are known.
func (n *Night) stages() (sum float64) {
	for _, v := range []float64{n.Core, n.Deep, n.REM} {
		if !IsAbsent(v) {
			sum += v
		}
	}
	return sum
}

// spanHours returns the most hours that a part of a span may last, those of a day where the span is not known.
func spanHours(start, end Instant) float64 {
	if start == 0 || end == 0 {
		return longestSleep
	}
	return float64(end-start+minute) / float64(hour)
}

// HasFigures reports whether anything is known of the night but its date.
func (n *Night) HasFigures() bool {
	if _, _, spans := n.Span(); spans {
		return true
	}
	return n.HasDurations()
}

// HasDurations reports whether one of the Durations is known.
func (n *Night) HasDurations() bool {
	return slices.ContainsFunc(n.Durations(), func(hours *float64) bool { return !IsAbsent(*hours) })
}

// Durations returns the durations of the night, in hours, which may be absent.
func (n *Night) Durations() []*float64 {
	return []*float64{&n.Total, &n.Asleep, &n.Core, &n.Deep, &n.REM, &n.Awake, &n.InBed}
}

// LeaveOutImpossible removes the duration of a workout that it cannot have, and quantities below zero of which none can
// be. It returns the names of their fields.
func (w *Workout) LeaveOutImpossible() (left []string) {
	span := float64(w.End-w.Start+workoutRounding) / float64(Second)
	if w.Duration < 0 || w.End != 0 && w.Duration > span {
		w.Duration = Absent()
		left = append(left, "duration")
	}
	for _, name := range []string{
		"active_energy", "basal_energy", "total_energy", "distance", "speed", "avg_speed", "max_speed", "avg_heart_rate",
		"max_heart_rate", "min_heart_rate", "step_count", "flights_climbed",
	} {
		if w.Quantities[name].Value < 0 {
			delete(w.Quantities, name)
			left = append(left, name)
		}
	}
	return left
}

// Unlikely returns what about a workout is hard to believe, "" where nothing is.
func (w *Workout) Unlikely() (field, message string) {
	value := func(name string) float64 {
		if q, ok := w.Quantities[name]; ok {
			return q.Value
		}
		return Absent()
	}
	switch {
	case w.End-w.Start > longestWorkout:
		return "end", fmt.Sprintf("The workout is longer than %d hours. It is stored.", longestWorkout/hour)
	case !InOrder(value("min_heart_rate"), value("avg_heart_rate"), value("max_heart_rate")):
		return "avgHeartRate", "The lowest, average and highest heart rate of the workout contradict each other. They are stored."
	}
	return "", ""
}
