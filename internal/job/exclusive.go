package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Leases is what a Runner needs so that an exclusive task runs on one instance at a time; see store.Leases.
type Leases interface {
	AcquireLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error)
	RenewLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error)
	ReleaseLease(ctx context.Context, name, owner string, pause time.Duration) error
}

const (
	// leaseDuration is how long the task of an instance that has died keeps the others waiting.
	leaseDuration = time.Minute
	// skippedRetry is how far apart an instance looks, at most, whether it is its turn to run a task that was left to another.
	skippedRetry = 10 * time.Minute
	// releaseTimeout bounds the release of a lease, which also happens when the runner stops.
	releaseTimeout = 5 * time.Second
)

var (
	// errSkipped says that another instance runs the task, or has run it within its interval.
	errSkipped   = errors.New("another instance runs the task")
	errLeaseLost = errors.New("the lease was lost: another instance may run the task")
)

// leaseHolder is a runner as the owner of leases.
type leaseHolder struct {
	leases   Leases
	owner    string
	duration time.Duration
}

// UseLeases makes the runner run exclusive tasks under leases; without, it runs them as all others. It is called before
// Run.
func (r *Runner) UseLeases(leases Leases) {
	r.holder = leaseHolder{leases: leases, owner: uuid.NewString(), duration: leaseDuration}
}

// runExclusively runs a task under its lease, renews the lease meanwhile, and ends the context of the run when the lease
// is lost. A run that has succeeded keeps the other instances away for the rest of the interval; one that has failed, or
// was cut short, does not. It does not keep away this instance, whose ticks have the right distance already and may be
// early by the clock of the database.
func (r *Runner) runExclusively(ctx context.Context, task Task) error {
	h, name := r.holder, "job:"+task.Name
	begun := time.Now() // before the call: the lease does not lapse earlier than this and its duration
	held, err := h.leases.AcquireLease(ctx, name, h.owner, h.duration)
	switch {
	case err != nil:
		return fmt.Errorf("acquire the lease: %w", err)
	case !held:
		return errSkipped
	}
	err = h.hold(ctx, name, begun, func(ctx context.Context) error { return run(ctx, task) })
	var pause time.Duration
	if err == nil {
		pause = max(0, task.Every-time.Since(begun))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := h.leases.ReleaseLease(ctx, name, h.owner, pause); err != nil {
		r.logger.WarnContext(ctx, "the lease of a job was not released; it lapses by itself", "job", task.Name, "err", err)
	}
	return err
}

// hold calls do, and renews a lease that was acquired at the given time until do has returned.
func (h leaseHolder) hold(ctx context.Context, name string, acquired time.Time, do func(ctx context.Context) error) error {
	held, cancel := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.renew(held, name, acquired, cancel)
	}()
	err := do(held)
	lost := errors.Is(context.Cause(held), errLeaseLost)
	cancel(nil)
	<-stopped
	if lost && err != nil {
		return fmt.Errorf("%w: %w", errLeaseLost, err)
	}
	return err
}

// renew renews a lease until ctx ends. It cancels with errLeaseLost when the lease is another owner's, or, where the
// store does not answer, some time before it lapses, so that the work has stopped by then.
func (h leaseHolder) renew(ctx context.Context, name string, acquired time.Time, cancel context.CancelCauseFunc) {
	const renewals, margin = 3, 6 // parts of the duration
	left := func(since time.Time) time.Duration { return time.Until(since.Add(h.duration - h.duration/margin)) }
	lapse := time.AfterFunc(left(acquired), func() { cancel(errLeaseLost) })
	defer lapse.Stop()
	ticker := time.NewTicker(h.duration / renewals)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		held, err := h.leases.RenewLease(ctx, name, h.owner, h.duration)
		switch {
		case err != nil: // asked again at the next tick
		case !held:
			cancel(errLeaseLost)
		case lapse.Stop():
			lapse.Reset(left(asked))
		}
	}
}
