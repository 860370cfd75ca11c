package query

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// RecordsRequest asks for the best there has been. Days that are nil leave that end open.
type RecordsRequest struct {
	Start, End *health.Date // included
	// Efforts asks for the fastest stretches inside workouts too, for which the route of every workout is read.
	Efforts bool
}

// Records is the answer to a RecordsRequest: those of days, then of workouts by their names.
type Records struct {
	Start    *health.Date    `json:"start"`
	End      *health.Date    `json:"end"`
	Days     []DayRecord     `json:"days"`
	Workouts []WorkoutRecord `json:"workouts"`
}

// The kinds of records.
const (
	recordHighestDay = "highest_day"
	recordHighest    = "highest"
	recordLowest     = "lowest"
	recordDistance   = "longest_distance"
	recordDuration   = "longest_duration"
	recordEnergy     = "most_energy"
	recordPace       = "fastest_pace"
	recordFastest1K  = "fastest_1km"
	recordFastest5K  = "fastest_5km"
	recordFastest10K = "fastest_10km"
)

// DayRecord is the best day of one metric. Of several equal ones it is the first.
type DayRecord struct {
	// Record is highest_day for the most of a day, highest and lowest for the extremes of single values.
	Record  string       `json:"record"`
	Metric  string       `json:"metric"`
	Value   float64      `json:"value"`
	Unit    string       `json:"unit"`
	Date    health.Date  `json:"date"`
	Grain   health.Grain `json:"grain"`
	Sources []string     `json:"sources"`
}

// WorkoutRecord is the best among the workouts of one name.
type WorkoutRecord struct {
	Record string      `json:"record"`
	Name   string      `json:"name"`
	Value  float64     `json:"value"`
	Unit   string      `json:"unit"`
	Date   health.Date `json:"date"`
	Source string      `json:"source"`
	// Workout is the id of the workout. Start and End bound it, or the stretch of it that is the record.
	Workout uuid.UUID  `json:"workout"`
	Start   time.Time  `json:"start"`
	End     *time.Time `json:"end"`
}

// dayRecords are the metrics that have records of days.
var dayRecords = []struct{ record, metric string }{
	{recordHighestDay, "step_count"},
	{recordHighestDay, "walking_running_distance"},
	{recordHighestDay, "cycling_distance"},
	{recordHighestDay, "swimming_distance"},
	{recordHighestDay, "active_energy"},
	{recordHighestDay, "flights_climbed"},
	{recordHighestDay, "apple_exercise_time"},
	{recordLowest, "resting_heart_rate"},
	{recordHighest, "vo2_max"},
	{recordHighestDay, sleepMetric},
}

// Records returns personal records.
func (s *Service) Records(ctx context.Context, user account.User, request RecordsRequest) (Records, error) {
	first, last := health.MinInstant.Date(0), health.MaxInstant.Date(0)-1
	if request.Start != nil {
		first = *request.Start
	}
	if request.End != nil {
		last = *request.End
	}
	if err := checkDates(first, last); err != nil {
		return Records{}, err
	}
	answer := Records{Start: request.Start, End: request.End, Days: []DayRecord{}}
	infos, err := s.Config.Samples.Metrics(ctx, user.ID)
	if err != nil {
		return Records{}, err
	}
	for _, record := range dayRecords {
		from, to := first, last
		if record.metric != sleepMetric {
			from, to = narrowToData(infos, record.metric, first, last)
		}
		if from > to {
			continue
		}
		measure, days, err := s.daily(ctx, user, record.metric, from, to)
		if err != nil {
			return Records{}, err
		}
		if len(days) > 0 {
			answer.Days = append(answer.Days, dayRecord(record.record, measure, days))
		}
	}
	answer.Workouts, err = s.workoutRecords(ctx, user.ID, first, last, request.Efforts)
	return answer, err
}

// narrowToData narrows a range to the days on which there can be data of a metric.
func narrowToData(infos []store.MetricInfo, metric string, first, last health.Date) (from, to health.Date) {
	from, to = last+1, first-1
	for _, info := range infos {
		if info.Metric == metric {
			from, to = min(from, info.First.Date(0)-1), max(to, info.Last.Date(0)+1)
		}
	}
	return max(first, from), min(last, to)
}

func dayRecord(record string, measure Measure, days []dailyValue) DayRecord {
	score := func(d dailyValue) float64 {
		switch record {
		case recordHighest:
			return d.high
		case recordLowest:
			return -d.low
		default:
			return d.value
		}
	}
	best := slices.MaxFunc(days, func(a, b dailyValue) int { return cmp.Compare(score(a), score(b)) })
	shown := DayRecord{
		Record: record, Metric: measure.Metric, Value: score(best), Unit: measure.Unit,
		Date: best.date, Grain: best.grain, Sources: orEmpty(best.sources),
	}
	if record == recordLowest {
		shown.Value = best.low
	}
	return shown
}

// bestWorkouts are the best workouts so far, by record and name.
type bestWorkouts map[[2]string]WorkoutRecord

// offer keeps a figure if it is better than what is there: larger, or for times and paces smaller. Workouts come newest
// first, so that of equal ones the first stays.
func (h bestWorkouts) offer(smaller bool, r WorkoutRecord) {
	key := [2]string{r.Record, r.Name}
	have, there := h[key]
	if !there || r.Value == have.Value || (r.Value < have.Value) == smaller {
		h[key] = r
	}
}

// efforts are the stretches that are looked for inside workouts, in metres.
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
	for t, err := range mergedWorkouts(store.AllWorkouts(ctx, s.Config.Workouts, user, query)) {
		if err != nil {
			return nil, err
		}
		if date := t.Start.Date(t.Offset); date < first || date > last {
			continue
		}
		s.considerQuantities(best, &t.Workout)
		if !withEfforts {
			continue
		}
		if err := s.considerEfforts(ctx, user, best, t); err != nil {
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
		Start: w.Start.In(w.Offset), End: timeOrNull(w.End, w.Offset),
	}
	consider := func(record string, value float64, unit string) {
		if value > 0 {
			r.Record, r.Value, r.Unit = record, value, unit
			best.offer(record == recordPace, r)
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

// activeTime is how long a workout lasted in seconds without its pauses, or where that was not sent with them.
func activeTime(w *health.Workout) float64 {
	if health.IsAbsent(w.Duration) && w.End > w.Start {
		return float64(w.End-w.Start) / float64(health.Second)
	}
	return w.Duration
}

// workoutQuantity returns a single figure of a workout in a unit; absent (NaN) where it has none that converts.
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

func (s *Service) considerEfforts(ctx context.Context, user uuid.UUID, best bestWorkouts, t health.MergedWorkout) error {
	distance := s.workoutQuantity(&t.Workout, "distance", "m")
	if distance < efforts[0].metres {
		return nil
	}
	err := s.complete(ctx, user, &t, nil)
	if problem.KindOf(err) == problem.NotFound {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	w := &t.Workout
	// A route that is not that of the distance has gaps, or jumps that would be the fastest ever.
	track, fits := aggregate.TrackOf(w.Route).FittedTo(distance)
	if !fits {
		return nil
	}
	for _, effort := range efforts {
		from, to, ok := track.Fastest(effort.metres)
		if !ok {
			continue
		}
		best.offer(true, WorkoutRecord{
			Record: effort.record, Name: w.Name, Value: float64(to-from) / float64(health.Second), Unit: "s",
			Date: w.Start.Date(w.Offset), Source: w.Source, Workout: w.ID,
			Start: from.In(w.Offset), End: timeOrNull(to, w.Offset),
		})
	}
	return nil
}
