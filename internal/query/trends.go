package query

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// A trend compares the last recentDays with the baselineDays before them, if there are at least so many days with data.
const (
	recentDays        = 7
	baselineDays      = 28
	leastRecentDays   = 3
	leastBaselineDays = 7
	// trendThreshold is how many standard deviations of the baseline the mean must have moved to have a direction.
	trendThreshold = 1.0
)

// The directions of a trend.
const (
	trendUp     = "up"
	trendDown   = "down"
	trendSteady = "steady"
)

// TrendsRequest selects the metrics and the day of trends.
type TrendsRequest struct {
	// Metrics are up to 20 names; none selects all that the user has and that have a daily value.
	Metrics []string
	// Date is the last day.
	Date health.Date
}

// Trends is the response to a TrendsRequest.
type Trends struct {
	Date     health.Date `json:"date"`
	Recent   Days        `json:"recent"`
	Baseline Days        `json:"baseline"`
	// Threshold is the z-score from which on a trend has a direction.
	Threshold float64 `json:"threshold"`
	Trends    []Trend `json:"trends"`
}

// Trend is the direction of one metric. Change, ZScore and Direction are null with data on fewer than 3 of the recent
// days or fewer than 7 of the baseline.
type Trend struct {
	Measure
	Recent   TrendStatistics `json:"recent"`
	Baseline TrendStatistics `json:"baseline"`
	Change   *Change         `json:"change"`
	// ZScore is the change in standard deviations of the baseline; null also where the baseline is constant.
	ZScore *float64 `json:"z_score"`
	// Direction is up, down or steady.
	Direction *string  `json:"direction"`
	Sources   []string `json:"sources"`
}

// TrendStatistics describe the daily values of some days.
type TrendStatistics struct {
	DaysWithData      int      `json:"days_with_data"`
	Mean              *float64 `json:"mean"`
	StandardDeviation *float64 `json:"standard_deviation"`
}

// Trends compares the week that ends on a day with the four weeks before it.
func (s *Service) Trends(ctx context.Context, user account.User, request TrendsRequest) (Trends, error) {
	first := request.Date - recentDays - baselineDays + 1
	if err := checkDates(first, request.Date); err != nil {
		return Trends{}, problem.New(problem.Invalid, "invalid_range", "Days go from 1900-02-04 to 9999-12-31.").In("date")
	}
	metrics, all := request.Metrics, len(request.Metrics) == 0
	if all {
		var err error
		if metrics, err = s.metricsSince(ctx, user, first); err != nil {
			return Trends{}, err
		}
	} else if err := checkMetrics(metrics); err != nil {
		return Trends{}, err
	}
	split := request.Date - recentDays
	answer := Trends{
		Date: request.Date, Recent: daysOf(split+1, request.Date), Baseline: daysOf(first, split),
		Threshold: trendThreshold, Trends: []Trend{},
	}
	for i, metric := range metrics {
		measure, days, err := s.daily(ctx, user, metric, first, request.Date)
		if known, ok := errors.AsType[*problem.Error](err); all && ok && known.Code == "no_daily_value" {
			continue
		}
		if err != nil {
			return Trends{}, inList(err, i)
		}
		if all && len(days) == 0 {
			continue
		}
		answer.Trends = append(answer.Trends, trendOf(measure, daysBetween(days, first, split), daysBetween(days, split+1, request.Date)))
	}
	return answer, nil
}

// metricsSince returns the names of the metrics that have samples since a day, each once, and of sleep.
func (s *Service) metricsSince(ctx context.Context, user account.User, first health.Date) ([]string, error) {
	infos, err := s.Config.Samples.Metrics(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	since := localDays(first, first).From
	var names []string
	for _, info := range infos {
		if info.Last >= since {
			names = append(names, info.Metric)
		}
	}
	nights, err := s.dailySleep(ctx, user.ID, nil, first, first+recentDays+baselineDays-1)
	if err != nil {
		return nil, err
	}
	if len(nights) > 0 {
		names = append(names, catalog.SleepAnalysis)
	}
	if slices.Contains(names, catalog.BloodPressure) {
		names = append(names, catalog.BloodPressureSystolic, catalog.BloodPressureDiastolic)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func trendOf(measure Measure, baseline, recent []dailyValue) Trend {
	t := Trend{
		Measure: measure, Baseline: trendStatistics(baseline), Recent: trendStatistics(recent),
		Sources: sourcesIn(slices.Concat(baseline, recent)),
	}
	if len(recent) < leastRecentDays || len(baseline) < leastBaselineDays {
		return t
	}
	t.Change = changeOf(t.Baseline.Mean, t.Recent.Mean)
	deviation := *t.Baseline.StandardDeviation
	if deviation > 0 {
		t.ZScore = orNull(t.Change.Absolute / deviation)
	}
	direction := trendSteady
	switch moved := t.Change.Absolute; {
	case math.Abs(moved) < trendThreshold*deviation || health.SameValue(*t.Baseline.Mean, *t.Recent.Mean):
	case moved > 0:
		direction = trendUp
	default:
		direction = trendDown
	}
	t.Direction = &direction
	return t
}

func trendStatistics(days []dailyValue) TrendStatistics {
	values := valuesIn(days)
	return TrendStatistics{
		DaysWithData: len(days), Mean: orNull(aggregate.Mean(values)), StandardDeviation: orNull(aggregate.StandardDeviation(values)),
	}
}
