package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// Messages that somebody deletes by hand do not keep the others of their kind waiting.
func TestOutboxSurvivesDeletedMessages(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
	enqueue := func(destination string) {
		t.Helper()
		if _, err := s.EnqueueMessages(t.Context(), []store.Message{
			{ID: uuid.New(), Kind: "hook", Destination: destination, CreatedAt: time.Now()},
		}); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(where string) {
		t.Helper()
		if _, err := s.writer.ExecContext(t.Context(), `DELETE FROM outbox_messages WHERE `+where); err != nil {
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
	drop(`1`)
	claim("")
	enqueue("deleted")
	enqueue("other")
	drop(`destination = 'deleted'`)
	claim("other")
	enqueue("deleted")
	claim("deleted")
}

// What a message said is not kept any longer than it takes to deliver it.
func TestPayloadGoesWithDelivery(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
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
	var kept []byte
	if err := s.reader.QueryRowContext(t.Context(), `SELECT payload FROM outbox_messages`).Scan(&kept); err != nil || len(kept) > 0 {
		t.Errorf("kept: %q, error %v", kept, err)
	}
}
