package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
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
	Figures
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
func (s *Service) Day(ctx context.Context, user health.User, date health.Date) (DaySummary, error) {
	days, err := s.Days(ctx, user, date, date)
	if err != nil {
		return DaySummary{}, err
	}
	return days[0], nil
}

// Days returns the summaries of the days from first to last, both included, at most 366, also of days without data.
func (s *Service) Days(ctx context.Context, user health.User, first, last health.Date) ([]DaySummary, error) {
	if err := checkDates(first, last); err != nil {
		return nil, err
	}
	if last-first >= maxDays {
		return nil, health.NewError(health.Invalid, "range_too_large",
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
		return health.NewError(health.Invalid, "invalid_range", "The last day must not be before the first.").In("end")
	}
	if first.Time().Before(health.MinInstant.Time()) || last.Time().After(health.MaxInstant.Time()) {
		return health.NewError(health.Invalid, "invalid_range", "Days go from 1900-01-01 to 9999-12-31.").In("start")
	}
	return nil
}

func (s *Service) fillMetrics(ctx context.Context, user uuid.UUID, days []DaySummary) error {
	infos, err := s.Config.Samples.Metrics(ctx, user)
	if err != nil {
		return err
	}
	calendar := calendar{bucket: bucket{days: 1}}
	first := calendar.slot(days[0].Date.Time())
	last := calendar.slot(days[len(days)-1].Date.Time())
	for _, info := range s.mainUnitLast(infos) {
		if info.Last < health.InstantOf(first.start)-reach || info.First > health.InstantOf(last.end)+reach {
			continue
		}
		known, _ := s.Catalog.Lookup(info.Metric)
		aggregation, adds, err := aggregationFor(known, "")
		if err != nil {
			return err
		}
		r := reading{metric: info.Metric, known: known, unit: info.Unit, shown: info.Unit, conversion: identity}
		buckets, err := s.gather(ctx, user, r, calendar, adds, first, last)
		if err != nil {
			return err
		}
		for _, b := range buckets {
			tally := b.answer(calendar.bucket, adds)
			groups := days[health.DateOf(b.slot.start)-days[0].Date].Metrics
			category := categoryOf(known)
			if groups[category] == nil {
				groups[category] = map[string]DayValue{}
			}
			groups[category][info.Metric] = DayValue{info.Unit, aggregation, figuresOf(&tally, adds, aggregation)}
		}
	}
	return nil
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
	summed := health.SumSegments(segments)
	for i := range days {
		ofDay := func(all []health.Night) []health.Night {
			return slices.DeleteFunc(slices.Clone(all), func(n health.Night) bool { return n.Date != days[i].Date })
		}
		if days[i].Sleep = daySleep(ofDay(nights), false); days[i].Sleep == nil {
			days[i].Sleep = daySleep(ofDay(summed), true)
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
	query := store.WorkoutQuery{Range: localDays(days[0].Date, days[len(days)-1].Date), Limit: maxWorkouts}
	for {
		page, err := s.Config.Workouts.Workouts(ctx, user, query)
		if err != nil {
			return err
		}
		for _, w := range page {
			i := int(w.Start.Date(w.Offset) - days[0].Date)
			if i >= 0 && i < len(days) {
				days[i].Workouts = append(days[i].Workouts, DayWorkout{
					ID: w.ID, Name: w.Name, Start: w.Start.In(w.Offset), End: moment(w.End, w.Offset),
					Duration: value(w.Duration), Source: w.Source,
				})
			}
		}
		if len(page) < query.Limit {
			break
		}
		query.Before, query.BeforeStart = page[len(page)-1].ID, page[len(page)-1].Start
	}
	for i := range days {
		slices.Reverse(days[i].Workouts)
	}
	return nil
}
