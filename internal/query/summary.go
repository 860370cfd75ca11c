package query

import (
	"cmp"
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

// maxDays is the greatest number of days in a response.
const maxDays = 366

// DaySummary is one local day.
type DaySummary struct {
	Date health.Date `json:"date"`
	// Metrics are the metrics that have data on the day, by the catalogue's category ("activity", "heart" …, "other"
	// for what is not in the catalogue) and by name. Of a metric stored in several units, the samples in the
	// catalogue's unit, or else in the most used one, answer.
	Metrics map[string]map[string]DayValue `json:"metrics"`
	// Sleep is the sleep the person woke from on the day; null where none was recorded.
	Sleep *DaySleep `json:"sleep"`
	// Workouts are those that began on the day, in order of time.
	Workouts []DayWorkout `json:"workouts"`
	// Rings are the goals of the day; null where none is known.
	Rings *Rings `json:"rings"`
}

// DayValue is the aggregate of a metric on a day. Aggregation names the one that Value is.
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

// Day returns the summary of one day, see Days.
func (s *Service) Day(ctx context.Context, user account.User, tz string, date health.Date) (DaySummary, error) {
	days, err := s.Days(ctx, user, tz, date, date)
	if err != nil {
		return DaySummary{}, err
	}
	return days[0], nil
}

// Days returns the summaries of the days from first to last, both included, at most 366, also of days without data. They are
// days by the clock of the zone tz, an IANA name: what was recorded is put on the days of that zone, a night on the day of
// waking there. "" and "local" are the days as they were recorded.
func (s *Service) Days(ctx context.Context, user account.User, tz string, first, last health.Date) ([]DaySummary, error) {
	zone, err := parseZone(cmp.Or(tz, recordedZone))
	if err != nil {
		return nil, err
	}
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
	for _, add := range []func(context.Context, uuid.UUID, *time.Location, []DaySummary) error{
		s.addMetrics, s.addSleep, s.addWorkouts, s.addRings,
	} {
		if err := add(ctx, user.ID, zone, days); err != nil {
			return nil, err
		}
	}
	return days, nil
}

func (s *Service) addMetrics(ctx context.Context, user uuid.UUID, zone *time.Location, days []DaySummary) error {
	if zone == nil {
		if summedUp, err := s.addMetricsFromSummaries(ctx, user, days); summedUp || err != nil {
			return err
		}
	}
	infos, err := s.Config.Samples.Metrics(ctx, user)
	if err != nil {
		return err
	}
	for _, info := range s.sortMainUnitLast(infos) {
		if info.Last < days[0].Date.Midnight(0)-readMargin || info.First > (days[len(days)-1].Date+1).Midnight(0)+readMargin {
			continue
		}
		if err := s.addMetric(ctx, user, info.Metric, info.Unit, zone, days); err != nil {
			return err
		}
	}
	return nil
}

// addMetric adds one metric in one unit, of the days of a zone or, where it is nil, as they were recorded.
func (s *Service) addMetric(ctx context.Context, user uuid.UUID, metric, unit string, zone *time.Location, days []DaySummary) error {
	calendar := calendar{interval: interval{days: 1}, zone: zone}
	in := cmp.Or(zone, time.UTC)
	first, last := calendar.bounds(days[0].Date.In(in)), calendar.bounds(days[len(days)-1].Date.In(in))
	known, _ := s.Catalog.Lookup(metric)
	_, cumulative, err := aggregationFor(known, "")
	if err != nil {
		return err
	}
	sel := selector{metric: metric, known: known, storedUnit: unit, unit: unit, conversion: identity}
	buckets, err := s.loadBuckets(ctx, user, sel, calendar, cumulative, first, last)
	if err != nil {
		return err
	}
	return s.addBuckets(sel, buckets, days)
}

// addBuckets adds days of one metric.
func (s *Service) addBuckets(sel selector, buckets []*bucket, days []DaySummary) error {
	aggregation, cumulative, err := aggregationFor(sel.known, "")
	if err != nil {
		return err
	}
	category, rule := categoryOf(sel.known), ruleFor(sel, aggregate.SourceOrder{}, cumulative)
	for _, b := range buckets {
		agg := b.aggregate(rule, sel.conversion)
		groups := days[health.DateOf(b.bounds.start)-days[0].Date].Metrics
		if groups[category] == nil {
			groups[category] = map[string]DayValue{}
		}
		groups[category][sel.metric] = DayValue{sel.storedUnit, aggregation, aggregateOf(&agg, rule, aggregation)}
	}
	return nil
}

// addMetricsFromSummaries is addMetrics from the summaries of days; false where those are not sufficient.
func (s *Service) addMetricsFromSummaries(ctx context.Context, user uuid.UUID, days []DaySummary) (bool, error) {
	if s.Summaries == nil {
		return false, nil
	}
	found, err := s.Summaries.DaySummaries(ctx, user, store.DayQuery{First: days[0].Date, Last: days[len(days)-1].Date})
	if err != nil || found.Stale {
		return false, err
	}
	byMetric := map[store.Series][]aggregate.DaySummary{}
	for _, d := range found.Days {
		series := store.Series{Metric: d.Metric, Unit: d.Unit}
		byMetric[series] = append(byMetric[series], d)
	}
	for _, series := range found.Longer {
		byMetric[series] = nil // summaries of weeks may count on a day too
	}
	inOrder, err := s.orderByUnit(ctx, user, slices.Collect(maps.Keys(byMetric)))
	if err != nil {
		return false, err
	}
	for _, series := range inOrder {
		if byMetric[series] == nil {
			err = s.addMetric(ctx, user, series.Metric, series.Unit, nil, days)
		} else {
			known, _ := s.Catalog.Lookup(series.Metric)
			sel := selector{metric: series.Metric, known: known, storedUnit: series.Unit, unit: series.Unit, conversion: identity}
			err = s.addBuckets(sel, calendar{interval: interval{days: 1}}.bucketsOfDays(byMetric[series]), days)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// orderByUnit orders series so that of several units of a metric the main one comes last.
func (s *Service) orderByUnit(ctx context.Context, user uuid.UUID, all []store.Series) ([]store.Series, error) {
	seen := map[string]bool{}
	ambiguous := slices.ContainsFunc(all, func(series store.Series) bool {
		again := seen[series.Metric]
		seen[series.Metric] = true
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
	for _, info := range s.sortMainUnitLast(infos) {
		if series := (store.Series{Metric: info.Metric, Unit: info.Unit}); slices.Contains(all, series) {
			inOrder = append(inOrder, series)
		}
	}
	return inOrder, nil
}

// sortMainUnitLast orders the units of each metric so that the main one comes last and overwrites the others.
func (s *Service) sortMainUnitLast(infos []store.MetricInfo) []store.MetricInfo {
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

// moveSleep gives sleep the offsets of a zone, and nights the date of waking there. A night without times stays on its date.
func moveSleep(zone *time.Location, nights []health.Night, segments []health.Segment) {
	offsets := health.NewZone(zone)
	for i := range nights {
		n := &nights[i]
		if waking := cmp.Or(n.SleepEnd, n.InBedEnd); waking != 0 {
			n.Offset = offsets.OffsetAt(waking)
			n.OffsetChange = n.Offset - offsets.OffsetAt(cmp.Or(n.SleepStart, n.InBedStart, waking))
			n.SetDate()
		}
	}
	for i := range segments {
		segments[i].Offset = offsets.OffsetAt(segments[i].Start)
		segments[i].OffsetChange = offsets.OffsetAt(segments[i].End) - segments[i].Offset
	}
}

// localDays returns the range that contains the days from first to last in every zone.
func localDays(first, last health.Date) store.Range {
	const east, west = 14 * 3600, -12 * 3600
	return store.Range{From: first.Midnight(east), To: (last + 1).Midnight(west)}
}

func (s *Service) addWorkouts(ctx context.Context, user uuid.UUID, zone *time.Location, days []DaySummary) error {
	offsets := health.NewZone(zone)
	query := store.WorkoutQuery{Range: widenForMerging(localDays(days[0].Date, days[len(days)-1].Date), nil), Limit: maxWorkouts}
	for w, err := range mergedWorkouts(store.AllWorkouts(ctx, s.Config.Workouts, user, query)) {
		if err != nil {
			return err
		}
		if zone != nil {
			w.Offset = offsets.OffsetAt(w.Start)
		}
		i := int(w.Start.Date(w.Offset) - days[0].Date)
		if i >= 0 && i < len(days) {
			days[i].Workouts = append(days[i].Workouts, DayWorkout{
				ID: w.ID, Name: w.Name, Start: w.Start.In(w.Offset), End: timeOrNull(w.End, w.EndOffset()),
				Duration: orNull(w.Duration), Source: w.Source,
			})
		}
	}
	for i := range days {
		slices.Reverse(days[i].Workouts)
	}
	return nil
}
