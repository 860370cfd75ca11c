package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/tracing"
)

// start processes a claimed ingestion in the background and returns a channel that yields the result, once. decoded is the
// body if it has been decoded already, or nil.
func (s *Service) start(
	audit auditSource, ingestion health.Ingestion, user account.User, decoded *decodedBody, end func(),
) <-chan health.Ingestion {
	result := make(chan health.Ingestion, 1)
	go func() {
		defer end()
		if decoded != nil {
			defer decoded.Close()
		}
		result <- s.processClaimed(audit, ingestion, user, decoded)
	}()
	return result
}

// processClaimed processes a claimed ingestion when its source has a free slot, and records the result. It returns the
// ingestion as it is afterwards, still accepted if it has to be tried again.
func (s *Service) processClaimed(
	audit auditSource, ingestion health.Ingestion, user account.User, decoded *decodedBody,
) health.Ingestion {
	var err error
	source := s.sourceOf(&ingestion)
	whole, span := tracing.Start(tracing.Detach(source.ctx, audit.ctx), "process body")
	defer func() { span.End(err) }()
	ctx, releaseClaim := s.renewClaim(whole, ingestion.ID)
	defer releaseClaim()

	release, ok := source.acquire(ctx, &ingestion)
	if !ok {
		if whole.Err() != nil { // else the claim is lost
			s.postpone(audit, ingestion, whole.Err())
		}
		return ingestion
	}
	defer release()

	finished, err := s.process(ctx, ingestion, user, decoded)
	if err == nil {
		err = s.store.Finish(ctx, finished, s.owner, audit.entry(&finished))
	}
	switch {
	case isErased(err):
		s.logger.InfoContext(ctx, "ingestion given up: the data of its user was erased", "ingestion", ingestion.ID)
		source.remove(&ingestion)
		return ingestion
	case err != nil:
		s.postpone(audit, ingestion, err)
		return ingestion
	}
	source.remove(&ingestion)
	s.metrics.finished(ctx, &finished)
	s.logger.Log(ctx, source.level, "ingestion finished", "ingestion", finished.ID, "user", finished.UserID, "outcome", finished.Status,
		"format", finished.Format, "attempt", finished.Attempts, "duration", finished.Duration)
	return finished
}

// maxAttempts is how often a body is tried that fails for a reason other than itself before it is marked as failed. It
// stays in the archive and can be replayed.
const maxAttempts = 20

// postpone releases the claim so that the ingestion is tried again, later each time, or marks it as failed.
func (s *Service) postpone(audit auditSource, ingestion health.Ingestion, cause error) {
	ctx, cancel := context.WithTimeout(tracing.Detach(context.WithoutCancel(s.ctx), audit.ctx), 5*time.Second)
	defer cancel()
	source := s.sourceOf(&ingestion)
	stopping := source.ctx.Err() != nil
	if !stopping {
		s.metrics.postponed()
		s.logger.ErrorContext(ctx, "ingestion postponed", "ingestion", ingestion.ID, "user", ingestion.UserID,
			"attempt", ingestion.Attempts, "err", cause)
	}
	if ingestion.Attempts >= maxAttempts && !errors.Is(cause, problem.Unavailable) && !stopping {
		ingestion.Status, ingestion.FailureCode = health.StatusFailed, "processing_failed"
		ingestion.Failure = "The body could not be processed because of a fault in the server. It is kept in the archive: replay it after an upgrade."
		ingestion.FinishedAt = s.now()
		if s.store.Finish(ctx, ingestion, s.owner, audit.entry(&ingestion)) == nil {
			source.remove(&ingestion)
			return
		}
	}
	wait := min(time.Duration(ingestion.Attempts)*5*time.Second, 5*time.Minute)
	if stopping {
		wait = 0
	}
	// Where even this fails the claim expires by itself.
	_ = s.store.Release(ctx, ingestion.ID, s.owner, s.now().Add(wait))
}

// process writes what a body holds to the store. decoded is the body if it has been decoded already, or nil. It returns the
// ingestion as it is to be recorded. An error is a failure of this server: the ingestion stays unfinished and is tried again,
// which is harmless however far it had come.
func (s *Service) process(ctx context.Context, ingestion health.Ingestion, user account.User, decoded *decodedBody) (_ health.Ingestion, err error) {
	defer recoverAs(&err)
	begun := s.now()
	if decoded == nil || decoded.failed() {
		decoded, err = s.sourceOf(&ingestion).decode(ctx, &ingestion, user)
		if err != nil {
			return ingestion, err
		}
		defer decoded.Close()
	}
	body := store.Body{User: user.ID, Order: ingestion.PlaceInOrder()}
	if err = decoded.err; err == nil {
		body.Unprocessed, err = s.store.Unprocessed(ctx, user.ID, body.Order)
	}
	if err == nil {
		invalidating := &invalidatingWriter{Writer: s.store, invalidator: s.invalidator, repeated: ingestion.Attempts > 1}
		defer invalidating.invalidateAgain(ctx, user.ID)
		w := &bodyWriter{collector: decoded.Collector, body: body, ingestion: &ingestion, store: invalidating, workouts: s.store}
		err = w.write(ctx)
		s.metrics.summariesWritten(w.summaries, w.summingUp)
	}
	ingestion.Format, ingestion.Report = decoded.format, decoded.Report()
	ingestion.Failure, ingestion.FailureCode = "", ""

	var broken *bodyError
	switch {
	case errors.As(err, &broken):
		ingestion.Status, ingestion.Failure, ingestion.FailureCode = broken.status(), broken.fault.Message, broken.fault.Code
		ingestion.Report = health.Report{}
	case err != nil:
		return ingestion, err
	default:
		ingestion.Status = ingestion.Report.Status()
	}
	ingestion.FinishedAt = s.now()
	ingestion.Duration = ingestion.FinishedAt.Sub(begun).Round(time.Microsecond)
	return ingestion, nil
}

// recoverAs turns a panic into an error: one body must not end the server.
func recoverAs(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
	}
}

// bodyError is a fault of the body as a whole; to try again would not help.
type bodyError struct{ fault *problem.Error }

// Error returns what is wrong with the body.
func (e *bodyError) Error() string { return e.fault.Error() }

func (e *bodyError) status() health.Status {
	if e.fault.Kind == problem.Unrecognised {
		return health.StatusUnrecognised
	}
	return health.StatusFailed
}

// asBodyError returns a *bodyError where the body is at fault, and any other error as it is.
func asBodyError(err error) error {
	var fault *problem.Error
	if errors.As(err, &fault) && (fault.Kind == problem.Invalid || fault.Kind == problem.Unrecognised || fault.Kind == problem.TooLarge) {
		return &bodyError{fault}
	}
	return err
}
