package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/delivery"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// memory returns a store whose clock is that of the bubble it is opened in.
func memory(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.OpenMemory(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// enqueue adds messages of the server itself; the payload is the key.
func enqueue(t *testing.T, s store.Outbox, kind, destination string, payloads ...string) {
	t.Helper()
	var all []store.Message
	for _, payload := range payloads {
		all = append(all, store.Message{
			ID: uuid.New(), Kind: kind, Destination: destination, DedupeKey: payload, Payload: []byte(payload), CreatedAt: time.Now(),
		})
	}
	if n, err := s.EnqueueMessages(context.Background(), all); err != nil || n != len(payloads) {
		t.Fatalf("enqueue: %d, %v", n, err)
	}
}

// receiver writes down what arrives when.
type receiver struct {
	mu    sync.Mutex
	begun time.Time
	got   []string
}

func newReceiver() *receiver { return &receiver{begun: time.Now()} }

func (r *receiver) take(m store.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf("%s %s", m.Payload, time.Since(r.begun)))
}

func (r *receiver) wants(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

func run(t *testing.T, w *delivery.Worker) {
	t.Helper()
	if err := w.Run(t.Context()); err != nil {
		t.Fatalf("run: %v", err)
	}
}

// A destination that hangs delays no other one, neither what is due with it nor what comes while it hangs. It is given up
// for this time after the time limit.
func TestSlowDestinationDelaysNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := memory(t), newReceiver()
		defer s.Close()
		log := testlog.New(t)
		w := delivery.NewWorker(delivery.Config{
			Store: s, Logger: log.Logger(), Kinds: map[string]delivery.Deliver{"hook": func(ctx context.Context, m store.Message) error {
				if m.Destination == "slow" {
					<-ctx.Done()
					r.take(m)
					return fmt.Errorf("post: %w", ctx.Err())
				}
				r.take(m)
				return nil
			}},
		})
		enqueue(t, s, "hook", "slow", "hangs")
		enqueue(t, s, "hook", "quick", "1", "2")
		done := make(chan struct{})
		go func() {
			defer close(done)
			run(t, w)
		}()
		time.Sleep(10*time.Second + 500*time.Millisecond)
		enqueue(t, s, "hook", "quick", "3")
		<-done
		r.wants(t, "1 0s", "2 0s", "3 11s", "hangs 30s")
		wantFailure(t, s, "timeout")
	})
}

// wantFailure checks how the last attempt of the message of the server that waits has failed.
func wantFailure(t *testing.T, s store.Store, want string) {
	t.Helper()
	time.Sleep(24 * time.Hour)
	claimed, err := s.ClaimMessage(t.Context(), []string{"hook"}, time.Hour)
	if err != nil || claimed.Failure != want {
		t.Errorf("failed by %q, error %v; want %q", claimed.Failure, err, want)
	}
}

// A receiver that is away for three days gets everything in order when it is back, within the longest wait.
func TestReceiverThatWasAwayCatchesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, log := memory(t), testlog.New(t)
		defer s.Close()
		const away = 72 * time.Hour
		begun := time.Now()
		var got []string
		attempts := 0
		w := delivery.NewWorker(delivery.Config{
			Store: s, Logger: log.Logger(), Kinds: map[string]delivery.Deliver{"hook": func(_ context.Context, m store.Message) error {
				if time.Since(begun) < away {
					attempts++
					return errors.New("connection refused")
				}
				got = append(got, string(m.Payload))
				return nil
			}},
		})
		var want []string
		for hour := 0; len(got) < len(want) || hour == 0; hour++ {
			if hour < 72 {
				payload := fmt.Sprint("hour ", hour)
				enqueue(t, s, "hook", "a", payload)
				want = append(want, payload)
			}
			for range 12 {
				run(t, w)
				time.Sleep(5 * time.Minute)
			}
			if time.Since(begun) > away+7*time.Hour {
				t.Fatalf("%d of %d have arrived", len(got), len(want))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		if attempts < 15 || attempts > 50 {
			t.Errorf("%d attempts while it was away", attempts)
		}
		if log.String() != "" {
			t.Errorf("logged:\n%s", log)
		}
	})
}

// What cannot be delivered is given up at once, or after the last attempt, with its code, and the next message follows.
// The log has the code, and not the text of the error.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err      error
		panics   bool
		attempts int
		code     string
	}{
		"a message that is refused":        {problem.New(problem.Invalid, "refused", "No: secret."), false, 1, "refused"},
		"a destination that is gone":       {fmt.Errorf("post secret: %w", problem.NotFound), false, 1, "not_found"},
		"a message that is too large":      {problem.New(problem.TooLarge, "", "No: secret."), false, 1, "too_large"},
		"a destination that is down":       {problem.New(problem.Unavailable, "http_503", "No: secret."), false, 3, "http_503"},
		"a fault of ours":                  {errors.New("secret"), false, 3, "internal"},
		"a panic":                          {errors.New("secret"), true, 3, "internal"},
		"a destination that takes no more": {problem.New(problem.RateLimited, "http_429", "secret").After(time.Minute), false, 3, "http_429"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, log := memory(t), testlog.New(t)
				defer s.Close()
				attempts := 0
				registry := prometheus.NewPedanticRegistry()
				w := delivery.NewWorker(delivery.Config{
					Store: s, Logger: log.Logger(), Registerer: registry, MaxAttempts: 3,
					Kinds: map[string]delivery.Deliver{"hook": func(_ context.Context, m store.Message) error {
						switch {
						case string(m.Payload) != "bad":
							return nil
						case test.panics:
							attempts++
							panic(test.err)
						}
						attempts++
						return test.err
					}},
				})
				enqueue(t, s, "hook", "a", "bad", "good")
				for range test.attempts {
					run(t, w)
					time.Sleep(time.Hour)
				}
				dead, err := s.DeadMessages(t.Context(), uuid.Nil, uuid.Nil, 9)
				if err != nil || len(dead) != 1 || string(dead[0].Payload) != "bad" || dead[0].Failure != test.code {
					t.Errorf("dead messages: %+v, error %v; want one by %q", dead, err, test.code)
				}
				if attempts != test.attempts {
					t.Errorf("%d attempts, want %d", attempts, test.attempts)
				}
				if !strings.Contains(log.String(), "a message was given up") || !strings.Contains(log.String(), test.code) ||
					strings.Contains(log.String(), "secret") {
					t.Errorf("logged:\n%s", log)
				}
				if err := w.CountBacklog(t.Context()); err != nil {
					t.Fatal(err)
				}
				want := fmt.Sprintf(`
# HELP health_export_outbox_attempts_total Attempts to deliver a message, by kind of destination and outcome: delivered, failed (it is tried again), dead (it was given up) or stopped (the program stopped).
# TYPE health_export_outbox_attempts_total counter
health_export_outbox_attempts_total{kind="hook",outcome="dead"} 1
health_export_outbox_attempts_total{kind="hook",outcome="delivered"} 1
health_export_outbox_attempts_total{kind="hook",outcome="failed"} %d
health_export_outbox_attempts_total{kind="hook",outcome="stopped"} 0
# HELP health_export_outbox_backlog Messages that wait to be delivered, those that will be tried again among them.
# TYPE health_export_outbox_backlog gauge
health_export_outbox_backlog 0
# HELP health_export_outbox_dead_messages Messages that were given up and neither requeued nor dropped since.
# TYPE health_export_outbox_dead_messages gauge
health_export_outbox_dead_messages 1
`, test.attempts-1)
				if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "health_export_outbox_attempts_total",
					"health_export_outbox_backlog", "health_export_outbox_dead_messages"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The waits double up to the longest one, whatever the number of attempts, and are spread over all of the time.
func TestWaits(t *testing.T) {
	t.Parallel()
	w := delivery.NewWorker(delivery.Config{MinWait: time.Second, MaxWait: time.Hour})
	for attempt, limit := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 12: 2048 * time.Second, 13: time.Hour, 50: time.Hour, 1 << 40: time.Hour,
	} {
		var shortest, longest time.Duration = limit, 0
		for range 500 {
			wait := w.Wait(attempt, errors.New("down"))
			shortest, longest = min(shortest, wait), max(longest, wait)
		}
		if longest > limit || longest < limit*9/10 || shortest > limit/10 {
			t.Errorf("the waits after attempt %d are from %s to %s, want up to %s", attempt, shortest, longest, limit)
		}
	}
	for after, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 24 * time.Hour: time.Hour} {
		err := problem.New(problem.RateLimited, "http_429", "Not now.").After(after)
		if wait := w.Wait(1, err); wait != want {
			t.Errorf("%s is waited, want %s", wait, want)
		}
	}
}

// A message that ends the program each time is given up without another attempt.
func TestMessageThatKillsIsGivenUp(t *testing.T) {
	t.Parallel()
	s := testdb.New(t)
	enqueue(t, s, "hook", "a", "poison", "good")
	for range 3 {
		if _, err := s.ClaimMessage(t.Context(), []string{"hook"}, 0); err != nil { // and then it is killed
			t.Fatal(err)
		}
	}
	r := newReceiver()
	run(t, delivery.NewWorker(delivery.Config{
		Store: s, Logger: testlog.Logger(t), MaxAttempts: 3,
		Kinds: map[string]delivery.Deliver{"hook": func(_ context.Context, m store.Message) error {
			r.got = append(r.got, string(m.Payload))
			return nil
		}},
	}))
	r.wants(t, "good")
	dead, err := s.DeadMessages(t.Context(), uuid.Nil, uuid.Nil, 9)
	if err != nil || len(dead) != 1 || dead[0].Failure != "too_many_attempts" {
		t.Errorf("dead messages: %+v, error %v", dead, err)
	}
}

// When the worker stops, what is under way is cut short and can be taken up at once by another one.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r, log := memory(t), newReceiver(), testlog.New(t)
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		w := delivery.NewWorker(delivery.Config{
			Store: s, Logger: log.Logger(), Kinds: map[string]delivery.Deliver{"hook": func(ctx context.Context, m store.Message) error {
				r.take(m)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(10 * time.Second):
					return nil
				}
			}},
		})
		enqueue(t, s, "hook", "a", "1", "2")
		time.AfterFunc(5*time.Second, cancel)
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
		if took := time.Since(r.begun); took > 6*time.Second {
			t.Errorf("stopped after %s", took)
		}
		run(t, w)
		r.mu.Lock()
		r.got = append([]string{}, r.got...)
		for i := range r.got {
			r.got[i], _, _ = strings.Cut(r.got[i], " ")
		}
		r.mu.Unlock()
		r.wants(t, "1", "1", "2")
		if log.String() != "" {
			t.Errorf("logged:\n%s", log)
		}
	})
}

// The claims of a worker that was killed lapse.
func TestSuccessorOfADeadWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r := memory(t), newReceiver()
		defer s.Close()
		enqueue(t, s, "hook", "a", "1", "2")
		if _, err := s.ClaimMessage(t.Context(), []string{"hook"}, time.Minute); err != nil { // and then it is killed
			t.Fatal(err)
		}
		w := delivery.NewWorker(delivery.Config{
			Store: s, Logger: testlog.Logger(t), Kinds: map[string]delivery.Deliver{"hook": func(_ context.Context, m store.Message) error {
				r.take(m)
				return nil
			}},
		})
		for range 120 {
			run(t, w)
			time.Sleep(time.Second)
		}
		r.wants(t, "1 1m0s", "2 1m0s")
	})
}

// What is over is dropped in time, and what waits is not.
func TestDropOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t)
		defer s.Close()
		w := delivery.NewWorker(delivery.Config{
			Store: s, Logger: testlog.Logger(t), Kinds: map[string]delivery.Deliver{"hook": func(_ context.Context, m store.Message) error {
				switch string(m.Payload) {
				case "refused":
					return problem.New(problem.Invalid, "refused", "No.")
				case "waiting":
					return errors.New("not now")
				}
				return nil
			}},
		})
		enqueue(t, s, "hook", "a", "refused", "delivered", "waiting")
		run(t, w)
		for _, then := range []struct {
			days int
			dead int
		}{{89, 1}, {2, 0}} {
			time.Sleep(time.Duration(then.days) * 24 * time.Hour)
			if err := w.DropOld(t.Context()); err != nil {
				t.Fatal(err)
			}
			if dead, err := s.DeadMessages(t.Context(), uuid.Nil, uuid.Nil, 9); err != nil || len(dead) != then.dead {
				t.Errorf("%d dead messages, error %v; want %d", len(dead), err, then.dead)
			}
		}
		enqueue(t, s, "hook", "a", "refused", "delivered") // nothing of their keys is left
		if backlog, err := s.OutboxBacklog(t.Context()); err != nil || backlog.Waiting != 3 {
			t.Errorf("backlog %+v, error %v", backlog, err)
		}
	})
}

// Kinds that nobody registered stay where they are, and a worker without kinds does not ask.
func TestUnknownKindsAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := testdb.New(t)
	enqueue(t, s, "of the next release", "a", "1")
	run(t, delivery.NewWorker(delivery.Config{Store: s, Logger: testlog.Logger(t), Kinds: map[string]delivery.Deliver{
		"hook": func(context.Context, store.Message) error { return errors.New("not for me") },
	}}))
	run(t, delivery.NewWorker(delivery.Config{Logger: testlog.Logger(t)}))
	if backlog, err := s.OutboxBacklog(t.Context()); err != nil || backlog.Waiting != 1 {
		t.Errorf("backlog %+v, error %v", backlog, err)
	}
}

// Several workers on one store deliver each message once, in order, one at a time to a destination, although some fail.
func TestWorkersTogether(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		const destinations, each = 5, 12
		var mu sync.Mutex
		busy, got, tried := map[string]bool{}, map[string][]string{}, map[uuid.UUID]int{}
		deliver := func(_ context.Context, m store.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if busy[m.Destination] {
				t.Errorf("two workers deliver to %s", m.Destination)
			}
			busy[m.Destination] = true
			mu.Unlock()
			runtime.Gosched() // the others get their chance to be in the way
			mu.Lock()
			busy[m.Destination] = false
			if tried[m.ID]++; tried[m.ID] == 1 && m.ID[15]%3 == 0 {
				return errors.New("not now")
			}
			got[m.Destination] = append(got[m.Destination], string(m.Payload))
			return nil
		}
		user := createUser(t, s)
		want := map[string][]string{}
		for i := range each {
			var batch []store.Message
			for d := range destinations {
				to := fmt.Sprint("destination ", d)
				m := store.Message{
					ID: uuid.New(), UserID: user, Kind: "hook", Destination: to, Payload: fmt.Appendf(nil, "%03d", i), CreatedAt: time.Now(),
				}
				batch = append(batch, m)
				want[to] = append(want[to], string(m.Payload))
			}
			if _, err := s.EnqueueMessages(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		var workers sync.WaitGroup
		for range 3 {
			w := delivery.NewWorker(delivery.Config{
				Store: s, Logger: testlog.Logger(t), Kinds: map[string]delivery.Deliver{"hook": deliver}, Parallel: 3, MinWait: 1,
			})
			workers.Go(func() {
				for t.Context().Err() == nil {
					if err := w.Run(t.Context()); err != nil {
						t.Errorf("run: %v", err)
						return
					}
					if backlog, err := s.OutboxBacklog(t.Context()); err != nil || backlog.Waiting == 0 {
						return
					}
				}
			})
		}
		workers.Wait()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
	})
}

func createUser(t *testing.T, s store.Store) uuid.UUID {
	t.Helper()
	user := account.User{ID: uuid.New(), CreatedAt: time.Now()}
	user.Email = user.ID.String() + "@example.org"
	if err := s.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	return user.ID
}
