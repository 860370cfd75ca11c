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

// lease is how long a claim on an ingestion lasts unless it is renewed. After a crash the work is taken up again when
// it has lapsed.
const lease = 30 * time.Second

// renewClaim renews the claim on an ingestion until release is called. The context it returns ends when the claim is
// lost, so that two workers do not process the same body.
func (s *Service) renewClaim(ctx context.Context, id uuid.UUID) (held context.Context, release func()) {
	held, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(lease / 3)
		defer ticker.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-ticker.C:
			}
			err := s.store.Renew(held, id, s.owner, s.now().Add(lease))
			if errors.Is(err, problem.Conflict) {
				cancel()
				return
			}
		}
	}()
	return held, func() {
		cancel()
		<-stopped
	}
}

// Resume takes up archived ingestions that nobody is working on, oldest first, until there is none. A job calls it at
// start, for what a crash left behind, and regularly, for what had to be postponed.
func (s *Service) Resume(ctx context.Context) error {
	s.swept.Do(func() { s.sweep(ctx) })
	for ctx.Err() == nil {
		end, err := s.begin()
		if err != nil {
			return nil // stopping
		}
		found, err := s.resumeNext(ctx, end)
		if err != nil || !found {
			return err
		}
	}
	return ctx.Err()
}

// resumeNext calls end when the work it has found is done. It does not wait for imports: they take their time.
func (s *Service) resumeNext(ctx context.Context, end func()) (found bool, err error) {
	background := false
	defer func() {
		if !background {
			end()
		}
	}()
	now := s.now()
	ingestion, err := s.store.ClaimNext(ctx, s.owner, s.uploads.name, now, now.Add(lease))
	if errors.Is(err, problem.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	user, err := s.store.User(ctx, ingestion.UserID)
	if err != nil {
		return false, err
	}
	s.logger.InfoContext(ctx, "taking up an unfinished ingestion", "ingestion", ingestion.ID, "user", user.ID,
		"attempt", ingestion.Attempts)
	if ingestion.ImportDir != "" {
		background = true
		s.start(auditSource{ctx, account.ActionImport}, ingestion, user, nil, end)
		return true, nil
	}
	s.processClaimed(auditSource{ctx, account.ActionIngest}, ingestion, user, nil)
	return true, nil
}

// sweep tidies up the directory of uploads, once for each process.
func (s *Service) sweep(ctx context.Context) {
	s.uploads.sweep(s.now(), func(user, id uuid.UUID) bool {
		ingestion, err := s.store.Ingestion(ctx, user, id)
		if err != nil {
			return !errors.Is(err, problem.NotFound)
		}
		return ingestion.Status == health.StatusAccepted
	})
}
