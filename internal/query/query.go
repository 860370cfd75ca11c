// Package query reads what is stored: samples, series, days, sleep, workouts and events. It applies the rules of
// package aggregate (which grain and source answer) and converts units; it imports neither HTTP nor a database.
//
// The types it returns are the API's responses: their JSON tags are its contract. Times are RFC 3339 in the offset they
// were recorded with. A value that was not sent is null or left out, never zero.
package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store"
)

// Config has the dependencies of a Service.
type Config struct {
	Samples  store.SampleReader
	Sleep    store.SleepReader
	Workouts store.WorkoutReader
	Events   store.EventReader
	// Summaries has the summaries of whole local days. Without it everything is computed from samples, with sources in
	// their default order.
	Summaries store.SummaryReader
	Catalog   *catalog.Catalog
	// Now returns the current time; nil is time.Now.
	Now func() time.Time
}

// Service runs queries. It has no state and is safe for concurrent use.
//
// A request that cannot be answered is a *problem.Error of kind Invalid whose Field is the parameter at fault, or of
// kind NotFound; other errors are the store's.
type Service struct {
	Config
}

// New returns a service with the dependencies in config.
func New(config Config) *Service {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{config}
}

// sourceOrder returns the order of sources that the user has set.
func (s *Service) sourceOrder(ctx context.Context, user uuid.UUID) (aggregate.SourceOrder, error) {
	if s.Summaries == nil {
		return aggregate.SourceOrder{}, nil
	}
	return s.Summaries.SourceOrder(ctx, user)
}

// MetricName returns the canonical name of a metric of the catalogue that was named by any of its names.
func (s *Service) MetricName(name string) (canonical string, known bool) {
	metric, known := s.Catalog.LookupStored(name)
	if !known {
		return "", false
	}
	return metric.Name, true
}
