package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// maxDays is how many days one answer may summarise.
const maxDays = 366

// DaySummary is one day as the person lived it.
type DaySummary struct {
	Date health.Date `json:"date"`
	// Metrics holds, by the catalogue's category ("activity", "heart" …, "other" for what it does not know) and by
	// name, the metrics that have data on the day. Of a metric that has samples in several units, those in the unit of
	// the catalogue, or in the most used one, answer.
	Metrics map[string]map[string]DayValue `json:"metrics"`
	// Sleep is the sleep the person woke from on the day; null where none was recorded.
	Sleep *DaySleep `json:"sleep"`
	// Workouts are those that began on the day, in order of time.
	Workouts []DayWorkout `json:"workouts"`
	// Rings are the goals of the day; null where none is known.
	Rings *Rings `json:"rings"`
}

// DayValue is what a metric amounts to on a day. Aggregation says which figure Value is.
type DayValue struct {
	Unit        string `json:"unit"`
	Aggregation string `json:"aggregation"`
	Aggregate
}

// DayWorkout is a workout in brief.
type DayWorkout struct {
	ID       uuid.UUID  `json:"id"`
	Name     string     `json:"name"`
	Start    time.Time  `json:"start"`
	End      *time.Time `json:"end"`
	Duration *float64   `json:"duration"` // seconds
	Source   string     `json:"source"`
}

// Day returns the summary of one day.
func (s *Service) Day(ctx context.Context, user account.User, date health.Date) (DaySummary, error) {
	days, err := s.Days(ctx, user, date, date)
	if err != nil {
		return DaySummary{}, err
	}
	return days[0], nil
}

// Days returns the summaries of the days from first to last, both included, at most 366, also of days without data.
func (s *Service) Days(ctx context.Context, user account.User, first, last health.Date) ([]DaySummary, error) {
	if err := checkDates(first, last); err != nil {
		return nil, err
	}
	if last-first >= maxDays {
		return nil, problem.New(problem.Invalid, "range_too_large",
			fmt.Sprintf("A summary covers at most %d days. Ask for a shorter range.", maxDays)).In("end")
	}
	days := make([]DaySummary, last-first+1)
	for i := range days {
		days[i] = DaySummary{
			Date: first + health.Date(i), Metrics: map[string]map[string]DayValue{}, Workouts: []DayWorkout{},
		}
	}
	for _, fill := range []func(context.Context, uuid.UUID, []DaySummary) error{
		s.fillMetrics, s.fillSleep, s.fillWorkouts, s.fillRings,
	} {
		if err := fill(ctx, user.ID, days); err != nil {
			return nil, err
		}
	}
	return days, nil
}

func checkDates(first, last health.Date) error {
	if first > last {
		return problem.New(problem.Invalid, "invalid_range", "The last day must not be before the first.").In("end")
	}
	if first.Time().Before(health.MinInstant.Time()) || last.Time().After(health.MaxInstant.Time()) {
		return problem.New(problem.Invalid, "invalid_range", "Days go from 1900-01-01 to 9999-12-31.").In("start")
	}
	return nil
}

func (s *Service) fillMetrics(ctx context.Context, user uuid.UUID, days []DaySummary) error {
	if summedUp, err := s.fillSummedUp(ctx, user, days); summedUp || err != nil {
		return err
	}
	infos, err := s.Config.Samples.Metrics(ctx, user)
	if err != nil {
		return err
	}
	for _, info := range s.mainUnitLast(infos) {
		if info.Last < days[0].Date.Midnight(0)-reach || info.First > (days[len(days)-1].Date+1).Midnight(0)+reach {
			continue
		}
		if err := s.fillMetric(ctx, user, info.Metric, info.Unit, days); err != nil {
			return err
		}
	}
	return nil
}

// fillMetric fills in one metric in one unit.
func (s *Service) fillMetric(ctx context.Context, user uuid.UUID, metric, unit string, days []DaySummary) error {
	calendar := calendar{interval: interval{days: 1}}
	first, last := calendar.bounds(days[0].Date.Time()), calendar.bounds(days[len(days)-1].Date.Time())
	known, _ := s.Catalog.Lookup(metric)
	_, adds, err := aggregationFor(known, "")
	if err != nil {
		return err
	}
	r := selector{metric: metric, known: known, storedUnit: unit, unit: unit, conversion: identity}
	buckets, err := s.gather(ctx, user, r, calendar, adds, first, last)
	if err != nil {
		return err
	}
	return s.fillBuckets(r, buckets, days)
}

// fillBuckets fills in days of one metric.
func (s *Service) fillBuckets(r selector, buckets []*bucket, days []DaySummary) error {
	aggregation, adds, err := aggregationFor(r.known, "")
	if err != nil {
		return err
	}
	category := categoryOf(r.known)
	for _, b := range buckets {
		tally := b.answer(interval{days: 1}, adds, r.conversion)
		groups := days[health.DateOf(b.bounds.start)-days[0].Date].Metrics
		if groups[category] == nil {
			groups[category] = map[string]DayValue{}
		}
		groups[category][r.metric] = DayValue{r.storedUnit, aggregation, aggregateOf(&tally, adds, aggregation)}
	}
	return nil
}

// fillSummedUp is fillMetrics from the summaries of days; false where those do not have the answer.
func (s *Service) fillSummedUp(ctx context.Context, user uuid.UUID, days []DaySummary) (bool, error) {
	if s.Summaries == nil {
		return false, nil
	}
	found, err := s.Summaries.DaySummaries(ctx, user, store.DayQuery{First: days[0].Date, Last: days[len(days)-1].Date})
	if err != nil || found.Stale {
		return false, err
	}
	byMetric := map[store.Series][]aggregate.DaySummary{}
	for _, d := range found.Days {
		of := store.Series{Metric: d.Metric, Unit: d.Unit}
		byMetric[of] = append(byMetric[of], d)
	}
	for _, of := range found.Longer {
		byMetric[of] = nil // summaries of weeks may say something of a day too
	}
	inOrder, err := s.inOrderOfUnits(ctx, user, slices.Collect(maps.Keys(byMetric)))
	if err != nil {
		return false, err
	}
	for _, of := range inOrder {
		if byMetric[of] == nil {
			err = s.fillMetric(ctx, user, of.Metric, of.Unit, days)
		} else {
			known, _ := s.Catalog.Lookup(of.Metric)
			r := selector{metric: of.Metric, known: known, storedUnit: of.Unit, unit: of.Unit, conversion: identity}
			err = s.fillBuckets(r, calendar{interval: interval{days: 1}}.collect(byMetric[of]), days)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// inOrderOfUnits orders series so that of several units of a metric the one that is to answer comes last.
func (s *Service) inOrderOfUnits(ctx context.Context, user uuid.UUID, all []store.Series) ([]store.Series, error) {
	seen := map[string]bool{}
	ambiguous := slices.ContainsFunc(all, func(of store.Series) bool {
		again := seen[of.Metric]
		seen[of.Metric] = true
		return again
	})
	if !ambiguous {
		return all, nil
	}
	infos, err := s.Config.Samples.Metrics(ctx, user)
	if err != nil {
		return nil, err
	}
	var inOrder []store.Series
	for _, info := range s.mainUnitLast(infos) {
		if of := (store.Series{Metric: info.Metric, Unit: info.Unit}); slices.Contains(all, of) {
			inOrder = append(inOrder, of)
		}
	}
	return inOrder, nil
}

// mainUnitLast orders the units of each metric so that the one that is to answer comes last, and wins.
func (s *Service) mainUnitLast(infos []store.MetricInfo) []store.MetricInfo {
	weight := func(info store.MetricInfo) int64 {
		if known, ok := s.Catalog.Lookup(info.Metric); ok && known.Unit == info.Unit {
			return 1 << 62
		}
		return info.Count
	}
	return slices.SortedStableFunc(slices.Values(infos), func(a, b store.MetricInfo) int {
		switch d := weight(a) - weight(b); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
}

func (s *Service) fillSleep(ctx context.Context, user uuid.UUID, days []DaySummary) error {
	first, last := days[0].Date, days[len(days)-1].Date
	nights, err := s.Config.Sleep.Nights(ctx, user, first, last)
	if err != nil {
		return err
	}
	// A night's segments begin the evening before.
	segments, err := s.Config.Sleep.Segments(ctx, user, localDays(first-1, last))
	if err != nil {
		return err
	}
	summed := aggregate.SumSegments(segments)
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return err
	}
	ranking := order.For(sleepMetric)
	for i := range days {
		ofDay := func(all []health.Night) []health.Night {
			return slices.DeleteFunc(slices.Clone(all), func(n health.Night) bool { return n.Date != days[i].Date })
		}
		if days[i].Sleep = daySleep(ranking, ofDay(nights), false); days[i].Sleep == nil {
			days[i].Sleep = daySleep(ranking, ofDay(summed), true)
		}
	}
	return nil
}

// localDays returns the range in which the days from first to last lie, by any clock on earth.
func localDays(first, last health.Date) store.Range {
	const east, west = 14 * 3600, -12 * 3600
	return store.Range{From: first.Midnight(east), To: (last + 1).Midnight(west)}
}

func (s *Service) fillWorkouts(ctx context.Context, user uuid.UUID, days []DaySummary) error {
	query := store.WorkoutQuery{Range: aroundWorkouts(localDays(days[0].Date, days[len(days)-1].Date), nil), Limit: maxWorkouts}
	for w, err := range mergedWorkouts(store.AllWorkouts(ctx, s.Config.Workouts, user, query)) {
		if err != nil {
			return err
		}
		i := int(w.Start.Date(w.Offset) - days[0].Date)
		if i >= 0 && i < len(days) {
			days[i].Workouts = append(days[i].Workouts, DayWorkout{
				ID: w.ID, Name: w.Name, Start: w.Start.In(w.Offset), End: moment(w.End, w.Offset),
				Duration: value(w.Duration), Source: w.Source,
			})
		}
	}
	for i := range days {
		slices.Reverse(days[i].Workouts)
	}
	return nil
}
