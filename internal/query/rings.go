package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
)

// Rings are the goals of a day and what was reached of them. A ring is null where its goal is not known.
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

// addRings comes after addMetrics, whose values it reads.
func (s *Service) addRings(_ context.Context, _ uuid.UUID, _ *time.Location, days []DaySummary) error {
	metrics := s.Catalog.Rings()
	for i := range days {
		rings := Rings{
			Move:     ring(&days[i], metrics[catalog.RingMove]),
			Exercise: ring(&days[i], metrics[catalog.RingExercise]),
			Stand:    ring(&days[i], metrics[catalog.RingStand]),
		}
		if rings != (Rings{}) {
			days[i].Rings = &rings
		}
	}
	return nil
}

// ring returns nil without a goal. A day that has a goal and no data of the metric has the value 0.
func ring(day *DaySummary, metric *catalog.Metric) *Ring {
	if metric == nil {
		return nil
	}
	goal, ok := dayValue(day, metric.Goal)
	if !ok || goal.Value == nil || *goal.Value <= 0 {
		return nil
	}
	ring := &Ring{Goal: *goal.Value, Unit: goal.Unit}
	if reached, ok := dayValue(day, metric); ok && reached.Value != nil && reached.Unit == goal.Unit {
		ring.Value = *reached.Value
	}
	ring.Progress = ring.Value / ring.Goal
	ring.Closed = ring.Progress >= 1
	return ring
}

func dayValue(day *DaySummary, metric *catalog.Metric) (DayValue, bool) {
	value, ok := day.Metrics[metric.Category][metric.Name]
	return value, ok
}
