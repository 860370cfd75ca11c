package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// RecordsRequest selects the days of personal records. Days that are nil leave that end open.
type RecordsRequest struct {
	Start, End *health.Date // included
	// Efforts includes the fastest distances inside workouts, for which the route of every workout is read.
	Efforts bool
}

// Records is the response to a RecordsRequest: the records of days in the catalogue's order, then those of workouts by
// their names.
type Records struct {
	Start    *health.Date    `json:"start"`
	End      *health.Date    `json:"end"`
	Days     []DayRecord     `json:"days"`
	Workouts []WorkoutRecord `json:"workouts"`
}

// DayRecord is the best day of one metric; of equal days the first.
type DayRecord struct {
	// Record is highest_day for the greatest value of a day, highest and lowest for the extremes of single values.
	Record  string       `json:"record"`
	Metric  string       `json:"metric"`
	Value   float64      `json:"value"`
	Unit    string       `json:"unit"`
	Date    health.Date  `json:"date"`
	Grain   health.Grain `json:"grain"`
	Sources []string     `json:"sources"`
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
	for _, metric := range s.Catalog.Records() {
		from, to := first, last
		if metric.Shape != catalog.ShapeSleep {
			stored, _ := s.Catalog.LookupStored(metric.Name)
			from, to = narrowToData(infos, stored.Name, first, last)
		}
		if from > to {
			continue
		}
		measure, days, err := s.daily(ctx, user, metric.Name, from, to)
		if err != nil {
			return Records{}, err
		}
		if len(days) > 0 {
			answer.Days = append(answer.Days, dayRecord(metric.Record, measure, days))
		}
	}
	answer.Workouts, err = s.workoutRecords(ctx, user.ID, first, last, request.Efforts)
	return answer, err
}

// narrowToData narrows a range to the days on which a metric can have data.
func narrowToData(infos []store.MetricInfo, metric string, first, last health.Date) (from, to health.Date) {
	from, to = last+1, first-1
	for _, info := range infos {
		if info.Metric == metric {
			from, to = min(from, info.First.Date(0)-1), max(to, info.Last.Date(0)+1)
		}
	}
	return max(first, from), min(last, to)
}

func dayRecord(record catalog.Record, measure Measure, days []dailyValue) DayRecord {
	score := func(d dailyValue) float64 {
		switch record {
		case catalog.RecordHighest:
			return d.high
		case catalog.RecordLowest:
			return -d.low
		default:
			return d.value
		}
	}
	best := slices.MaxFunc(days, func(a, b dailyValue) int { return cmp.Compare(score(a), score(b)) })
	shown := DayRecord{
		Record: string(record), Metric: measure.Metric, Value: score(best), Unit: measure.Unit,
		Date: best.date, Grain: best.grain, Sources: orEmpty(best.sources),
	}
	if record == catalog.RecordLowest {
		shown.Value = best.low
	}
	return shown
}
