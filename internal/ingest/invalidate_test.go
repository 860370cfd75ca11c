package ingest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// invalidations writes down what it is told.
type invalidations struct {
	mu      sync.Mutex
	changes []string
}

func (r *invalidations) InvalidateMetrics(_ context.Context, _ uuid.UUID, metrics []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, strings.Join(metrics, " "))
}

func (r *invalidations) InvalidateUser(context.Context, uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, "everything")
}

// take returns what was told since the last call, each thing once.
func (r *invalidations) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := slices.Compact(slices.Sorted(slices.Values(r.changes)))
	r.changes = nil
	return changes
}

func TestChangesAreReported(t *testing.T) {
	t.Parallel()
	b := newHarness(t, testdb.New(t), nil, Limits{})
	r := &invalidations{}
	b.invalidator = r
	for _, c := range []struct {
		what, body string
		want       []string
	}{
		{"something new", metric("step_count", "count", point1("2026-05-01 10:00:00 +0200", 5, "Watch")), []string{"step_count"}},
		{"the same again", metric("step_count", "count", point1("2026-05-01 10:00:00 +0200", 5, "Watch")), nil},
		{"another value", metric("step_count", "count", point1("2026-05-01 10:00:00 +0200", 6, "Watch")), []string{"step_count"}},
		{"under the name it is kept by", metric("HKQuantityTypeIdentifierStepCount", "count", point1("2026-05-02 10:00:00 +0200", 6, "Watch")), []string{"step_count"}},
		{"nothing", `{"data":{}}`, nil},
		{"a workout", `{"data":{"workouts":[{"name":"Run","start":"2026-05-01 10:00:00 +0200","end":"2026-05-01 11:00:00 +0200"}]}}`, []string{"everything"}},
	} {
		b.send(c.body)
		if diff := cmp.Diff(c.want, r.take()); diff != "" {
			t.Errorf("%s:\n%s", c.what, diff)
		}
	}
}

// dyingWriter writes, and fails all the same, as one that dies before it can tell.
type dyingWriter struct {
	Store
	dead bool
}

func (w *dyingWriter) WriteSamples(ctx context.Context, user uuid.UUID, batch []health.Sample) (store.Written, error) {
	written, err := w.Store.WriteSamples(ctx, user, batch)
	if err == nil && w.dead {
		return store.Written{}, errors.New("dead")
	}
	return written, err
}

// What was written by an attempt that did not come to its end is found unchanged by the next one, and is reported.
func TestChangesOfAnAttemptThatFailedAreReported(t *testing.T) {
	t.Parallel()
	var writer *dyingWriter
	b := newHarness(t, testdb.New(t), func(s Store) Store {
		writer = &dyingWriter{Store: s, dead: true}
		return writer
	}, Limits{})
	r := &invalidations{}
	b.invalidator = r
	ingestion, err := b.Receive(t.Context(), Request{
		User: b.user, Body: strings.NewReader(metric("step_count", "count", point1("2026-05-01 10:00:00 +0200", 5, "Watch"))),
	})
	if err != nil || ingestion.Status != health.StatusAccepted {
		t.Fatalf("status %s, error %v", ingestion.Status, err)
	}
	if diff := cmp.Diff([]string{"step_count"}, r.take()); diff != "" {
		t.Error("of the attempt that failed:\n", diff)
	}
	writer.dead = false
	b.at("2026-06-01T13:00:00Z")
	if err := b.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"step_count"}, r.take()); diff != "" {
		t.Error("of the one that did not:\n", diff)
	}
}
