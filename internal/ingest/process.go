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
)

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
	err = decoded.err
	if err == nil {
		invalidating := &invalidatingWriter{Writer: s.store, invalidator: s.invalidator, repeated: ingestion.Attempts > 1}
		defer invalidating.invalidateAgain(ctx, user.ID)
		w := &bodyWriter{collector: decoded.Collector, user: user.ID, store: invalidating}
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
