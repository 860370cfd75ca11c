// Package job runs periodic tasks.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/tracing"
)

// Task is a function that is run periodically.
type Task struct {
	// Name is the name in logs and metrics, in lower-case words joined by underscores.
	Name string
	// Every is the time from one start to the next. A run that takes longer delays the next one: runs of one task never
	// overlap, and missed starts are skipped.
	Every time.Duration
	// AtStart runs it at once as well, instead of first after Every.
	AtStart bool
	// Run does the work. An error or a panic ends this run and no other. Its ctx ends when the runner stops; the runner
	// waits for it, so it should return soon then.
	Run func(ctx context.Context) error
	// Exclusive makes it run on one instance at a time, and on no other for Every after a run that has succeeded, if the
	// runner has leases (UseLeases). The ctx of a run also ends when its lease is lost. When the instance that runs it is
	// gone, another one takes over once the lease has lapsed, or when the next run is due: ten minutes later at most.
	Exclusive bool
}

// Runner runs tasks, each in a loop of its own.
type Runner struct {
	logger  *slog.Logger
	metrics metrics
	tracer  *tracing.Tracer
	holder  leaseHolder
}

// NewRunner returns a runner that registers its metrics with registerer; one runner per registerer. Runs are traced, at
// most one a minute of each task; a nil tracer traces none.
func NewRunner(logger *slog.Logger, registerer prometheus.Registerer, tracer *tracing.Tracer) *Runner {
	return &Runner{logger: logger, metrics: newMetrics(registerer), tracer: tracer}
}

// Prepare makes the counters of the tasks. A program that also serves calls it before the server answers: a counter that
// appears after the first scrape hides its first increase. Run calls it in any case.
func (r *Runner) Prepare(tasks ...Task) {
	for _, task := range tasks {
		r.metrics.initCounters(task)
	}
}

// Run runs the tasks until ctx ends and every one of them has returned. Then it returns nil: errors of tasks are logged.
// An error means that a task is invalid and that none was started.
func (r *Runner) Run(ctx context.Context, tasks ...Task) error {
	if err := validate(tasks); err != nil {
		return err
	}
	r.Prepare(tasks...)
	var loops sync.WaitGroup
	for _, task := range tasks {
		loops.Go(func() { r.loop(ctx, task) })
	}
	<-ctx.Done()
	loops.Wait()
	return nil
}

func (r *Runner) loop(ctx context.Context, task Task) {
	ticker := time.NewTicker(task.Every)
	defer ticker.Stop()
	var traced time.Time
	interval := task.Every
	runNow := func() {
		tracer := r.tracer
		if time.Since(traced) < traceInterval {
			tracer = nil
		} else {
			traced = time.Now()
		}
		next := task.Every
		if r.runOnce(ctx, task, tracer) == outcomeSkipped {
			next = min(next, skippedRetry)
		}
		if next != interval {
			interval = next
			ticker.Reset(interval)
		}
	}
	if task.AtStart {
		runNow()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			runNow()
		}
	}
}

// traceInterval is the least time between traced runs of a task: one that looks for work every second would hide all
// other traces.
const traceInterval = time.Minute

// runOnce runs the task, measures it, and logs a failure. It returns the outcome.
func (r *Runner) runOnce(ctx context.Context, task Task, tracer *tracing.Tracer) string {
	if ctx.Err() != nil { // the runner stopped at the time of the tick
		return outcomeStopped
	}
	start := time.Now()
	ctx, span := tracer.Start(ctx, "job "+task.Name)
	do := run
	if task.Exclusive && r.holder.leases != nil {
		do = r.runExclusively
	}
	err := do(ctx, task)
	took := time.Since(start)
	if errors.Is(err, errSkipped) {
		span.End(nil)
		r.metrics.runs.WithLabelValues(task.Name, outcomeSkipped).Inc()
		return outcomeSkipped
	}
	span.End(err)

	outcome := outcomeOf(ctx, err)
	r.metrics.runs.WithLabelValues(task.Name, outcome).Inc()
	tracing.Observe(ctx, r.metrics.seconds.WithLabelValues(task.Name), took.Seconds())
	if outcome == outcomeFailed {
		r.logger.ErrorContext(ctx, "job failed", "job", task.Name, "duration", took, "err", err)
	}
	return outcome
}

// run calls the task and turns a panic into an error.
func run(ctx context.Context, task Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return task.Run(ctx)
}

// outcomeOf distinguishes a run that failed from one that was cancelled because the runner stops.
func outcomeOf(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return outcomeDone
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return outcomeStopped
	default:
		return outcomeFailed
	}
}

func validate(tasks []Task) error {
	names := map[string]bool{}
	for _, task := range tasks {
		switch {
		case task.Name == "" || task.Run == nil:
			return fmt.Errorf("job %q: a task needs a name and something to run", task.Name)
		case task.Every <= 0:
			return fmt.Errorf("job %q: runs every %v; the interval must be positive", task.Name, task.Every)
		case names[task.Name]:
			return fmt.Errorf("job %q: two tasks have this name", task.Name)
		}
		names[task.Name] = true
	}
	return nil
}
