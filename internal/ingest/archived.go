package ingest

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// archivedOnPage is how many ingestions are listed at once.
const archivedOnPage = 500

// Ingestions yields everything a user ever sent that is still archived, newest first, as store.Archive lists it.
func (s *Service) Ingestions(ctx context.Context, user uuid.UUID) iter.Seq2[health.Ingestion, error] {
	return func(yield func(health.Ingestion, error) bool) {
		query := store.IngestionQuery{Limit: archivedOnPage}
		for {
			page, err := s.store.Ingestions(ctx, user, query)
			if err != nil {
				yield(health.Ingestion{}, err)
				return
			}
			for _, ingestion := range page {
				if !yield(ingestion, nil) {
					return
				}
			}
			if len(page) < query.Limit {
				return
			}
			query.Before = page[len(page)-1].ID
		}
	}
}
