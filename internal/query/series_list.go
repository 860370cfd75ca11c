package query

import (
	"context"

	"github.com/health-export/health-export/internal/account"
)

// SeriesListRequest asks for the series of several metrics over one range.
type SeriesListRequest struct {
	// Metrics are up to 20 names, aliases or HealthKit identifiers.
	Metrics []string
	// Units are what to convert to, by the text in Metrics; those that are not named stay in the unit they are stored in.
	Units map[string]string
	// Of holds all else; its Metric, Unit and Cursor do not matter. Its Limit is that of each series; together they may
	// have 100,000 points, and 0 is what that leaves to each, 10,000 at most.
	Of SeriesRequest
}

// SeriesList is the answer to a SeriesListRequest, in the order of its metrics. A series that goes on has a cursor,
// which is one of Series for the same metric, unit and range.
type SeriesList struct {
	Series []Series `json:"series"`
}

// SeriesList returns several series.
func (s *Service) SeriesList(ctx context.Context, user account.User, request SeriesListRequest) (SeriesList, error) {
	if err := checkMetrics(request.Metrics); err != nil {
		return SeriesList{}, err
	}
	most := maxPoints / len(request.Metrics)
	limit, err := pageLimit(request.Of.Limit, min(defaultPoints, most), most)
	if err != nil {
		return SeriesList{}, err
	}
	answer := SeriesList{Series: make([]Series, len(request.Metrics))}
	for i, metric := range request.Metrics {
		of := request.Of
		of.Metric, of.Unit, of.Cursor, of.Limit = metric, request.Units[metric], "", limit
		if answer.Series[i], err = s.Series(ctx, user, of); err != nil {
			return SeriesList{}, inList(err, i)
		}
	}
	return answer, nil
}
