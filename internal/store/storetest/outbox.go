package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// message returns one with an id of its own, to the destination of the kind "hook".
func message(t tester, user uuid.UUID, destination, payload string) store.Message {
	t.Helper()
	return store.Message{
		ID: newID(t), UserID: user, Kind: "hook", Destination: destination, DedupeKey: payload, Payload: []byte(payload),
		CreatedAt: noon,
	}
}

// messages returns one for each payload.
func messages(t tester, user uuid.UUID, destination string, payloads ...string) (all []store.Message) {
	t.Helper()
	for _, payload := range payloads {
		all = append(all, message(t, user, destination, payload))
	}
	return all
}

func enqueues(t *testing.T, s store.Store, added int, messages ...store.Message) {
	t.Helper()
	n, err := s.EnqueueMessages(t.Context(), messages)
	ok(t, "enqueue", err)
	equal(t, "messages added", n, added)
}

// claimsMessage checks which message a worker gets, which holds the claim for d.
func claimsMessage(t *testing.T, s store.Store, d time.Duration, payload string) store.ClaimedMessage {
	t.Helper()
	claimed, err := s.ClaimMessage(t.Context(), []string{"hook"}, d)
	ok(t, "claim "+payload, err)
	if string(claimed.Payload) != payload {
		t.Fatalf("claimed %q, want %q", claimed.Payload, payload)
	}
	return claimed
}

func delivers(t *testing.T, s store.Store, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		ok(t, "delivered", s.MessageDelivered(t.Context(), claimsMessage(t, s, time.Hour, payload)))
	}
}

func noMessage(t *testing.T, s store.Store) {
	t.Helper()
	claimed, err := s.ClaimMessage(t.Context(), []string{"hook"}, time.Hour)
	if !errors.Is(err, problem.NotFound) {
		t.Fatalf("claimed %q, error %v", claimed.Payload, err)
	}
}

func deadMessages(t *testing.T, s store.Store, user uuid.UUID, want ...string) (dead []store.Message) {
	t.Helper()
	dead, err := s.DeadMessages(t.Context(), user, uuid.Nil, 10)
	ok(t, "dead messages", err)
	var payloads []string
	for _, m := range dead {
		payloads = append(payloads, string(m.Payload))
	}
	equal(t, "dead messages", payloads, want)
	return dead
}

var outboxTests = []test{
	{"outbox/messages come back as they are, in their order", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		noMessage(t, s)
		enqueues(t, s, 0)
		all := messages(t, ada, "a", "1", "2", "3")
		all[2].Payload, all[2].DedupeKey = nil, ""
		enqueues(t, s, 2, all[:2]...)
		enqueues(t, s, 1, all[2])
		got := claimsMessage(t, s, time.Hour, "1")
		want := all[0]
		want.Attempts = 1
		equal(t, "claimed", got.Message, want)
		noMessage(t, s)
		ok(t, "delivered", s.MessageDelivered(t.Context(), got))
		fails(t, "delivered again", s.MessageDelivered(t.Context(), got), problem.Conflict)
		delivers(t, s, "2", "")
		noMessage(t, s)
	}},
	{"outbox/a destination is claimed as a whole, and others are not", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		enqueues(t, s, 2, messages(t, ada, "a", "ada 1", "ada 2")...)
		enqueues(t, s, 1, messages(t, bob, "a", "bob 1")...)
		other := message(t, ada, "a", "of another kind")
		other.Kind = "mail"
		server := message(t, uuid.Nil, "a", "of the server")
		enqueues(t, s, 2, other, server)
		first := claimsMessage(t, s, time.Hour, "ada 1") // the one that was due first
		second := claimsMessage(t, s, time.Hour, "bob 1")
		third := claimsMessage(t, s, time.Hour, "of the server")
		equal(t, "user", third.UserID, uuid.Nil)
		noMessage(t, s)
		mail, err := s.ClaimMessage(t.Context(), []string{"fax", "mail"}, time.Hour)
		ok(t, "claim", err)
		equal(t, "claimed", mail.ID, other.ID)
		_, err = s.ClaimMessage(t.Context(), nil, time.Hour)
		fails(t, "claim of no kind", err, problem.NotFound)
		for _, claimed := range []store.ClaimedMessage{second, third, mail, first} {
			ok(t, "delivered", s.MessageDelivered(t.Context(), claimed))
		}
		delivers(t, s, "ada 2")
		noMessage(t, s)
	}},
	{"outbox/what is there already is passed over", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		first := message(t, ada, "a", "1")
		enqueues(t, s, 1, first, message(t, ada, "a", "1"))
		enqueues(t, s, 0, first, message(t, ada, "a", "1"))
		delivers(t, s, "1")
		enqueues(t, s, 0, message(t, ada, "a", "1")) // also when it was delivered
		sameID := message(t, ada, "b", "2")
		sameID.ID = first.ID
		enqueues(t, s, 0, sameID)
		noMessage(t, s)
		enqueues(t, s, 2, message(t, ada, "b", "1"), message(t, bob, "a", "1"))
		without := messages(t, ada, "a", "3", "3")
		without[0].DedupeKey, without[1].DedupeKey = "", ""
		enqueues(t, s, 2, without...)
		delivers(t, s, "1", "1", "3", "3")
	}},
	{"outbox/one that fails is tried again before the next one to its destination", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		enqueues(t, s, 2, messages(t, ada, "a", "1", "2")...)
		first := claimsMessage(t, s, time.Hour, "1")
		ok(t, "failed", s.MessageFailed(t.Context(), first, "timeout", 0))
		fails(t, "failed again", s.MessageFailed(t.Context(), first, "timeout", 0), problem.Conflict)
		again := claimsMessage(t, s, time.Hour, "1")
		equal(t, "attempts", again.Attempts, 2)
		equal(t, "failure", again.Failure, "timeout")
		ok(t, "failed", s.MessageFailed(t.Context(), again, "timeout", time.Hour))
		noMessage(t, s)
		enqueues(t, s, 2, message(t, ada, "a", "3"), message(t, ada, "b", "4")) // a new one does not make it due
		delivers(t, s, "4")
		noMessage(t, s)
	}},
	{"outbox/one that is given up makes way, and can be requeued", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		enqueues(t, s, 4, messages(t, ada, "a", "1", "2", "3", "4")...)
		for _, payload := range []string{"1", "2"} {
			claimed := claimsMessage(t, s, time.Hour, payload)
			ok(t, "give up", s.MessageDead(t.Context(), claimed, "gone"))
			fails(t, "give up again", s.MessageDead(t.Context(), claimed, "gone"), problem.Conflict)
		}
		delivers(t, s, "3")
		dead := deadMessages(t, s, ada, "1", "2")
		equal(t, "failure", dead[0].Failure, "gone")
		page, err := s.DeadMessages(t.Context(), ada, dead[0].ID, 1)
		ok(t, "next page", err)
		equal(t, "next page", page, dead[1:])
		deadMessages(t, s, bob)
		deadMessages(t, s, newID(t))
		fails(t, "requeue somebody else's", s.RequeueMessage(t.Context(), bob, dead[0].ID), problem.NotFound)
		fails(t, "requeue for somebody unknown", s.RequeueMessage(t.Context(), newID(t), dead[0].ID), problem.NotFound)
		fails(t, "requeue what is not there", s.RequeueMessage(t.Context(), ada, newID(t)), problem.NotFound)

		underway := claimsMessage(t, s, time.Hour, "4")
		for _, m := range dead {
			ok(t, "requeue", s.RequeueMessage(t.Context(), ada, m.ID))
			fails(t, "requeue again", s.RequeueMessage(t.Context(), ada, m.ID), problem.NotFound)
		}
		noMessage(t, s) // the claim is on the destination
		ok(t, "failed", s.MessageFailed(t.Context(), underway, "timeout", time.Hour))
		first := claimsMessage(t, s, time.Hour, "1")
		equal(t, "attempts", first.Attempts, 1)
		ok(t, "delivered", s.MessageDelivered(t.Context(), first))
		delivers(t, s, "2")
		noMessage(t, s) // the one that failed waits on
		deadMessages(t, s, ada)
	}},
	{"outbox/a claim that has lapsed is taken over", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		enqueues(t, s, 2, messages(t, ada, "a", "1", "2")...)
		lapsed := claimsMessage(t, s, 0, "1")
		claimed := claimsMessage(t, s, time.Hour, "1")
		equal(t, "attempts", claimed.Attempts, 2)
		fails(t, "delivered by the old worker", s.MessageDelivered(t.Context(), lapsed), problem.Conflict)
		fails(t, "failed by the old worker", s.MessageFailed(t.Context(), lapsed, "timeout", 0), problem.Conflict)
		fails(t, "given up by the old worker", s.MessageDead(t.Context(), lapsed, "gone"), problem.Conflict)
		noMessage(t, s)
		ok(t, "delivered", s.MessageDelivered(t.Context(), claimed))
		// One that nobody has taken still holds.
		ok(t, "delivered", s.MessageDelivered(t.Context(), claimsMessage(t, s, 0, "2")))
		noMessage(t, s)
	}},
	{"outbox/what is over is dropped", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		all := messages(t, ada, "a", "dead", "delivered", "waiting")
		enqueues(t, s, 3, all...)
		ok(t, "give up", s.MessageDead(t.Context(), claimsMessage(t, s, time.Hour, "dead"), "gone"))
		delivers(t, s, "delivered")
		past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		ok(t, "drop", s.DropMessagesBefore(t.Context(), past, past))
		enqueues(t, s, 0, all...)
		ok(t, "drop", s.DropMessagesBefore(t.Context(), future, past))
		enqueues(t, s, 1, all...)
		deadMessages(t, s, ada, "dead")
		ok(t, "drop", s.DropMessagesBefore(t.Context(), past, future))
		deadMessages(t, s, ada)
		delivers(t, s, "waiting", "delivered")
	}},
	{"outbox/the backlog", func(t *testing.T, s store.Store) {
		counts := func(want store.OutboxBacklog) {
			t.Helper()
			got, err := s.OutboxBacklog(t.Context())
			ok(t, "backlog", err)
			equal(t, "backlog", got, want)
		}
		counts(store.OutboxBacklog{})
		all := messages(t, createUser(t, s), "a", "1", "2", "3")
		all[1].CreatedAt, all[2].CreatedAt = noon.Add(time.Minute), noon.Add(time.Second)
		enqueues(t, s, 3, all...)
		counts(store.OutboxBacklog{Waiting: 3, Oldest: noon})
		ok(t, "give up", s.MessageDead(t.Context(), claimsMessage(t, s, time.Hour, "1"), "gone"))
		counts(store.OutboxBacklog{Waiting: 2, Dead: 1, Oldest: noon.Add(time.Second)})
		delivers(t, s, "2")
		ok(t, "failed", s.MessageFailed(t.Context(), claimsMessage(t, s, time.Hour, "3"), "timeout", time.Hour))
		counts(store.OutboxBacklog{Waiting: 1, Dead: 1, Oldest: noon.Add(time.Second)})
	}},
	{"outbox/erasing a user erases the messages", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		enqueues(t, s, 3, messages(t, ada, "a", "1", "2", "3")...)
		ok(t, "give up", s.MessageDead(t.Context(), claimsMessage(t, s, time.Hour, "1"), "gone"))
		underway := claimsMessage(t, s, time.Hour, "2")
		enqueues(t, s, 1, message(t, bob, "a", "bob's"))
		enqueues(t, s, 1, message(t, uuid.Nil, "a", "the server's"))
		ok(t, "erase", s.EraseData(t.Context(), ada, later))
		fails(t, "delivered", s.MessageDelivered(t.Context(), underway), problem.Conflict)
		deadMessages(t, s, ada)
		delivers(t, s, "bob's", "the server's")
		noMessage(t, s)

		// What was made before is passed over, what comes afterwards is not.
		fresh := message(t, ada, "a", "fresh")
		fresh.CreatedAt = later.Add(time.Second)
		enqueues(t, s, 2, message(t, ada, "a", "1"), fresh, message(t, bob, "b", "bob's"))
		_, err := s.DeleteUser(t.Context(), ada, later)
		ok(t, "delete", err)
		enqueues(t, s, 0, fresh, message(t, newID(t), "a", "a stranger's"))
		delivers(t, s, "bob's")
		noMessage(t, s)
	}},
	{"outbox/each message is handed out once, in order, to one worker at a time", func(t *testing.T, s store.Store) {
		ada := createUser(t, s)
		const senders, each, destinations, workers = 4, 12, 3, 5
		var sending, working errgroup.Group
		for sender := range senders {
			sending.Go(func() error {
				for i := range each {
					var batch []store.Message
					for d := range destinations { // in another order by each sender
						to := fmt.Sprint("destination ", (d+sender)%destinations)
						batch = append(batch, message(t, ada, to, fmt.Sprintf("%d %03d", sender, i)))
					}
					if n, err := s.EnqueueMessages(t.Context(), batch); err != nil || n != destinations {
						return fmt.Errorf("%d added, error %w", n, err)
					}
				}
				return nil
			})
		}
		var busy, last sync.Map // by destination; by destination and sender
		var delivered atomic.Int32
		for range workers {
			working.Go(func() error {
				for delivered.Load() < senders*each*destinations {
					claimed, err := s.ClaimMessage(t.Context(), []string{"hook"}, time.Hour)
					if errors.Is(err, problem.NotFound) {
						continue
					}
					if err != nil {
						return err
					}
					if _, taken := busy.LoadOrStore(claimed.Destination, true); taken {
						return errors.New("two workers have messages to one destination")
					}
					sender, number, _ := strings.Cut(string(claimed.Payload), " ")
					before, _ := last.Swap(claimed.Destination+sender, number)
					if before, _ := before.(string); before >= number || claimed.Attempts != 1 {
						return fmt.Errorf("%s comes after %s, in attempt %d", number, before, claimed.Attempts)
					}
					busy.Delete(claimed.Destination)
					if err := s.MessageDelivered(t.Context(), claimed); err != nil {
						return err
					}
					delivered.Add(1)
				}
				return nil
			})
		}
		ok(t, "send", sending.Wait())
		ok(t, "deliver", working.Wait())
		noMessage(t, s)
		equal(t, "delivered", delivered.Load(), int32(senders*each*destinations))
	}},
}
