package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// lease is how long a claim on an ingestion lasts unless it is renewed. After a crash the ingestion is resumed when it has
// expired.
const lease = 30 * time.Second

// renewClaim renews the claim on an ingestion until release is called. The context it returns ends when the claim is lost, so
// that two workers do not process the same body.
func (s *Service) renewClaim(ctx context.Context, id uuid.UUID) (claimed context.Context, release func()) {
	claimed, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(lease / 3)
		defer ticker.Stop()
		for {
			select {
			case <-claimed.Done():
				return
			case <-ticker.C:
			}
			err := s.store.Renew(claimed, id, s.owner, s.now().Add(lease))
			if errors.Is(err, problem.Conflict) {
				cancel()
				return
			}
		}
	}()
	return claimed, func() {
		cancel()
		<-stopped
	}
}

// Resume processes accepted ingestions without a claim, oldest first, until there is none. A job calls it at start, for what
// a crash left, and regularly, for what had to be postponed. It does not wait for imports.
func (s *Service) Resume(ctx context.Context) error {
	s.sweepOnce.Do(func() { s.sweepUploads(ctx) })
	for ctx.Err() == nil {
		found, err := s.resumeNext(ctx)
		if err != nil || !found {
			return err
		}
	}
	return ctx.Err()
}

func (s *Service) resumeNext(ctx context.Context) (found bool, err error) {
	end, err := s.begin()
	if err != nil {
		return false, nil // stopping
	}
	ingestion, user, found, err := s.claimNext(ctx)
	if err != nil || !found {
		end()
		return false, err
	}
	s.logger.InfoContext(ctx, "resuming an unfinished ingestion", "ingestion", ingestion.ID, "user", user.ID,
		"attempt", ingestion.Attempts)
	source := s.sourceOf(&ingestion)
	result := s.start(auditSource{ctx, source.action}, ingestion, user, nil, end)
	if !source.background {
		<-result
	}
	return true, nil
}

func (s *Service) claimNext(ctx context.Context) (ingestion health.Ingestion, user account.User, found bool, err error) {
	now := s.now()
	ingestion, err = s.store.ClaimNext(ctx, s.owner, s.uploads.Name(), now, now.Add(lease))
	if errors.Is(err, problem.NotFound) {
		return ingestion, user, false, nil
	}
	if err == nil {
		user, err = s.store.User(ctx, ingestion.UserID)
	}
	return ingestion, user, err == nil, err
}

// sweepUploads removes abandoned uploads.
func (s *Service) sweepUploads(ctx context.Context) {
	s.uploads.Sweep(s.now(), func(user, id uuid.UUID) bool {
		ingestion, err := s.store.Ingestion(ctx, user, id)
		if err != nil {
			return !errors.Is(err, problem.NotFound)
		}
		return ingestion.Status == health.StatusAccepted
	})
}
