package query

import (
	"context"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// WorkoutRequest selects one workout and what is computed from it.
type WorkoutRequest struct {
	ID uuid.UUID
	// MaxHeartRate is the user's maximum heart rate, in beats per minute, from 100 to 250; 0 is 190.
	MaxHeartRate float64
	// Splits is the length of splits, km or mi; "" is none.
	Splits string
}

// Elevation is computed from the altitudes of the route, in metres.
type Elevation struct {
	Unit string `json:"unit"`
	// Threshold is how much the altitude must change to count, see aggregate.ClimbThreshold.
	Threshold float64 `json:"threshold"`
	Gain      float64 `json:"gain"`
	Loss      float64 `json:"loss"`
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
}

// distanceSeries are the series of a workout that have a distance, in the order in which they are tried.
var distanceSeries = []string{"walking_and_running_distance", "cycling_distance", "swim_distance"}

func (r *WorkoutRequest) check() error {
	if _, ok := splitLengths[r.Splits]; !ok && r.Splits != "" {
		return problem.New(problem.Invalid, "invalid_splits", "Splits are by km or by mi.").In("splits").Allowing("km", "mi")
	}
	if r.MaxHeartRate != 0 && !(r.MaxHeartRate >= leastMaxHeartRate && r.MaxHeartRate <= mostMaxHeartRate) {
		return problem.New(problem.Invalid, "invalid_max_heart_rate", fmt.Sprintf(
			"The highest heart rate must be from %d to %d beats per minute.", leastMaxHeartRate, mostMaxHeartRate)).In("max_heart_rate")
	}
	return nil
}

// analyse sets what is computed from a workout.
func (s *Service) analyse(ctx context.Context, user uuid.UUID, w *health.Workout, request WorkoutRequest, detail *WorkoutDetail) error {
	end := w.End
	if end == 0 && w.Duration > 0 {
		end = w.Start + health.Instant(w.Duration*float64(health.Second))
	}
	if w.End > w.Start {
		elapsed := float64(w.End-w.Start) / float64(health.Second)
		detail.Elapsed = &elapsed
		detail.Paused = orNull(math.Max(0, elapsed-w.Duration)) // absent where the duration is
	}
	rates, err := s.heartRates(ctx, user, w, end)
	if err != nil {
		return err
	}
	detail.HeartRateZones = rates.zones(w.Start, end, request.MaxHeartRate)
	track, from := s.track(w)
	if climb, ok := aggregate.Climb(track); ok {
		detail.Elevation = &Elevation{
			Unit: "m", Threshold: aggregate.ClimbThreshold, Gain: climb.Gain, Loss: climb.Loss, Min: climb.Min, Max: climb.Max,
		}
	}
	if request.Splits != "" {
		detail.Splits = splitsOf(track, from, request.Splits, rates.rates, w)
	}
	return nil
}

// track returns the distance over time: of the route, fitted to the distance of the workout, or of a distance series
// where the route has no times.
func (s *Service) track(w *health.Workout) (track aggregate.Track, from string) {
	if track = aggregate.TrackOf(w.Route, w.Name); track.Length() > 0 {
		track, _ = track.FittedTo(s.workoutQuantity(w, "distance", "m"))
		return track, "route"
	}
	for _, name := range distanceSeries {
		if distances := aggregate.TrackOfDistances(s.metres(w.Series[name]), w.End); distances.Length() > 0 {
			return distances, name
		}
	}
	return track, "route"
}

// metres returns the points of a series whose unit is one of length, in metres.
func (s *Service) metres(series []health.SeriesPoint) []health.SeriesPoint {
	var shown []health.SeriesPoint
	for _, p := range series {
		if conversion, ok := s.Catalog.Conversion(p.Unit, "m"); ok {
			p.Value = conversion.Apply(p.Value)
			shown = append(shown, p)
		}
	}
	return shown
}
