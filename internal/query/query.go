// Package query answers questions about what is stored: samples, series, days, sleep, workouts and events. It decides
// which grain and source answer (by the rules in package health) and in which unit; it knows neither HTTP nor databases.
//
// The types it returns are the answers of the API: their JSON tags are its contract. Times are RFC 3339 in the offset
// they were recorded with, and what was not sent is null or left out, never zero.
package query

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store"
)

// Config is what a Service reads from.
type Config struct {
	Samples  store.SampleReader
	Sleep    store.SleepReader
	Workouts store.WorkoutReader
	Events   store.EventReader
	// Summaries answers for whole local days. Without it, samples do, and sources are in their standard order.
	Summaries store.SummaryReader
	Catalog   *catalog.Catalog
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service answers questions. It keeps nothing between them and is safe for concurrent use.
//
// A request that cannot be answered is a *problem.Error of kind Invalid whose Field is the parameter at fault, or of
// kind NotFound; other errors are the store's.
type Service struct {
	Config
}

// New returns a service that reads from what config names.
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
