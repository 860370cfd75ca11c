package query

import (
	"context"
	"slices"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// Measure describes the daily values of a response.
type Measure struct {
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	// Aggregation is how the value of a day is made: sum, avg or last.
	Aggregation string `json:"aggregation"`
}

// dailyValue is the value of a metric on one day.
type dailyValue struct {
	date health.Date
	// value is that of the day; low and high are the extremes of its samples.
	value, low, high float64
	grain            health.Grain
	sources          []string
	offset           int32 // from UTC when the night ended; only of sleep
}

// daily returns the values of a metric day by day, in order, without the days that have none. Days are local days as
// recorded. Sleep is the hours asleep in the night that ended on the day. The halves of a blood pressure are metrics of
// their own here.
func (s *Service) daily(ctx context.Context, user account.User, metric string, first, last health.Date) (Measure, []dailyValue, error) {
	known, ok := s.Catalog.Lookup(metric)
	if ok && known.Shape == catalog.ShapeSleep {
		values, err := s.dailySleep(ctx, user.ID, nil, first, last)
		return Measure{known.Name, nightUnit, aggregateSum}, values, err
	}
	if ok && !known.HasDailyValue() {
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
	switch {
	case metric == catalog.BloodPressureSystolic && p.Systolic != nil:
		value, low, high = p.Systolic.Avg, p.Systolic.Min, p.Systolic.Max
	case metric == catalog.BloodPressureDiastolic && p.Diastolic != nil:
		value, low, high = p.Diastolic.Avg, p.Diastolic.Min, p.Diastolic.Max
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

func sourcesOf(source string) []string {
	if source == "" {
		return []string{}
	}
	return []string{source}
}

// daysBetween returns those of the days, which are in order, from first to last.
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
