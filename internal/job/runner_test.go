package job_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/health-export/health-export/internal/job"
	"github.com/health-export/health-export/internal/testlog"
	"github.com/health-export/health-export/internal/tracing"
)

// start runs the tasks until stop is called, which returns when the runner has. It is used inside a bubble.
func start(t *testing.T, r *job.Runner, tasks ...job.Task) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- r.Run(ctx, tasks...) }()
	synctest.Wait()
	return func() {
		t.Helper()
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	}
}

func quietRunner(t *testing.T) *job.Runner {
	return job.NewRunner(testlog.Logger(t), prometheus.NewRegistry(), nil)
}

// A day of ticks: each task runs by its own interval, and what one does is nothing to the other.
func TestRunnerRunsEachTaskByItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var minutes, hours []time.Duration
		stop := start(t, quietRunner(t),
			job.Task{Name: "minutes", Every: time.Minute, Run: func(context.Context) error {
				minutes = append(minutes, time.Since(begun))
				return nil
			}},
			job.Task{Name: "hours", Every: time.Hour, AtStart: true, Run: func(context.Context) error {
				hours = append(hours, time.Since(begun))
				return nil
			}},
		)
		time.Sleep(24*time.Hour + time.Second)
		stop()

		wantTicks(t, minutes, time.Minute, 1, 24*60)
		wantTicks(t, hours, time.Hour, 0, 24)
	})
}

// wantTicks checks that there was one run at every multiple of the interval from the first to the last, and no other.
func wantTicks(t *testing.T, got []time.Duration, every time.Duration, first, last int) {
	t.Helper()
	var want []time.Duration
	for i := first; i <= last; i++ {
		want = append(want, time.Duration(i)*every)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs every %v (-want +got):\n%s", every, diff)
	}
}

func TestRunsOfOneTaskNeverOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var running atomic.Int32
		var starts []time.Duration
		stop := start(t, quietRunner(t), job.Task{Name: "slow", Every: time.Minute, Run: func(context.Context) error {
			if running.Add(1) > 1 {
				t.Error("two runs at a time")
			}
			starts = append(starts, time.Since(begun))
			time.Sleep(150 * time.Second)
			running.Add(-1)
			return nil
		}})
		time.Sleep(10 * time.Minute)
		stop()
		// One tick waits while a run takes longer than the interval; the others are left out.
		want := []time.Duration{60 * time.Second, 210 * time.Second, 360 * time.Second, 510 * time.Second}
		if diff := cmp.Diff(want, starts); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
	})
}

func TestFailureAndPanicEndOneRunOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := testlog.New(t)
		registry := prometheus.NewPedanticRegistry()
		r := job.NewRunner(log.Logger(), registry, nil)
		runs, others := 0, 0
		stop := start(t, r,
			job.Task{Name: "flaky", Every: time.Minute, Run: func(context.Context) error {
				runs++
				switch runs {
				case 1:
					return errors.New("disk full")
				case 2:
					panic("out of range")
				}
				return nil
			}},
			job.Task{Name: "steady", Every: time.Minute, Run: func(context.Context) error { others++; return nil }},
		)
		time.Sleep(3*time.Minute + time.Second)
		stop()

		if runs != 3 || others != 3 {
			t.Errorf("%d and %d runs, want 3 of each", runs, others)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "disk full") || !strings.Contains(lines[1], "out of range") {
			t.Errorf("want one line per failure, got:\n%s", log)
		}
		if !strings.Contains(lines[1], "runner_test.go") {
			t.Errorf("the panic does not say where:\n%s", lines[1])
		}
		wantMetric(t, registry, "health_export_job_runs_total", `
# HELP health_export_job_runs_total Runs of periodic jobs, by job and outcome: done, failed or stopped.
# TYPE health_export_job_runs_total counter
health_export_job_runs_total{job="flaky",outcome="done"} 1
health_export_job_runs_total{job="flaky",outcome="failed"} 2
health_export_job_runs_total{job="flaky",outcome="stopped"} 0
health_export_job_runs_total{job="steady",outcome="done"} 3
health_export_job_runs_total{job="steady",outcome="failed"} 0
health_export_job_runs_total{job="steady",outcome="stopped"} 0
`)
	})
}

func TestDurationsAreMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		r := job.NewRunner(testlog.Logger(t), registry, nil)
		stop := start(t, r, job.Task{Name: "nap", Every: time.Minute, Run: func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		}})
		time.Sleep(90 * time.Second)
		stop()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() == "health_export_job_duration_seconds" {
				if sum := family.GetMetric()[0].GetHistogram().GetSampleSum(); sum != 2 {
					t.Errorf("sum of durations = %v s, want 2", sum)
				}
				return
			}
		}
		t.Error("no durations")
	})
}

// A run is a trace, and what it does is a part of it. A task that looks every second for something to do is traced once a
// minute.
func TestRunsAreTraced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		exported := tracetest.NewInMemoryExporter()
		tracer := tracing.New(memoryExporter{exported}, sdk.AlwaysSample(), resource.Empty())
		r := job.NewRunner(testlog.Logger(t), prometheus.NewRegistry(), tracer)
		stop := start(t, r,
			job.Task{Name: "look", Every: time.Second, Run: func(ctx context.Context) error {
				_, span := tracing.Start(ctx, "read something")
				span.End(nil)
				return nil
			}},
			job.Task{Name: "fail", Every: time.Hour, AtStart: true, Run: func(context.Context) error { return errors.New("disk full") }},
		)
		time.Sleep(3*time.Minute + 10*time.Second)
		stop()
		if err := tracer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, span := range exported.GetSpans() {
			got[span.Name+" "+span.Status.Code.String()]++
			if inner := span.Name == "read something"; inner != span.Parent.IsValid() {
				t.Errorf("%s is a part of another: %t", span.Name, !inner)
			}
		}
		want := map[string]int{"job look Unset": 4, "read something Unset": 4, "job fail Error": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
	})
}

// memoryExporter keeps what it was given when it is shut down.
type memoryExporter struct{ *tracetest.InMemoryExporter }

func (memoryExporter) Shutdown(context.Context) error { return nil }

func TestStopWaitsForARunningTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		finished := false
		stop := start(t, quietRunner(t), job.Task{Name: "long", Every: time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute) // puts things in order
			finished = true
			return nil
		}})
		begun := time.Now()
		stop()
		if !finished || time.Since(begun) != time.Minute {
			t.Errorf("finished: %t, after %v; want the end of the run, after 1m0s", finished, time.Since(begun))
		}
	})
}

// A run that ends because the program stops is no failure, and no other begins.
func TestStopIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := testlog.New(t)
		registry := prometheus.NewPedanticRegistry()
		r := job.NewRunner(log.Logger(), registry, nil)
		stop := start(t, r, job.Task{Name: "long", Every: time.Second, AtStart: true, Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute) // a tick is waiting by now
			return fmt.Errorf("read: %w", ctx.Err())
		}})
		stop()
		if log.String() != "" {
			t.Errorf("logged:\n%s", log)
		}
		wantMetric(t, registry, "health_export_job_runs_total", `
# HELP health_export_job_runs_total Runs of periodic jobs, by job and outcome: done, failed or stopped.
# TYPE health_export_job_runs_total counter
health_export_job_runs_total{job="long",outcome="done"} 0
health_export_job_runs_total{job="long",outcome="failed"} 0
health_export_job_runs_total{job="long",outcome="stopped"} 1
`)
	})
}

func TestFailureWhileStoppingIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := testlog.New(t)
		r := job.NewRunner(log.Logger(), prometheus.NewRegistry(), nil)
		stop := start(t, r, job.Task{Name: "long", Every: time.Hour, AtStart: true, Run: func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("disk full")
		}})
		stop()
		if !strings.Contains(log.String(), "disk full") {
			t.Errorf("logged: %q", log)
		}
	})
}

func TestRunnerStoppedBeforeItStarts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := quietRunner(t).Run(ctx, job.Task{Name: "late", Every: time.Hour, AtStart: true, Run: func(context.Context) error {
		t.Error("has run")
		return nil
	}})
	if err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestRunnerRefusesInvalidTasks(t *testing.T) {
	t.Parallel()
	run := func(context.Context) error {
		t.Error("a task was started all the same")
		return nil
	}
	good := job.Task{Name: "good", Every: time.Hour, AtStart: true, Run: run}
	for name, bad := range map[string]job.Task{
		"no name":           {Every: time.Hour, Run: run},
		"no interval":       {Name: "bad", Run: run},
		"negative interval": {Name: "bad", Every: -time.Hour, Run: run},
		"nothing to run":    {Name: "bad", Every: time.Hour},
		"same name":         {Name: "good", Every: time.Hour, Run: run},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := quietRunner(t).Run(ctx, good, bad); err == nil {
					t.Error("no error")
				}
			})
		})
	}
}

func wantMetric(t *testing.T, registry *prometheus.Registry, name, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}
