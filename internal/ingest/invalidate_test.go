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

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// invalidations records the calls of an Invalidator.
type invalidations struct {
	cache.NopInvalidator
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

// take returns the different calls since the last take.
func (r *invalidations) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := slices.Compact(slices.Sorted(slices.Values(r.changes)))
	r.changes = nil
	return changes
}

func TestWritesInvalidate(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	r := &invalidations{}
	h.invalidator = r
	for _, c := range []struct {
		what, body string
		want       []string
	}{
		{"something new", metricJSON("step_count", "count", pointJSON("2026-05-01 10:00:00 +0200", 5, "Watch")), []string{"step_count"}},
		{"the same again", metricJSON("step_count", "count", pointJSON("2026-05-01 10:00:00 +0200", 5, "Watch")), nil},
		{"another value", metricJSON("step_count", "count", pointJSON("2026-05-01 10:00:00 +0200", 6, "Watch")), []string{"step_count"}},
		{"under the name it is kept by", metricJSON("HKQuantityTypeIdentifierStepCount", "count", pointJSON("2026-05-02 10:00:00 +0200", 6, "Watch")), []string{"step_count"}},
		{"nothing", `{"data":{}}`, nil},
		{"a workout", `{"data":{"workouts":[{"name":"Run","start":"2026-05-01 10:00:00 +0200","end":"2026-05-01 11:00:00 +0200"}]}}`, []string{"everything"}},
	} {
		h.send(c.body)
		if diff := cmp.Diff(c.want, r.take()); diff != "" {
			t.Errorf("%s:\n%s", c.what, diff)
		}
	}
}

// failingWriter writes and then fails, like a process that is killed before it can invalidate.
type failingWriter struct {
	Store
	failing bool
}

func (w *failingWriter) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	written, err := w.Store.WriteSamples(ctx, body, batch, said...)
	if err == nil && w.failing {
		return store.Written{}, errors.New("failed after the write")
	}
	return written, err
}

// What a failed attempt wrote is unchanged for the next one, which invalidates it all the same.
func TestWritesOfAFailedAttemptInvalidate(t *testing.T) {
	t.Parallel()
	var writer *failingWriter
	h := newHarness(t, testdb.New(t), func(s Store) Store {
		writer = &failingWriter{Store: s, failing: true}
		return writer
	}, Limits{})
	r := &invalidations{}
	h.invalidator = r
	ingestion, err := h.Receive(t.Context(), Request{
		User: h.user, Body: strings.NewReader(metricJSON("step_count", "count", pointJSON("2026-05-01 10:00:00 +0200", 5, "Watch"))),
	})
	if err != nil || ingestion.Status != health.StatusAccepted {
		t.Fatalf("status %s, error %v", ingestion.Status, err)
	}
	if diff := cmp.Diff([]string{"step_count"}, r.take()); diff != "" {
		t.Error("of the attempt that failed:\n", diff)
	}
	writer.failing = false
	h.at("2026-06-01T13:00:00Z")
	if err := h.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"step_count"}, r.take()); diff != "" {
		t.Error("of the one that did not:\n", diff)
	}
}
