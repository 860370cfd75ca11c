package query

import (
	"context"
	"fmt"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// maxLag is by how many buckets one metric may be shifted against the other.
const maxLag = 30

// CorrelateRequest correlates the daily values of two metrics.
type CorrelateRequest struct {
	X, Y       string
	Start, End health.Date // included
	// FirstLag and LastLag are the shifts to try: by how many buckets Y comes after X.
	FirstLag, LastLag int
	// Bucket is 1d or 1w; "" is 1d. Weeks begin on Monday and have the mean of their days.
	Bucket string
}

// Correlation is the response to a CorrelateRequest.
type Correlation struct {
	Days
	Bucket string         `json:"bucket"`
	X      Correlated     `json:"x"`
	Y      Correlated     `json:"y"`
	Lags   []Coefficients `json:"lags"`
}

// Correlated is one side of a correlation.
type Correlated struct {
	Measure
	DaysWithData int      `json:"days_with_data"`
	Sources      []string `json:"sources"`
}

// Coefficients are those of the pairs at one lag: X of a bucket with Y of the bucket that is Lag later. They are null
// for fewer than 3 pairs, and where X or Y is constant.
type Coefficients struct {
	Lag      int      `json:"lag"`
	N        int      `json:"n"`
	Pearson  *float64 `json:"pearson"`
	Spearman *float64 `json:"spearman"`
}

// Correlate computes the correlation of two metrics. Both values of a pair lie in the range.
func (s *Service) Correlate(ctx context.Context, user account.User, request CorrelateRequest) (Correlation, error) {
	width := health.Date(1)
	switch request.Bucket {
	case "", "1d":
		request.Bucket = "1d"
	case "1w":
		width = 7
	default:
		return Correlation{}, problem.New(problem.Invalid, "invalid_bucket",
			"Metrics can be correlated by days (1d) and weeks (1w).").In("bucket").Allowing("1d", "1w")
	}
	if request.FirstLag > request.LastLag || request.FirstLag < -maxLag || request.LastLag > maxLag {
		return Correlation{}, problem.New(problem.Invalid, "invalid_lag",
			fmt.Sprintf("Lags are one number or a range such as -7..7, from -%d to %d.", maxLag, maxLag)).In("lag")
	}
	if err := checkPeriod(request.Start, request.End, "start", "end"); err != nil {
		return Correlation{}, err
	}
	answer := Correlation{Days: daysOf(request.Start, request.End), Bucket: request.Bucket, Lags: []Coefficients{}}
	var sides [2]map[health.Date]float64
	for i, side := range []struct {
		name, metric string
		shown        *Correlated
	}{{"x", request.X, &answer.X}, {"y", request.Y, &answer.Y}} {
		measure, days, err := s.daily(ctx, user, side.metric, request.Start, request.End)
		if err != nil {
			return Correlation{}, inField(err, side.name, side.name)
		}
		*side.shown = Correlated{measure, len(days), sourcesIn(days)}
		sides[i] = bucketMeans(days, width)
	}
	for lag := request.FirstLag; lag <= request.LastLag; lag++ {
		answer.Lags = append(answer.Lags, correlate(sides[0], sides[1], request, lag, width))
	}
	return answer, nil
}

// bucketMeans returns the mean of the days of each bucket, by its first day.
func bucketMeans(days []dailyValue, width health.Date) map[health.Date]float64 {
	sums, counts := map[health.Date]float64{}, map[health.Date]float64{}
	for i := range days {
		first := bucketStart(days[i].date, width)
		sums[first] += days[i].value
		counts[first]++
	}
	for first := range sums {
		sums[first] /= counts[first]
	}
	return sums
}

func bucketStart(date, width health.Date) health.Date {
	const monday = 4 // 1970-01-05
	return date - health.Date(floorMod(int(date-monday), int(width)))
}

func correlate(x, y map[health.Date]float64, request CorrelateRequest, lag int, width health.Date) Coefficients {
	var xs, ys []float64
	for date := bucketStart(request.Start, width); date <= request.End; date += width {
		a, haveX := x[date]
		b, haveY := y[date+health.Date(lag)*width]
		if haveX && haveY {
			xs, ys = append(xs, a), append(ys, b)
		}
	}
	return Coefficients{Lag: lag, N: len(xs), Pearson: orNull(aggregate.Pearson(xs, ys)), Spearman: orNull(aggregate.Spearman(xs, ys))}
}
