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
}

// Runner runs tasks, each in a loop of its own.
type Runner struct {
	logger  *slog.Logger
	metrics metrics
	tracer  *tracing.Tracer
}

// NewRunner returns a runner whose metrics are registered with registerer; one runner per registerer. A run is a trace
// of its own, at most one a minute of each task; a nil tracer makes none.
func NewRunner(logger *slog.Logger, registerer prometheus.Registerer, tracer *tracing.Tracer) *Runner {
	return &Runner{logger: logger, metrics: newMetrics(registerer), tracer: tracer}
}

// Prepare makes the counters of the tasks. Whoever runs them beside a server calls it before the server answers: a counter
// that appears after the first scrape hides its first increase. Run calls it in any case.
func (r *Runner) Prepare(tasks ...Task) {
	for _, task := range tasks {
		r.metrics.initCounters(task.Name)
	}
}

// Run runs the tasks until ctx ends and every one of them has returned. Then it returns nil: what fails in a task is
// logged. An error means that a task is described wrongly and that none was started.
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
	runNow := func() {
		tracer := r.tracer
		if time.Since(traced) < traceInterval {
			tracer = nil
		} else {
			traced = time.Now()
		}
		r.runOnce(ctx, task, tracer)
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

// traceInterval is how far apart traced runs of a task are at least: one that looks every second whether there is anything to
// do would bury all other traces.
const traceInterval = time.Minute

// runOnce runs the task, measures it, and logs what went wrong.
func (r *Runner) runOnce(ctx context.Context, task Task, tracer *tracing.Tracer) {
	if ctx.Err() != nil { // stopped in the moment of the tick
		return
	}
	start := time.Now()
	ctx, span := tracer.Start(ctx, "job "+task.Name)
	err := run(ctx, task)
	took := time.Since(start)
	span.End(err)

	outcome := outcomeOf(ctx, err)
	r.metrics.runs.WithLabelValues(task.Name, outcome).Inc()
	tracing.Observe(ctx, r.metrics.seconds.WithLabelValues(task.Name), took.Seconds())
	if outcome == outcomeFailed {
		r.logger.ErrorContext(ctx, "job failed", "job", task.Name, "duration", took, "err", err)
	}
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
