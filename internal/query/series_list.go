package query

import (
	"context"

	"github.com/health-export/health-export/internal/account"
)

// SeriesListRequest selects the series of several metrics over one range.
type SeriesListRequest struct {
	// Metrics are up to 20 names, aliases or HealthKit identifiers.
	Metrics []string
	// Units are the units to convert to, by the text in Metrics; a metric without one stays in the unit it is stored
	// in.
	Units map[string]string
	// Of has all other parameters; its Metric, Unit and Cursor are ignored. Its Limit is that of each series; together
	// they may have 100,000 points, and 0 is each one's share of them, 10,000 at most.
	Of SeriesRequest
}

// SeriesList is the response to a SeriesListRequest, in the order of its metrics. The cursor of a series is one of
// Series for the same metric, unit and range.
type SeriesList struct {
	Series []Series `json:"series"`
}

// SeriesList returns several series.
func (s *Service) SeriesList(ctx context.Context, user account.User, request SeriesListRequest) (SeriesList, error) {
	if err := checkMetrics(request.Metrics); err != nil {
		return SeriesList{}, err
	}
	maxLimit := maxPoints / len(request.Metrics)
	limit, err := pageLimit(request.Of.Limit, min(defaultPoints, maxLimit), maxLimit)
	if err != nil {
		return SeriesList{}, err
	}
	answer := SeriesList{Series: make([]Series, len(request.Metrics))}
	for i, metric := range request.Metrics {
		one := request.Of
		one.Metric, one.Unit, one.Cursor, one.Limit = metric, request.Units[metric], "", limit
		if answer.Series[i], err = s.Series(ctx, user, one); err != nil {
			return SeriesList{}, inList(err, i)
		}
	}
	return answer, nil
}
