package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
)

// process decodes an archived body and stores what it holds. It returns the ingestion as it is to be recorded. An error
// is a failure of ours: the ingestion stays unfinished and is tried again, which is harmless however far it had come.
func (s *Service) process(ctx context.Context, ingestion health.Ingestion, user health.User) (_ health.Ingestion, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	begun := s.now()
	ingestion.Report = health.Report{}
	ingestion.Failure, ingestion.FailureCode = "", ""

	body, err := s.Raw(ctx, user.ID, ingestion.ID)
	if err != nil {
		return ingestion, err
	}
	defer body.Close()

	err = s.take(ctx, &ingestion, user, body)
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

// bodyError is a fault of the body as a whole: trying again would not help.
type bodyError struct{ fault *health.Error }

// Error says what is wrong with the body.
func (e *bodyError) Error() string { return e.fault.Error() }

func (e *bodyError) status() health.Status {
	if e.fault.Kind == health.Unrecognised {
		return health.StatusUnrecognised
	}
	return health.StatusFailed
}

// take reads the body to its end and, if it is sound, writes what it holds.
func (s *Service) take(ctx context.Context, ingestion *health.Ingestion, user health.User, body io.Reader) error {
	buffered := bufio.NewReaderSize(body, format.DetectSize)
	head, err := buffered.Peek(format.DetectSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	language, err := s.formats(head)
	if err != nil {
		return asBodyError(err)
	}
	ingestion.Format = language.Name

	c := newCollector(s.words, ingestion, &ingestion.Report, s.limits.TempDir)
	defer c.close()
	for record, err := range language.Decode(buffered, format.Options{Location: user.Location()}) {
		var rejection *health.Rejection
		switch {
		case errors.As(err, &rejection):
			c.reject(health.KindOfType(rejection.Type), rejection)
		case err != nil:
			return asBodyError(err)
		default:
			if err := c.add(&record); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return c.write(ctx, user.ID, s.store)
}

// asBodyError marks an error that says what is wrong with the body.
func asBodyError(err error) error {
	var fault *health.Error
	if errors.As(err, &fault) && (fault.Kind == health.Invalid || fault.Kind == health.Unrecognised || fault.Kind == health.TooLarge) {
		return &bodyError{fault}
	}
	return err
}
