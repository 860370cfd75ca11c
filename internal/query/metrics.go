package query

import (
	"context"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// Metric describes what a user has of one metric in one unit.
type Metric struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Aggregation is how the values of an interval become one: sum, avg or last.
	Aggregation string `json:"aggregation"`
	Category    string `json:"category"`
	Count       int64  `json:"count"`
	// First and Last are the starts of the earliest and the latest sample, in UTC.
	First   time.Time      `json:"first"`
	Last    time.Time      `json:"last"`
	Sources []string       `json:"sources"`
	Grains  []health.Grain `json:"grains"`
	// Known is false for a metric that is not in the catalogue; it is stored as it was sent.
	Known bool `json:"known"`
}

// categoryUnknown is the category of the metrics that are not in the catalogue.
const categoryUnknown = "other"

func categoryOf(known *catalog.Metric) string {
	if known == nil {
		return categoryUnknown
	}
	return known.Category
}

// Metrics returns what the user has, ordered by name and unit.
func (s *Service) Metrics(ctx context.Context, user account.User) ([]Metric, error) {
	infos, err := s.Config.Samples.Metrics(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	metrics := make([]Metric, len(infos))
	for i, info := range infos {
		known, ok := s.Catalog.Lookup(info.Metric)
		aggregation, _, err := aggregationFor(known, "")
		if err != nil {
			return nil, err
		}
		metrics[i] = Metric{
			Name: info.Metric, Unit: info.Unit, Aggregation: aggregation, Category: categoryOf(known),
			Count: info.Count, First: info.First.Time(), Last: info.Last.Time(),
			Sources: orEmpty(info.Sources), Grains: orEmpty(info.Grains), Known: ok,
		}
	}
	return metrics, nil
}

// LatestValue is the latest sample of one metric.
type LatestValue struct {
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	Readings
	Start      time.Time    `json:"start"`
	End        time.Time    `json:"end"`
	Grain      health.Grain `json:"grain"`
	Source     string       `json:"source"`
	Attributes Object       `json:"attributes,omitempty"`
}

// Latest returns the latest sample of every metric the user has, ordered by name and unit; of several grains with the
// same start, the finest.
func (s *Service) Latest(ctx context.Context, user account.User) ([]LatestValue, error) {
	samples, err := s.Config.Samples.Latest(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	values := make([]LatestValue, len(samples))
	for i := range samples {
		sample := &samples[i]
		_, end := sample.Span()
		values[i] = LatestValue{
			Metric: sample.Metric, Unit: sample.Unit, Readings: readingsOf(sample),
			Start: sample.Start.In(sample.Offset), End: end.In(sample.Offset),
			Grain: sample.Grain, Source: sample.Source, Attributes: objectOrNull(sample.Attributes),
		}
	}
	return values, nil
}
