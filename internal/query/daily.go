package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// maxPeriod is how many days a comparison, a correlation or a trend looks at, and maxMetrics how many metrics one
// question is about.
const (
	maxPeriod  = 3660
	maxMetrics = 20
)

// nightUnit is the unit in which sleep is told.
const nightUnit = "hr"

// Measure says what the daily values of an answer are.
type Measure struct {
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	// Aggregation is what makes one value of a day: sum, avg or last.
	Aggregation string `json:"aggregation"`
}

// dailyValue is what a metric amounts to on one day.
type dailyValue struct {
	date health.Date
	// value is the day's; low and high are the extremes in it.
	value, low, high float64
	grain            health.Grain
	sources          []string
}

// daily returns a metric day by day, in order, the days without a value left out. Days are those the person lived.
// Sleep is hours asleep in the night that ended on the day. A blood pressure is two metrics here.
func (s *Service) daily(ctx context.Context, user account.User, metric string, first, last health.Date) (Measure, []dailyValue, error) {
	known, ok := s.Catalog.Lookup(metric)
	if ok && known.Shape == catalog.ShapeSleep {
		values, err := s.dailySleep(ctx, user.ID, first, last)
		return Measure{known.Name, nightUnit, aggregateSum}, values, err
	}
	if ok && (known.Shape == catalog.ShapeBloodPressure || known.Shape == catalog.ShapeEvent ||
		known.Shape == catalog.ShapeCorrelation || known.Shape == catalog.ShapeNamedCounts) {
		return Measure{}, nil, problem.New(problem.Invalid, "no_daily_value",
			"This metric has no single value for a day. Of a blood pressure, blood_pressure_systolic and blood_pressure_diastolic have.").In("name")
	}
	series, err := s.Series(ctx, user, SeriesRequest{
		Metric: metric, Start: first.Time(), End: (last + 1).Time(), Bucket: "1d", Limit: maxPoints,
	})
	if err != nil {
		return Measure{}, nil, err
	}
	measure := Measure{series.Metric, series.Unit, series.Aggregation}
	if ok {
		measure.Metric = known.Name
	}
	var values []dailyValue
	for i := range series.Points {
		if day, ok := dailyValueOf(&series.Points[i], measure.Metric); ok {
			values = append(values, day)
		}
	}
	return measure, values, nil
}

func dailyValueOf(p *Point, metric string) (dailyValue, bool) {
	value, low, high := p.Value, p.Min, p.Max
	for half, spread := range map[string]*Range{"systolic": p.Systolic, "diastolic": p.Diastolic} {
		if spread != nil && strings.HasSuffix(metric, half) {
			value, low, high = spread.Avg, spread.Min, spread.Max
		}
	}
	if value == nil {
		return dailyValue{}, false
	}
	day := dailyValue{date: health.DateOf(p.Start), value: *value, low: *value, high: *value, sources: p.Sources}
	if low != nil && high != nil {
		day.low, day.high = *low, *high
	}
	if p.Grain != nil {
		day.grain = *p.Grain
	}
	return day, true
}

// dailySleep leaves out nights of more than a day, which some devices write: nobody slept them.
func (s *Service) dailySleep(ctx context.Context, user uuid.UUID, first, last health.Date) ([]dailyValue, error) {
	nights, err := s.Config.Sleep.Nights(ctx, user, first, last)
	if err != nil {
		return nil, err
	}
	segments, err := s.Config.Sleep.Segments(ctx, user, localDays(first-1, last))
	if err != nil {
		return nil, err
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return nil, err
	}
	byDate := map[health.Date][]health.Night{}
	for _, night := range nights {
		byDate[night.Date] = append(byDate[night.Date], night)
	}
	summed := map[health.Date][]health.Night{}
	for _, night := range aggregate.SumSegments(segments) {
		if _, sent := byDate[night.Date]; !sent && first <= night.Date && night.Date <= last {
			summed[night.Date] = append(summed[night.Date], night)
		}
	}
	for date, nights := range summed {
		byDate[date] = nights
	}
	var values []dailyValue
	for date, nights := range byDate {
		night, _, ok := order.For(sleepMetric).MainSleep(nights)
		if !ok || !(night.Total > 0 && night.Total <= 24) {
			continue
		}
		values = append(values, dailyValue{
			date: date, value: night.Total, low: night.Total, high: night.Total, grain: health.GrainDay,
			sources: sourcesOf(night.Source),
		})
	}
	slices.SortFunc(values, func(a, b dailyValue) int { return int(a.date - b.date) })
	return values, nil
}

func sourcesOf(source string) []string {
	if source == "" {
		return []string{}
	}
	return []string{source}
}

// daysBetween returns the days from first to last of those that are in order.
func daysBetween(days []dailyValue, first, last health.Date) []dailyValue {
	from, _ := slices.BinarySearchFunc(days, first, func(d dailyValue, date health.Date) int { return int(d.date - date) })
	to, _ := slices.BinarySearchFunc(days, last+1, func(d dailyValue, date health.Date) int { return int(d.date - date) })
	return days[from:to]
}

func valuesIn(days []dailyValue) []float64 {
	values := make([]float64, len(days))
	for i := range days {
		values[i] = days[i].value
	}
	return values
}

func sourcesIn(days []dailyValue) []string {
	all := []string{}
	for i := range days {
		all = append(all, days[i].sources...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// checkPeriod refuses days that are the wrong way round, beyond what data can have, or too many.
func checkPeriod(first, last health.Date, startField, endField string) error {
	if err := checkDates(first, last); err != nil {
		known, ok := errors.AsType[*problem.Error](err)
		if ok && known.Field == "start" {
			return known.In(startField)
		}
		if ok {
			return known.In(endField)
		}
		return err
	}
	if last-first >= maxPeriod {
		return problem.New(problem.Invalid, "range_too_large",
			fmt.Sprintf("A period has at most %d days. Ask for a shorter one.", maxPeriod)).In(endField)
	}
	return nil
}

// checkMetrics refuses a list that is too long to be answered, or empty.
func checkMetrics(metrics []string) error {
	if len(metrics) == 0 || len(metrics) > maxMetrics {
		return problem.New(problem.Invalid, "invalid_metrics",
			fmt.Sprintf("Name from 1 to %d metrics, separated by commas.", maxMetrics)).In("metrics")
	}
	return nil
}

// inList says of an error about the metric at a place of a list which of them it is.
func inList(err error, place int) error {
	e := inField(err, "metrics", "units")
	if known, ok := e.(*problem.Error); ok && (known.Field == "metrics" || known.Field == "units" || known.Field == "agg") {
		known.Message = fmt.Sprintf("Metric %d of the list: %s", place+1, known.Message)
	}
	return e
}
