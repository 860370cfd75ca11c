package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// Messages that somebody deletes by hand do not keep the others of their kind waiting.
func TestOutboxSurvivesDeletedMessages(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	enqueue := func(destination string) {
		t.Helper()
		if _, err := s.EnqueueMessages(t.Context(), []store.Message{
			{ID: uuid.New(), Kind: "hook", Destination: destination, CreatedAt: time.Now()},
		}); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(want string) {
		t.Helper()
		claimed, err := s.ClaimMessage(t.Context(), []string{"hook"}, time.Hour)
		if want == "" && errors.Is(err, problem.NotFound) {
			return
		}
		if err != nil || claimed.Destination != want {
			t.Errorf("claimed a message to %q, error %v; want %q", claimed.Destination, err, want)
		}
	}
	enqueue("deleted")
	exec(t, url, `DELETE FROM outbox_messages`)
	claim("")
	enqueue("deleted")
	enqueue("other")
	exec(t, url, `DELETE FROM outbox_messages WHERE destination = 'deleted'`)
	claim("other")
	enqueue("deleted")
	claim("deleted")
}

// What a message said is not kept any longer than it takes to deliver it.
func TestPayloadGoesWithDelivery(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	if _, err := s.EnqueueMessages(t.Context(), []store.Message{
		{ID: uuid.New(), Kind: "hook", Destination: "a", Payload: []byte("9900 steps"), CreatedAt: time.Now()},
	}); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.ClaimMessage(t.Context(), []string{"hook"}, time.Hour)
	if err != nil || string(claimed.Payload) != "9900 steps" {
		t.Fatalf("claimed %q, error %v", claimed.Payload, err)
	}
	if err := s.MessageDelivered(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	if kept := query[string](t, url, `SELECT payload::text FROM outbox_messages`); len(kept) != 1 || kept[0] != `\x` {
		t.Errorf("kept: %q", kept)
	}
}
