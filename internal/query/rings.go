package query

import (
	"context"

	"github.com/google/uuid"
)

// Rings are how far the person came towards the goals of a day. A ring is null where its goal is not known.
type Rings struct {
	Move     *Ring `json:"move"`
	Exercise *Ring `json:"exercise"`
	Stand    *Ring `json:"stand"`
}

// Ring is one goal and what was reached of it. Progress is Value as a share of Goal: 1 is a closed ring.
type Ring struct {
	Value    float64 `json:"value"`
	Goal     float64 `json:"goal"`
	Unit     string  `json:"unit"`
	Progress float64 `json:"progress"`
	Closed   bool    `json:"closed"`
}

// addRings needs the metrics of the days.
func (s *Service) addRings(_ context.Context, _ uuid.UUID, days []DaySummary) error {
	for i := range days {
		rings := Rings{
			Move:     s.ring(&days[i], "active_energy", "active_energy_goal"),
			Exercise: s.ring(&days[i], "apple_exercise_time", "exercise_time_goal"),
			Stand:    s.ring(&days[i], "apple_stand_hour", "stand_hour_goal"),
		}
		if rings != (Rings{}) {
			days[i].Rings = &rings
		}
	}
	return nil
}

// ring is null without a goal. A day without data of the metric has come nowhere.
func (s *Service) ring(day *DaySummary, metric, goal string) *Ring {
	goalValue, ok := s.valueOf(day, goal)
	if !ok || goalValue.Value == nil || *goalValue.Value <= 0 {
		return nil
	}
	ring := &Ring{Goal: *goalValue.Value, Unit: goalValue.Unit}
	if reached, ok := s.valueOf(day, metric); ok && reached.Value != nil && reached.Unit == goalValue.Unit {
		ring.Value = *reached.Value
	}
	ring.Progress = ring.Value / ring.Goal
	ring.Closed = ring.Progress >= 1
	return ring
}

func (s *Service) valueOf(day *DaySummary, metric string) (DayValue, bool) {
	known, _ := s.Catalog.Lookup(metric)
	value, ok := day.Metrics[categoryOf(known)][metric]
	return value, ok
}
