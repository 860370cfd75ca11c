package assemble

import (
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// checkPossible refuses a sample whose values cannot be; see package health.
func (c *Collector) checkPossible(s *health.Sample, m *bodyMetric, at *health.Position) *health.Rejection {
	if field, message := s.Contradiction(); field != "" {
		return contradicting(at, field, message)
	}
	if m.longerThanSpan(s) {
		return refuse(at, "qty", fmt.Sprintf("The value of %s is longer than the time from its start to its end.", m.name),
			"Check the value, its unit, and the start and the end.")
	}
	return nil
}

func contradicting(at *health.Position, field, message string) *health.Rejection {
	return refuse(at, field, message, "Check the values, and whether two of them were exchanged.")
}

// secondsOf are the lengths of the units of time, in seconds.
var secondsOf = map[string]float64{"s": 1, "min": 60, "hr": 3600}

// longerThanSpan reports whether a value that is a duration is longer than that in which it was spent.
func (m *resolvedMetric) longerThanSpan(s *health.Sample) bool {
	if m.seconds == 0 || s.End <= s.Start {
		return false
	}
	span := float64(s.End-s.Start) / float64(health.Second)
	return s.Value*m.seconds > span*1.01+1 // figures are rounded
}

// checkPressure refuses a merged blood pressure whose values came as two elements and cannot be together, and warns where
// it has one of the two. It reports whether to store it.
func (c *Collector) checkPressure(s *health.Sample, ref *elementRef) bool {
	at := ref.position(c)
	if field, message := s.Contradiction(); field != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.rejectSample(ref, contradicting(&at, field, message))
		c.accounted.Add(1)
		return false
	}
	missing := ""
	switch {
	case health.IsAbsent(s.Systolic) && !health.IsAbsent(s.Diastolic):
		missing = "systolic"
	case health.IsAbsent(s.Diastolic) && !health.IsAbsent(s.Systolic):
		missing = "diastolic"
	default:
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Warn(health.Warning{
		Position: at, Code: health.MissingPressure,
		Message: fmt.Sprintf("The blood pressure has no %s value. It is stored with the other one.", missing),
		Details: map[string]any{"field": missing},
	})
	return true
}

// checkNight leaves out what a night cannot have, with a warning. It refuses the night where nothing is left.
func (c *Collector) checkNight(n *health.Night, at *health.Position) *health.Rejection {
	left := n.LeaveOutImpossible()
	if len(left) == 0 {
		return nil
	}
	if !n.HasFigures() {
		return refuse(at, left[0], "None of the night's durations can be right: each is negative or longer than a day.",
			"Send durations in the unit that units names.")
	}
	c.report.Warn(health.Warning{
		Position: *at, Code: health.ImplausibleSleep,
		Message: "Durations that the night cannot have, being negative or longer than it lasted, were left out. They are kept in the archive only.",
		Details: map[string]any{"fields": left},
	})
	return nil
}

// checkWorkout leaves out what a workout cannot have, and warns about what is unlikely.
func (c *Collector) checkWorkout(w *health.Workout, at *health.Position) {
	if left := w.LeaveOutImpossible(); len(left) > 0 {
		c.report.Warn(health.Warning{
			Position: *at, Code: health.ImpossibleFigure,
			Message: "Figures that the workout cannot have, being negative or longer than it lasted, were left out. They are kept in the archive only.",
			Details: map[string]any{"fields": left},
		})
	}
	if field, message := w.Unlikely(); field != "" {
		c.report.Warn(health.Warning{
			Position: *at, Code: health.SuspiciousValue, Message: message, Details: map[string]any{"field": field},
		})
	}
}
