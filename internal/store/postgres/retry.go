package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	maxAttempts = 5
	// firstWait is the longest pause before the second attempt; each following one is twice as long. In all that is a
	// second and a half: enough for a failover of connections, not for a restart, which the caller has to wait for.
	firstWait = 100 * time.Millisecond
)

// uncertainCommit marks the failure of a commit of which nobody knows whether it happened. Trying again is harmless to the
// data, but the account would call new what the first attempt has stored.
type uncertainCommit struct{ error }

// Unwrap returns the failure.
func (u uncertainCommit) Unwrap() error { return u.error }

// commitError marks a commit that was cut off.
func commitError(err error) error {
	if err != nil && disconnected(err) {
		return uncertainCommit{err}
	}
	return err
}

// retry runs a function again when another transaction was in the way or the connection was lost, a bounded number of
// times, after pauses that differ so that two who collided do not collide again.
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
