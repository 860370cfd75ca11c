// Package delivery takes the messages of the outbox to their destinations: at least once, one after the other to each
// destination, and again after a failure. Nothing else sends anything to the outside.
package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// Deliver takes one message to its destination. It returns when its ctx ends. It may get a message again that it has
// delivered already, with the same ID.
//
// An error is logged and kept as its code only, never with its text, which could quote the message. One of the kinds
// Invalid, Unrecognised, TooLarge and NotFound says that the destination will never take the message: it is dead at once.
// Any other is tried again, at the earliest after problem.Error.RetryAfter.
type Deliver func(ctx context.Context, m store.Message) error

// Store is what a Worker needs of the store.
type Store interface {
	store.Deliveries
	OutboxBacklog(ctx context.Context) (store.OutboxBacklog, error)
	DropMessagesBefore(ctx context.Context, delivered, dead time.Time) error
}

// Config is what NewWorker needs. Numbers and durations that are 0 have a default; Registerer may be nil.
type Config struct {
	Store Store
	// Kinds has what delivers the messages of each kind. Those of other kinds are left alone: during an upgrade an instance
	// of the next release may deliver them.
	Kinds      map[string]Deliver
	Logger     *slog.Logger
	Registerer prometheus.Registerer

	// Parallel bounds the messages under way at the same time, each to another destination; 8.
	Parallel int
	// Timeout bounds an attempt; 30 s.
	Timeout time.Duration
	// MaxAttempts is after how many attempts a message is dead; 50, which is about four days.
	MaxAttempts int
	// MinWait and MaxWait bound the wait before the second and before any later attempt, see wait; 5 s and 6 h.
	MinWait, MaxWait time.Duration
}

const (
	// claimMargin is how much longer a claim lasts than the attempt may take: time to record what came of it.
	claimMargin = 30 * time.Second
	// recordTimeout bounds the recording, which also happens when the worker stops.
	recordTimeout = 10 * time.Second
	// keepDelivered and keepDead are how long messages that are over are kept: so long is one with the key of another one
	// passed over, and can a dead one be requeued.
	keepDelivered = 30 * 24 * time.Hour
	keepDead      = 90 * 24 * time.Hour
	// pollEvery is how often a worker that has messages under way looks for others.
	pollEvery = time.Second
)

// Worker delivers messages. Any number of instances may have one: the store gives a destination to one of them at a time.
type Worker struct {
	Config
	kinds   []string
	metrics metrics
}

// NewWorker returns a worker.
func NewWorker(config Config) *Worker {
	config.Parallel = cmp.Or(config.Parallel, 8)
	config.Timeout = cmp.Or(config.Timeout, 30*time.Second)
	config.MaxAttempts = cmp.Or(config.MaxAttempts, 50)
	config.MinWait = cmp.Or(config.MinWait, 5*time.Second)
	config.MaxWait = cmp.Or(config.MaxWait, 6*time.Hour)
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	kinds := slices.Sorted(maps.Keys(config.Kinds))
	return &Worker{Config: config, kinds: kinds, metrics: newMetrics(config.Registerer, kinds)}
}

// Run delivers what is due, until nothing is, or ctx ends. A job calls it. While messages are under way it looks for others
// that have become due, so that a slow destination delays no other one.
func (w *Worker) Run(ctx context.Context) error {
	if len(w.kinds) == 0 {
		return nil
	}
	var underway sync.WaitGroup
	defer underway.Wait()
	ended := make(chan struct{}, w.Parallel)
	for busy := 0; ; {
		for busy < w.Parallel && ctx.Err() == nil {
			// Before the call: the claim does not lapse earlier than this and its duration.
			deadline := time.Now().Add(w.Timeout)
			claimed, err := w.Store.ClaimMessage(ctx, w.kinds, w.Timeout+claimMargin)
			if errors.Is(err, problem.NotFound) {
				break
			}
			if err != nil {
				return fmt.Errorf("claim a message: %w", err)
			}
			busy++
			underway.Go(func() {
				defer func() { ended <- struct{}{} }()
				w.deliver(ctx, deadline, claimed)
			})
		}
		if busy == 0 {
			return ctx.Err()
		}
		poll := time.NewTimer(pollEvery)
		select {
		case <-ended:
			busy--
		case <-poll.C:
		}
		poll.Stop()
	}
}

// deliver makes one attempt and records what came of it. If that cannot be recorded, the claim lapses, and the message is
// delivered once more.
func (w *Worker) deliver(ctx context.Context, deadline time.Time, claimed store.ClaimedMessage) {
	started := time.Now()
	code, outcome := "too_many_attempts", outcomeDead
	var wait time.Duration
	if claimed.Attempts <= w.MaxAttempts { // else the attempts before have ended the program, or it was killed each time
		err := w.attempt(ctx, deadline, claimed.Message)
		code = codeOf(err)
		switch {
		case err == nil:
			outcome = outcomeDelivered
		case ctx.Err() != nil:
			outcome, code = outcomeStopped, "stopped"
		case isPermanent(err) || claimed.Attempts >= w.MaxAttempts:
			outcome = outcomeDead
		default:
			outcome, wait = outcomeFailed, w.wait(claimed.Attempts, err)
		}
	}
	w.metrics.attempts.WithLabelValues(claimed.Kind, outcome).Inc()
	w.metrics.seconds.WithLabelValues(claimed.Kind).Observe(time.Since(started).Seconds())

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	logger := w.Logger.With("message", claimed.ID, "kind", claimed.Kind, "attempt", claimed.Attempts, "code", code)
	var err error
	switch outcome {
	case outcomeDelivered:
		err = w.Store.MessageDelivered(ctx, claimed)
	case outcomeDead:
		if err = w.Store.MessageDead(ctx, claimed, code); err == nil {
			logger.WarnContext(ctx, "a message was given up")
		}
	default:
		err = w.Store.MessageFailed(ctx, claimed, code, wait)
	}
	if err != nil {
		logger.WarnContext(ctx, "what came of a delivery was not recorded; it is made again", "outcome", outcome, "err", err)
	}
}

// attempt calls what delivers the message, and makes an error of a panic.
func (w *Worker) attempt(ctx context.Context, deadline time.Time, m store.Message) (err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // the value of the panic could quote the message
			w.Logger.ErrorContext(ctx, "a delivery panicked", "message", m.ID, "kind", m.Kind, "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	return w.Kinds[m.Kind](ctx, m)
}

// isPermanent reports whether another attempt would fail as well.
func isPermanent(err error) bool {
	switch problem.KindOf(err) {
	case problem.Invalid, problem.Unrecognised, problem.TooLarge, problem.NotFound:
		return true
	}
	return false
}

// codeOf is what may be kept of an error.
func codeOf(err error) string {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return cmp.Or(p.Code, string(p.Kind))
	}
	switch kind := problem.KindOf(err); {
	case err == nil:
		return ""
	case kind != "":
		return string(kind)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	default:
		return "internal"
	}
}

// wait is how long to wait after the given attempt has failed: a random time up to MinWait after the first one, twice as
// much after each further one, and no more than MaxWait. It is wholly random so that the messages to a receiver that was
// away do not come back in one wave. A receiver that says when to come again is not asked before.
func (w *Worker) wait(attempt int, err error) time.Duration {
	limit := w.MinWait
	for i := 1; i < attempt && limit < w.MaxWait; i++ {
		limit *= 2
	}
	limit = min(limit, w.MaxWait)
	wait := time.Duration(1 + rand.Int64N(int64(limit))) // #nosec G404 -- a pause is no secret
	if p, ok := errors.AsType[*problem.Error](err); ok {
		wait = max(wait, min(p.RetryAfter, w.MaxWait))
	}
	return wait
}

// CountBacklog measures what is in the outbox. A job calls it.
func (w *Worker) CountBacklog(ctx context.Context) error {
	backlog, err := w.Store.OutboxBacklog(ctx)
	if err != nil {
		return err
	}
	var age time.Duration
	if !backlog.Oldest.IsZero() {
		age = max(0, time.Since(backlog.Oldest))
	}
	w.metrics.waiting.Set(float64(backlog.Waiting))
	w.metrics.age.Set(age.Seconds())
	w.metrics.dead.Set(float64(backlog.Dead))
	return nil
}

// DropOld lets go of messages that have been over for long. A job calls it, on one instance.
func (w *Worker) DropOld(ctx context.Context) error {
	now := time.Now()
	return w.Store.DropMessagesBefore(ctx, now.Add(-keepDelivered), now.Add(-keepDead))
}
