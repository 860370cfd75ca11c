package query

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// The records of workouts. Those of days are in the catalogue.
const (
	recordDistance   = "longest_distance"
	recordDuration   = "longest_duration"
	recordEnergy     = "most_energy"
	recordPace       = "fastest_pace"
	recordFastest1K  = "fastest_1km"
	recordFastest5K  = "fastest_5km"
	recordFastest10K = "fastest_10km"
)

// WorkoutRecord is the best of the workouts of one name.
type WorkoutRecord struct {
	Record string      `json:"record"`
	Name   string      `json:"name"`
	Value  float64     `json:"value"`
	Unit   string      `json:"unit"`
	Date   health.Date `json:"date"`
	Source string      `json:"source"`
	// Workout is the id of the workout. Start and End are its times, or those of the part of it that is the record.
	Workout uuid.UUID  `json:"workout"`
	Start   time.Time  `json:"start"`
	End     *time.Time `json:"end"`
}

// bestWorkouts has the best workout so far of each record and name.
type bestWorkouts map[[2]string]WorkoutRecord

// consider keeps r if its value is better than the one so far: greater, or where smaller is set, smaller. Workouts come
// newest first, so that of equal ones the first stays.
func (h bestWorkouts) consider(smaller bool, r WorkoutRecord) {
	key := [2]string{r.Record, r.Name}
	have, there := h[key]
	if !there || r.Value == have.Value || (r.Value < have.Value) == smaller {
		h[key] = r
	}
}

// efforts are the distances whose fastest time inside a workout is a record, in metres.
var efforts = []struct {
	record string
	metres float64
}{{recordFastest1K, 1000}, {recordFastest5K, 5000}, {recordFastest10K, 10_000}}

// recordOrder is the order of the records of one name.
var recordOrder = []string{
	recordDistance, recordDuration, recordEnergy, recordPace, recordFastest1K, recordFastest5K, recordFastest10K,
}

func (s *Service) workoutRecords(ctx context.Context, user uuid.UUID, first, last health.Date, withEfforts bool) ([]WorkoutRecord, error) {
	best := bestWorkouts{}
	query := store.WorkoutQuery{Range: widenForMerging(localDays(first, last), nil), Limit: maxWorkouts}
	for merged, err := range mergedWorkouts(store.AllWorkouts(ctx, s.Config.Workouts, user, query)) {
		if err != nil {
			return nil, err
		}
		if date := merged.Start.Date(merged.Offset); date < first || date > last {
			continue
		}
		s.considerQuantities(best, &merged.Workout)
		if !withEfforts {
			continue
		}
		if err := s.considerEfforts(ctx, user, best, merged); err != nil {
			return nil, err
		}
	}
	records := []WorkoutRecord{}
	for _, r := range best {
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b WorkoutRecord) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name),
			cmp.Compare(slices.Index(recordOrder, a.Record), slices.Index(recordOrder, b.Record)))
	})
	return records, nil
}

func (s *Service) considerQuantities(best bestWorkouts, w *health.Workout) {
	r := WorkoutRecord{
		Name: w.Name, Date: w.Start.Date(w.Offset), Source: w.Source, Workout: w.ID,
		Start: w.Start.In(w.Offset), End: timeOrNull(w.End, w.EndOffset()),
	}
	consider := func(record string, value float64, unit string) {
		if value > 0 {
			r.Record, r.Value, r.Unit = record, value, unit
			best.consider(record == recordPace, r)
		}
	}
	duration := activeTime(w)
	distance := s.workoutQuantity(w, "distance", "km")
	consider(recordDuration, duration, "s")
	consider(recordDistance, distance, "km")
	consider(recordEnergy, s.workoutQuantity(w, "active_energy", "kcal"), "kcal")
	if distance >= 1 {
		consider(recordPace, duration/60/distance, "min/km")
	}
}

// activeTime returns how long a workout lasted in seconds without its pauses; with them where its duration was not
// sent.
func activeTime(w *health.Workout) float64 {
	if health.IsAbsent(w.Duration) && w.End > w.Start {
		return float64(w.End-w.Start) / float64(health.Second)
	}
	return w.Duration
}

// workoutQuantity returns a quantity of a workout in a unit; absent (NaN) where it has none that converts.
func (s *Service) workoutQuantity(w *health.Workout, name, unit string) float64 {
	q, ok := w.Quantities[name]
	if !ok {
		return health.Absent()
	}
	conversion, ok := s.Catalog.Conversion(q.Unit, unit)
	if !ok {
		return health.Absent()
	}
	return conversion.Apply(q.Value)
}

func (s *Service) considerEfforts(ctx context.Context, user uuid.UUID, best bestWorkouts, merged health.MergedWorkout) error {
	distance := s.workoutQuantity(&merged.Workout, "distance", "m")
	if distance < efforts[0].metres {
		return nil
	}
	err := s.complete(ctx, user, &merged, nil)
	if problem.KindOf(err) == problem.NotFound {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	w := &merged.Workout
	// A route whose length is not the distance has gaps, or jumps that would be the fastest ever.
	track, fits := aggregate.TrackOf(w.Route, w.Name).FittedTo(distance)
	if !fits {
		return nil
	}
	for _, effort := range efforts {
		from, to, ok := track.Fastest(effort.metres)
		if !ok {
			continue
		}
		best.consider(true, WorkoutRecord{
			Record: effort.record, Name: w.Name, Value: float64(to-from) / float64(health.Second), Unit: "s",
			Date: w.Start.Date(w.Offset), Source: w.Source, Workout: w.ID,
			Start: from.In(w.Offset), End: timeOrNull(to, w.Offset),
		})
	}
	return nil
}
