package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/delivery"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

var errKilled = errors.New("killed")

// process is one run of the program, from the making of messages to their delivery. It is killed at one of its steps: from
// then on nothing that it does has an effect. A step is the beginning or the end of a call to the store or to a receiver;
// killed at an end, the call has had its effect, but the process never learns of it.
type process struct {
	store.Store
	*receivers
	kind   string
	killAt int // the number of the step, from 1; 0: never

	mu    sync.Mutex
	steps int
	dead  bool
}

// step counts one, and reports whether the process is alive after it.
func (p *process) step() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps++
	p.dead = p.dead || p.steps == p.killAt
	if p.dead {
		return errKilled
	}
	return nil
}

// between runs a call between two steps.
func (p *process) between(call func() error) error {
	if err := p.step(); err != nil {
		return err
	}
	err := call()
	return errors.Join(p.step(), err)
}

func (p *process) EnqueueMessages(ctx context.Context, messages []store.Message) (n int, err error) {
	err = p.between(func() (err error) { n, err = p.Store.EnqueueMessages(ctx, messages); return err })
	return n, err
}

// ClaimMessage makes a claim that lapses at once, if the process will be killed: so its successor need not wait.
func (p *process) ClaimMessage(ctx context.Context, kinds []string, d time.Duration) (m store.ClaimedMessage, err error) {
	if p.killAt > 0 {
		d = 0
	}
	err = p.between(func() (err error) { m, err = p.Store.ClaimMessage(ctx, kinds, d); return err })
	return m, err
}

func (p *process) MessageDelivered(ctx context.Context, m store.ClaimedMessage) error {
	return p.between(func() error { return p.Store.MessageDelivered(ctx, m) })
}

func (p *process) MessageFailed(ctx context.Context, m store.ClaimedMessage, failure string, wait time.Duration) error {
	return p.between(func() error { return p.Store.MessageFailed(ctx, m, failure, wait) })
}

func (p *process) MessageDead(ctx context.Context, m store.ClaimedMessage, failure string) error {
	return p.between(func() error { return p.Store.MessageDead(ctx, m, failure) })
}

// receivers have what arrived, and survive the processes.
type receivers struct {
	got    map[string][]string // payloads by destination
	failed map[string]bool     // payloads that were refused once
}

func (p *process) deliver(_ context.Context, m store.Message) error {
	return p.between(func() error {
		payload := string(m.Payload)
		switch {
		case payload == "never":
			return problem.New(problem.Invalid, "refused", "No.")
		case payload == "later" && !p.failed[m.Destination]:
			p.failed[m.Destination] = true
			return problem.New(problem.Unavailable, "away", "Not now.")
		}
		p.got[m.Destination] = append(p.got[m.Destination], payload)
		return nil
	})
}

// live is a life of the program: it makes the messages, all of them, whether they were made before or not, and delivers
// what is due.
func (p *process) live(t *testing.T, messages []store.Message) error {
	t.Helper()
	if _, err := p.EnqueueMessages(t.Context(), messages); err != nil {
		return err
	}
	w := delivery.NewWorker(delivery.Config{
		Store: p, Logger: testlog.Logger(t), Kinds: map[string]delivery.Deliver{p.kind: p.deliver}, Parallel: 1, MinWait: 1,
	})
	for {
		if err := w.Run(t.Context()); err != nil {
			return err
		}
		if p.killAt > 0 && p.dead {
			return errKilled
		}
		// A message that failed may be due a moment later.
		if backlog, err := p.OutboxBacklog(t.Context()); err != nil || backlog.Waiting == 0 {
			return err
		}
	}
}

// The program is killed between any two steps, started again, and every message arrives: at least once, in order at each
// destination, and more than once only if it was under way.
func TestKilledBetweenAnyTwoSteps(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		payloads := []string{"first", "later", "never", "last"}
		want := []string{"first", "later", "last"}
		steps := 0
		for killAt, killed := 1, true; killed; killAt++ {
			// Every round has a user of its own, and nothing is left of those before.
			user, kind := createUser(t, s), fmt.Sprint("kind ", killAt)
			rs := &receivers{got: map[string][]string{}, failed: map[string]bool{}}
			messages := func() (all []store.Message) { // with new ids each time
				for _, to := range []string{"a", "b"} {
					for _, payload := range payloads {
						all = append(all, store.Message{
							ID: uuid.New(), UserID: user, Kind: kind, Destination: to, DedupeKey: payload, Payload: []byte(payload),
							CreatedAt: time.Now(),
						})
					}
				}
				return all
			}
			doomed := &process{Store: s, receivers: rs, kind: kind, killAt: killAt}
			switch err := doomed.live(t, messages()); {
			case errors.Is(err, errKilled):
			case err != nil:
				t.Fatalf("killed at step %d: %v", killAt, err)
			default:
				killed, steps = false, doomed.steps
			}
			successor := &process{Store: s, receivers: rs, kind: kind}
			if err := successor.live(t, messages()); err != nil {
				t.Fatalf("after it was killed at step %d: %v", killAt, err)
			}

			repeated := 0
			for _, to := range []string{"a", "b"} {
				repeated += len(rs.got[to]) - len(want)
				if diff := cmp.Diff(want, slices.Compact(rs.got[to])); diff != "" {
					t.Errorf("killed at step %d: %s received (-want +got):\n%s", killAt, to, diff)
				}
			}
			if repeated > 1 {
				t.Errorf("killed at step %d: %d messages came twice: %v", killAt, repeated, rs.got)
			}
			dead, err := s.DeadMessages(t.Context(), user, uuid.Nil, 9)
			if err != nil || len(dead) != 2 || dead[0].Failure != "refused" {
				t.Errorf("killed at step %d: dead messages %+v, error %v", killAt, dead, err)
			}
		}
		if steps < 40 {
			t.Errorf("the program has %d steps only", steps)
		}
		t.Logf("killed at each of %d steps", steps)
	})
}
