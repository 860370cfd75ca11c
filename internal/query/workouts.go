package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// The limits of a page of workouts.
const (
	workoutsOnPage = 100
	maxWorkouts    = 1000
	workoutsCursor = "workouts"
)

// WorkoutsRequest filters a listing of workouts. Zero values do not filter.
type WorkoutsRequest struct {
	Start, End time.Time      // of the start
	Name       string         // without regard to case
	Box        *health.Box    // the route enters it
	Near       *health.Circle // the route comes that near
	Cursor     string
	Limit      int // 0 is 100
}

// WorkoutsPage is one page of workouts, newest first. NextCursor is null on the last one.
type WorkoutsPage struct {
	Workouts   []Workout `json:"workouts"`
	NextCursor *string   `json:"next_cursor"`
}

// Workout is one workout without its series and its route.
type Workout struct {
	ID uuid.UUID `json:"id"`
	// AppID is the app's own id; null where it sent none.
	AppID *string    `json:"app_id"`
	Name  string     `json:"name"`
	Start time.Time  `json:"start"`
	End   *time.Time `json:"end"`
	// Duration is the active time in seconds.
	Duration *float64 `json:"duration"`
	Source   string   `json:"source"`
	// Quantities are the single values by name: active_energy, distance …
	Quantities map[string]health.Quantity `json:"quantities"`
	Attributes Object                     `json:"attributes,omitempty"`
	// AlsoFrom are other entries of the same workout, see health.MergedWorkout. What only they have is part of this
	// one.
	AlsoFrom []OtherEntry `json:"also_from,omitempty"`
}

// OtherEntry is an entry of a workout that was sent in another way.
type OtherEntry struct {
	ID     uuid.UUID `json:"id"`
	AppID  *string   `json:"app_id"`
	Name   string    `json:"name"`
	Source string    `json:"source"`
}

// WorkoutDetail is a workout with its series. Route returns the points of its route.
type WorkoutDetail struct {
	Workout
	Series      map[string][]SeriesPoint `json:"series"`
	HasRoute    bool                     `json:"has_route"`
	RoutePoints int                      `json:"route_points"`
	// Elapsed is the time from start to end in seconds, and Paused the part of it that was not active; null where the
	// end, or the duration, was not sent.
	Elapsed *float64 `json:"elapsed"`
	Paused  *float64 `json:"paused"`
	// HeartRateZones is null where no heart rate is known, Elevation where no altitude is.
	HeartRateZones *HeartRateZones `json:"heart_rate_zones"`
	Elevation      *Elevation      `json:"elevation"`
	// Splits is null unless the request includes them, and where no distance is known.
	Splits *Splits `json:"splits"`
}

// SeriesPoint is one reading during a workout: Value, or any of Min, Avg and Max.
type SeriesPoint struct {
	// Time is null where the reading was sent without one.
	Time   *time.Time `json:"time"`
	Value  *float64   `json:"value,omitempty"`
	Min    *float64   `json:"min,omitempty"`
	Avg    *float64   `json:"avg,omitempty"`
	Max    *float64   `json:"max,omitempty"`
	Unit   string     `json:"unit"`
	Source string     `json:"source"`
}

// workoutPosition is that of the last workout of a page.
type workoutPosition struct {
	Start health.Instant `json:"start"`
	ID    uuid.UUID      `json:"id"`
}

// Workouts returns merged workouts, newest first.
func (s *Service) Workouts(ctx context.Context, user account.User, request WorkoutsRequest) (WorkoutsPage, error) {
	limit, err := pageLimit(request.Limit, workoutsOnPage, maxWorkouts)
	if err != nil {
		return WorkoutsPage{}, err
	}
	within, err := rangeOf(request.Start, request.End)
	if err != nil {
		return WorkoutsPage{}, err
	}
	after, err := decodeCursor[workoutPosition](workoutsCursor, request.Cursor)
	if err != nil {
		return WorkoutsPage{}, err
	}
	query := store.WorkoutQuery{
		Range: widenForMerging(within, after), Name: request.Name, Box: request.Box, Near: request.Near, Limit: limit + mergeLookahead,
	}
	page := WorkoutsPage{Workouts: []Workout{}}
	var last workoutPosition
	for merged, err := range mergedWorkouts(store.AllWorkouts(ctx, s.Config.Workouts, user.ID, query)) {
		if err != nil {
			return WorkoutsPage{}, err
		}
		here := workoutPosition{merged.Start, merged.ID}
		if !inRange(within, merged.Start) || after != nil && !here.follows(*after) {
			continue
		}
		if len(page.Workouts) == limit {
			page.NextCursor, err = encodeCursor(workoutsCursor, last)
			return page, err
		}
		page.Workouts, last = append(page.Workouts, workoutOf(&merged)), here
	}
	return page, nil
}

// Workout returns one merged workout with its series and what is computed from them and the route. The id may be that
// of any of its entries.
func (s *Service) Workout(ctx context.Context, user account.User, request WorkoutRequest) (WorkoutDetail, error) {
	if err := request.check(); err != nil {
		return WorkoutDetail{}, err
	}
	merged, err := s.mergedWorkout(ctx, user.ID, request.ID)
	if err != nil {
		return WorkoutDetail{}, err
	}
	workout := merged.Workout
	detail := WorkoutDetail{
		Workout: workoutOf(&merged), Series: map[string][]SeriesPoint{},
		HasRoute: len(workout.Route) > 0, RoutePoints: len(workout.Route),
	}
	for name, points := range workout.Series {
		shown := make([]SeriesPoint, len(points))
		for i := range points {
			shown[i] = seriesPointOf(&points[i])
		}
		detail.Series[name] = shown
	}
	return detail, s.analyse(ctx, user.ID, &workout, request, &detail)
}

// Route returns a workout with the points of its route, of which there is at least one. NotFound.
func (s *Service) Route(ctx context.Context, user account.User, id uuid.UUID) (health.Workout, error) {
	merged, err := s.mergedWorkout(ctx, user.ID, id)
	if err != nil {
		return health.Workout{}, err
	}
	if len(merged.Route) == 0 {
		return health.Workout{}, problem.New(problem.NotFound, "no_route",
			"No route was recorded with this workout, or none has been sent yet.")
	}
	return merged.Workout, nil
}

// workoutOf converts a workout that is complete.
func workoutOf(merged *health.MergedWorkout) Workout {
	w := &merged.Workout
	shown := Workout{
		ID: w.ID, AppID: appID(w), Name: w.Name, Start: w.Start.In(w.Offset), End: timeOrNull(w.End, w.EndOffset()),
		Duration: orNull(w.Duration), Source: w.Source,
		Quantities: map[string]health.Quantity{}, Attributes: objectOrNull(w.Attributes),
	}
	for name, quantity := range w.Quantities {
		if !health.IsAbsent(quantity.Value) {
			shown.Quantities[name] = quantity
		}
	}
	for i := range merged.Also {
		other := &merged.Also[i]
		shown.AlsoFrom = append(shown.AlsoFrom, OtherEntry{ID: other.ID, AppID: appID(other), Name: other.Name, Source: other.Source})
	}
	return shown
}

func appID(w *health.Workout) *string {
	if w.AppID == "" {
		return nil
	}
	return &w.AppID
}

func seriesPointOf(p *health.SeriesPoint) SeriesPoint {
	shown := SeriesPoint{
		Time: timeOrNull(p.Time, p.Offset), Value: orNull(p.Value), Min: orNull(p.Min), Max: orNull(p.Max),
		Unit: p.Unit, Source: p.Source,
	}
	if shown.Min != nil || shown.Max != nil {
		shown.Value, shown.Avg = nil, shown.Value
	}
	return shown
}
