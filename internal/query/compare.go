package query

import (
	"context"
	"math"
	"slices"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// CompareRequest compares metrics of two periods. Days are included at both ends.
type CompareRequest struct {
	Metrics            []string
	Start, End         health.Date
	WithStart, WithEnd health.Date
}

// Comparison is the response to a CompareRequest.
type Comparison struct {
	Period  Days               `json:"period"`
	With    Days               `json:"with"`
	Metrics []MetricComparison `json:"metrics"`
}

// Days is a range of days, both ends included.
type Days struct {
	Start health.Date `json:"start"`
	End   health.Date `json:"end"`
	Days  int         `json:"days"`
}

// MetricComparison compares one metric.
type MetricComparison struct {
	Measure
	Period PeriodAggregate `json:"period"`
	With   PeriodAggregate `json:"with"`
	Change Changes         `json:"change"`
}

// PeriodAggregate is what the daily values of a period amount to. What does not apply is null.
type PeriodAggregate struct {
	DaysWithData int `json:"days_with_data"`
	// Sum is set for metrics whose values are added up. Avg is the mean of the days that have data, Min and Max are the
	// lowest and the highest of them.
	Sum     *float64 `json:"sum"`
	Avg     *float64 `json:"avg"`
	Min     *float64 `json:"min"`
	Max     *float64 `json:"max"`
	Sources []string `json:"sources"`
}

// Changes are the differences between the two periods.
type Changes struct {
	Sum *Change `json:"sum"`
	Avg *Change `json:"avg"`
	Min *Change `json:"min"`
	Max *Change `json:"max"`
}

// Change is a difference: in the unit of the metric, and as a share of what it is compared with (0.1 is a tenth more),
// null where that is 0.
type Change struct {
	Absolute float64  `json:"absolute"`
	Relative *float64 `json:"relative"`
}

// Compare compares the daily values of two periods, metric by metric.
func (s *Service) Compare(ctx context.Context, user account.User, request CompareRequest) (Comparison, error) {
	if err := checkMetrics(request.Metrics); err != nil {
		return Comparison{}, err
	}
	if err := checkPeriod(request.Start, request.End, "start", "end"); err != nil {
		return Comparison{}, err
	}
	if err := checkPeriod(request.WithStart, request.WithEnd, "with_start", "with_end"); err != nil {
		return Comparison{}, err
	}
	answer := Comparison{
		Period: daysOf(request.Start, request.End), With: daysOf(request.WithStart, request.WithEnd),
		Metrics: make([]MetricComparison, len(request.Metrics)),
	}
	for i, metric := range request.Metrics {
		measure, period, err := s.daily(ctx, user, metric, request.Start, request.End)
		if err != nil {
			return Comparison{}, inList(err, i)
		}
		_, with, err := s.daily(ctx, user, metric, request.WithStart, request.WithEnd)
		if err != nil {
			return Comparison{}, inList(err, i)
		}
		m := MetricComparison{
			Measure: measure,
			Period:  periodAggregate(period, measure.Aggregation), With: periodAggregate(with, measure.Aggregation),
		}
		m.Change = Changes{
			Sum: changeOf(m.With.Sum, m.Period.Sum), Avg: changeOf(m.With.Avg, m.Period.Avg),
			Min: changeOf(m.With.Min, m.Period.Min), Max: changeOf(m.With.Max, m.Period.Max),
		}
		answer.Metrics[i] = m
	}
	return answer, nil
}

func daysOf(first, last health.Date) Days {
	return Days{Start: first, End: last, Days: int(last-first) + 1}
}

func periodAggregate(days []dailyValue, aggregation string) PeriodAggregate {
	f := PeriodAggregate{DaysWithData: len(days), Sources: sourcesIn(days)}
	if len(days) == 0 {
		return f
	}
	values := valuesIn(days)
	f.Avg, f.Min, f.Max = orNull(aggregate.Mean(values)), orNull(slices.Min(values)), orNull(slices.Max(values))
	if aggregation == aggregateSum {
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		f.Sum = &sum
	}
	return f
}

// changeOf returns nil where either side is nil.
func changeOf(from, to *float64) *Change {
	if from == nil || to == nil {
		return nil
	}
	change := Change{Absolute: *to - *from}
	if *from != 0 {
		change.Relative = orNull(change.Absolute / math.Abs(*from))
	}
	return &change
}
