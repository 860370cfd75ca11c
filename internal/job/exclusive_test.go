package job_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/job"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// leaseTable keeps leases in memory, as store.Leases says.
type leaseTable struct {
	mu   sync.Mutex
	rows map[string]*lease
}

type lease struct {
	owner        string
	held, paused time.Time
}

func (l *leaseTable) AcquireLease(_ context.Context, name, owner string, d time.Duration) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	row, now := l.rows[name], time.Now()
	if row == nil {
		row = &lease{}
		l.rows[name] = row
	}
	if row.held.After(now) || row.owner != owner && row.paused.After(now) {
		return false, nil
	}
	row.owner, row.held = owner, now.Add(d)
	return true, nil
}

func (l *leaseTable) RenewLease(_ context.Context, name, owner string, d time.Duration) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	row, now := l.rows[name], time.Now()
	if row.owner != owner || !row.held.After(now) {
		return false, nil
	}
	row.held = now.Add(d)
	return true, nil
}

func (l *leaseTable) ReleaseLease(_ context.Context, name, owner string, pause time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	row, now := l.rows[name], time.Now()
	if row.owner == owner && row.held.After(now) {
		row.held, row.paused = now, now.Add(pause)
	}
	return nil
}

// connection is how one instance reaches the leases. When it is cut, every call fails, as after the death of the instance.
type connection struct {
	job.Leases
	mu  sync.Mutex
	cut bool
}

var errCut = errors.New("connection refused")

func (c *connection) setCut(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
}

func (c *connection) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return errCut
	}
	return nil
}

func (c *connection) AcquireLease(ctx context.Context, name, owner string, d time.Duration) (bool, error) {
	if err := c.err(); err != nil {
		return false, err
	}
	return c.Leases.AcquireLease(ctx, name, owner, d)
}

func (c *connection) RenewLease(ctx context.Context, name, owner string, d time.Duration) (bool, error) {
	if err := c.err(); err != nil {
		return false, err
	}
	return c.Leases.RenewLease(ctx, name, owner, d)
}

func (c *connection) ReleaseLease(ctx context.Context, name, owner string, pause time.Duration) error {
	if err := c.err(); err != nil {
		return err
	}
	return c.Leases.ReleaseLease(ctx, name, owner, pause)
}

// peer is an instance that shares leases with others. It is used inside a bubble.
type peer struct {
	t *testing.T
	*connection
	registry *prometheus.Registry
	log      *testlog.Log
	stop     func()
}

// startPeer starts an instance with a task named exclusive, if run is not nil.
func startPeer(t *testing.T, leases job.Leases, every time.Duration, run func(ctx context.Context) error) *peer {
	t.Helper()
	p := &peer{t: t, connection: &connection{Leases: leases}, registry: prometheus.NewPedanticRegistry(), log: testlog.New(t)}
	r := job.NewRunner(p.log.Logger(), p.registry, nil)
	r.UseLeases(p)
	p.stop = start(t, r, job.Task{Name: "exclusive", Every: every, AtStart: true, Exclusive: true, Run: run})
	return p
}

// counts checks how many runs had an outcome.
func (p *peer) counts(outcome string, want int) {
	p.t.Helper()
	if got := runs(p.t, p.registry, outcome); got != want {
		p.t.Errorf("%d runs are %s, want %d", got, outcome, want)
	}
}

// runs returns how many runs have had an outcome by now.
func runs(t *testing.T, registry *prometheus.Registry, outcome string) int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" && label.GetValue() == outcome {
					return int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return 0
}

// diary records when the runs of a task began, on any instance.
type diary struct {
	mu    sync.Mutex
	begun time.Time
	runs  []string
}

func newDiary() *diary { return &diary{begun: time.Now()} }

func (d *diary) write(who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs = append(d.runs, who+" "+time.Since(d.begun).String())
}

func (d *diary) wants(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(want, d.runs); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// by returns the work of an instance: it writes in the diary and takes as long as given.
func (d *diary) by(who string, takes time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		d.write(who)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(takes):
			return nil
		}
	}
}

// However far apart the instances tick, a task runs once per interval. Another instance takes over from one that stops,
// at once in place of a run that was cut short, else when the next run is due.
func TestExclusiveTaskRunsOncePerInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		a := startPeer(t, leases, time.Hour, d.by("a", time.Minute))
		time.Sleep(25 * time.Minute)
		b := startPeer(t, leases, time.Hour, d.by("b", time.Minute)) // looks at 25m, 35m, 45m …
		time.Sleep(155*time.Minute + 30*time.Second)
		a.stop() // during its run of 3h0m
		time.Sleep(2 * time.Hour)
		c := startPeer(t, leases, time.Hour, d.by("c", time.Minute)) // looks at 5h0m30s, 5h10m30s …
		time.Sleep(30 * time.Minute)
		b.stop() // after its run of 5h7m
		time.Sleep(2 * time.Hour)
		c.stop()
		// A run of b takes a minute, and the interval after the one it has taken over begins at its end.
		d.wants(t, "a 0s", "a 1h0m0s", "a 2h0m0s", "a 3h0m0s", "b 3h5m0s", "b 4h6m0s", "b 5h6m0s", "c 6h10m30s", "c 7h11m30s")
		a.counts("done", 3)
		a.counts("stopped", 1)
		a.counts("skipped", 0)
		b.counts("done", 3)
		c.counts("done", 2)
		if a.log.String()+b.log.String()+c.log.String() != "" {
			t.Errorf("logged:\n%s%s%s", a.log, b.log, c.log)
		}
	})
}

// Instances that tick in the same moment do not run a task twice, and leave out no interval.
func TestInstancesOfOneBeatRunOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases := &leaseTable{rows: map[string]*lease{}}
		var mu sync.Mutex
		begun, runs := time.Now(), map[time.Duration]int{}
		work := func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			runs[time.Since(begun)]++
			return nil
		}
		var peers []*peer
		for range 4 {
			peers = append(peers, startPeer(t, leases, time.Minute, work))
		}
		time.Sleep(time.Hour + time.Second)
		for _, p := range peers {
			p.stop()
		}
		for minute := range 61 {
			if n := runs[time.Duration(minute)*time.Minute]; n != 1 {
				t.Errorf("%d runs in minute %d", n, minute)
			}
		}
	})
}

// A lease is renewed while a run goes on, however long that is.
func TestLongRunKeepsItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		a := startPeer(t, leases, time.Minute, d.by("a", time.Hour))
		time.Sleep(time.Second)
		b := startPeer(t, leases, time.Minute, d.by("b", time.Hour))
		time.Sleep(90*time.Minute + 30*time.Second)
		d.wants(t, "a 0s", "a 1h0m0s")
		a.stop()
		b.stop()
		b.counts("skipped", 91)
	})
}

// When an instance dies, or loses the database, its run ends before another one begins, and that is when the lease lapses.
func TestDeadInstanceIsSucceeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		a := startPeer(t, leases, time.Second, func(ctx context.Context) error {
			d.write("a")
			<-ctx.Done()
			d.write("a ended")
			return ctx.Err()
		})
		b := startPeer(t, leases, time.Second, d.by("b", time.Hour))
		time.Sleep(90 * time.Second)
		a.setCut(true) // 10 s after the last renewal
		time.Sleep(time.Minute)
		// While it is away it does not run, and when it is back it does not run beside b.
		a.setCut(false)
		time.Sleep(time.Minute)
		d.wants(t, "a 0s", "a ended 2m10s", "b 2m20s")
		a.stop()
		b.stop()
		b.counts("stopped", 1)
		if !strings.Contains(a.log.String(), "the lease was lost") || !strings.Contains(a.log.String(), errCut.Error()) {
			t.Errorf("logged:\n%s", a.log)
		}
	})
}

// A short absence of the database is nothing to a run.
func TestLeaseOutlivesAFailedRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		a := startPeer(t, leases, 24*time.Hour, d.by("a", time.Hour))
		time.Sleep(5 * time.Second) // renewals are at 20 s, 40 s …
		for range 10 {
			a.setCut(true)
			time.Sleep(30 * time.Second)
			a.setCut(false)
			time.Sleep(90 * time.Second)
		}
		time.Sleep(time.Hour)
		a.stop()
		a.counts("done", 1)
	})
}

// A lease that another instance has, for whatever reason, ends the run at the next renewal.
func TestLostLeaseEndsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		a := startPeer(t, leases, 24*time.Hour, d.by("a", time.Hour))
		time.Sleep(time.Second)
		leases.mu.Lock()
		leases.rows["job:exclusive"].owner = "somebody else"
		leases.mu.Unlock()
		time.Sleep(20 * time.Second)
		a.counts("failed", 1)
		a.stop()
		if !strings.Contains(a.log.String(), "the lease was lost") {
			t.Errorf("logged:\n%s", a.log)
		}
		if leases.rows["job:exclusive"].paused.After(time.Now()) {
			t.Error("the run that failed keeps others away")
		}
	})
}

// A run that fails is not one that was done: the next instance tries.
func TestFailedRunIsTriedByTheNextInstance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		broken := errors.New("disk full")
		a := startPeer(t, leases, time.Hour, func(context.Context) error { d.write("a"); return broken })
		time.Sleep(time.Minute)
		b := startPeer(t, leases, time.Hour, d.by("b", 0))
		time.Sleep(time.Hour + time.Second)
		a.stop()
		b.stop()
		d.wants(t, "a 0s", "b 1m0s", "b 1h1m0s") // at 1h0m0s it is not due
		a.counts("failed", 1)
		a.counts("skipped", 1)
	})
}

// Without the database nobody knows whether another instance runs the task, so that it is not run.
func TestNoRunWithoutALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leases, d := &leaseTable{rows: map[string]*lease{}}, newDiary()
		a := startPeer(t, leases, time.Minute, d.by("a", 0))
		a.setCut(true)
		time.Sleep(90 * time.Second)
		a.setCut(false)
		time.Sleep(time.Minute)
		a.stop()
		d.wants(t, "a 0s", "a 2m0s")
		a.counts("failed", 1)
		if n := strings.Count(a.log.String(), errCut.Error()); n != 1 {
			t.Errorf("logged:\n%s", a.log)
		}
	})
}

// A runner without leases is the only one there is. A task that is not exclusive takes no lease.
func TestTasksWithoutLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		stop := start(t, quietRunner(t),
			job.Task{Name: "exclusive", Every: time.Hour, AtStart: true, Exclusive: true, Run: d.by("exclusive", 0)})
		stop()
		leases := &leaseTable{rows: map[string]*lease{}}
		r := quietRunner(t)
		r.UseLeases(leases)
		stop = start(t, r, job.Task{Name: "ordinary", Every: time.Hour, AtStart: true, Run: d.by("ordinary", 0)})
		stop()
		d.wants(t, "exclusive 0s", "ordinary 0s")
		if len(leases.rows) > 0 {
			t.Errorf("leases: %v", leases.rows)
		}
	})
}

// Two instances on one PostgreSQL: one runs. When it is gone without a word, the other one runs once the lease has lapsed.
func TestInstancesOnOneDatabase(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	type instance struct {
		registry *prometheus.Registry
		store    *postgres.Store
		running  chan struct{}
		ended    chan struct{}
		stop     func()
	}
	const every, lapse = 20 * time.Millisecond, 600 * time.Millisecond
	begin := func() *instance {
		s, err := postgres.Open(t.Context(), url, nil, postgres.Options{MaxConns: 4, MinConns: 1, SkipMigration: true})
		if err != nil {
			t.Fatal(err)
		}
		i := &instance{registry: prometheus.NewRegistry(), store: s, running: make(chan struct{}, 1), ended: make(chan struct{})}
		// It logs errors when it loses its store.
		r := job.NewRunner(testlog.New(t).Logger(), i.registry, nil)
		r.UseLeases(s)
		r.SetLeaseDuration(lapse)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- r.Run(ctx, job.Task{Name: "work", Every: every, Exclusive: true, Run: func(ctx context.Context) error {
				i.running <- struct{}{}
				<-ctx.Done()
				close(i.ended)
				return ctx.Err()
			}})
		}()
		i.stop = sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			_ = s.Close()
		})
		t.Cleanup(i.stop)
		return i
	}
	one, other := begin(), begin()
	var dead, next *instance
	select {
	case <-one.running:
		dead, next = one, other
	case <-other.running:
		dead, next = other, one
	case <-time.After(time.Minute):
		t.Fatal("nobody runs")
	}
	for runs(t, next.registry, "skipped") < 3 { // it has looked, and did not run
		select {
		case <-next.running:
			t.Fatal("both run")
		case <-time.After(every):
		}
	}
	if err := dead.store.Close(); err != nil { // it can neither renew nor release
		t.Fatal(err)
	}
	killed := time.Now()
	select {
	case <-next.running:
	case <-time.After(time.Minute):
		t.Fatal("nobody takes over")
	}
	<-dead.ended // it has noticed
	t.Logf("taken over after %s", time.Since(killed))
	// One that stops lets the next one begin at once.
	last := begin()
	next.stop()
	select {
	case <-last.running:
	case <-time.After(time.Minute):
		t.Fatal("nobody takes over from one that has stopped")
	}
}
