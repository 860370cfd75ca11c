package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	maxAttempts = 5
	// firstWait is the longest pause before the second attempt; each following one is twice as long. All are a second and a
	// half at most: enough for a failover of connections, not for a restart, which the caller has to wait for.
	firstWait = 100 * time.Millisecond
)

// uncertainCommit is the error of a commit that may or may not have happened. A retry would not harm the data, but would
// report as unchanged what the first attempt has inserted.
type uncertainCommit struct{ error }

// Unwrap returns the failure.
func (e uncertainCommit) Unwrap() error { return e.error }

// commitError returns an uncertainCommit where the connection was lost during a commit.
func commitError(err error) error {
	if err != nil && disconnected(err) {
		return uncertainCommit{err}
	}
	return err
}

// retry runs a function again after a conflict with another transaction or the loss of the connection, a bounded number of
// times, after pauses of random length so that two that collided do not collide again.
func retry(ctx context.Context, do func() error) error {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || attempt == maxAttempts || !isRetryable(err) {
			return err
		}
		timer := time.NewTimer(time.Duration(1 + rand.Int64N(int64(wait)))) // #nosec G404 -- a pause is no secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		wait *= 2
	}
}

func isRetryable(err error) bool {
	if _, ok := errors.AsType[uncertainCommit](err); ok {
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	switch codeOf(err) {
	case codeSerializationFailure, codeDeadlock:
		return true
	}
	return disconnected(err)
}
