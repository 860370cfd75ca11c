// Package job is the clock: it runs what has to be done again and again.
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

// Task is something that is done again and again.
type Task struct {
	// Name says what it does, in lower-case words joined by underscores; it is a label of the metrics.
	Name string
	// Every is the time from one beginning to the next. A run that takes longer delays the next one: a task never
	// runs beside itself, and beginnings that were missed are not made up for.
	Every time.Duration
	// AtStart runs it at once as well, instead of first after Every.
	AtStart bool
	// Run does it. An error or a panic ends this run and no other. Its ctx ends when the runner stops; Run is waited
	// for, so it should return soon then.
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

// NewRunner returns a runner whose metrics are registered with registerer; one runner per registerer. A run is a trace
// of its own, at most one a minute of each task; a nil tracer makes none.
func NewRunner(logger *slog.Logger, registerer prometheus.Registerer, tracer *tracing.Tracer) *Runner {
	return &Runner{logger: logger, metrics: newMetrics(registerer), tracer: tracer}
}

// Run runs the tasks until ctx ends and every one of them has returned. Then it returns nil: what fails in a task is
// logged. An error means that a task is described wrongly and that none was started.
func (r *Runner) Run(ctx context.Context, tasks ...Task) error {
	if err := check(tasks); err != nil {
		return err
	}
	var loops sync.WaitGroup
	for _, task := range tasks {
		r.metrics.prepare(task)
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
	once := func() {
		tracer := r.tracer
		if time.Since(traced) < traceEvery {
			tracer = nil
		} else {
			traced = time.Now()
		}
		next := task.Every
		if r.once(ctx, task, tracer) == outcomeSkipped {
			next = min(next, lookEvery)
		}
		if next != interval {
			interval = next
			ticker.Reset(interval)
		}
	}
	if task.AtStart {
		once()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			once()
		}
	}
}

// traceEvery is how far apart traced runs of a task are at least: one that looks every second whether there is anything to
// do would bury all other traces.
const traceEvery = time.Minute

// once runs the task, measures it, and logs what went wrong. It returns the outcome.
func (r *Runner) once(ctx context.Context, task Task, tracer *tracing.Tracer) string {
	if ctx.Err() != nil { // stopped in the moment of the tick
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

// run calls the task and makes an error of a panic.
func run(ctx context.Context, task Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return task.Run(ctx)
}

// outcomeOf tells a run that failed from one that was cut short because the runner stops.
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

func check(tasks []Task) error {
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
