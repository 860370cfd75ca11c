package ingest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// invalidatingWriter is a store.Writer that calls the invalidator for every batch that changes something: a body may take
// long.
type invalidatingWriter struct {
	store.Writer
	invalidator cache.Invalidator
	// repeated is set where the body has been tried before: what the earlier attempt wrote, perhaps without invalidating, is
	// unchanged for this one.
	repeated bool

	mu      sync.Mutex
	metrics map[string]bool // that may have changed
	others  bool            // something may have changed that is not a sample
}

// WriteSamples is store.Writer.WriteSamples.
func (w *invalidatingWriter) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	written, err := w.Writer.WriteSamples(ctx, body, batch, said...)
	if w.mayHaveChanged(written, err) {
		w.invalidator.InvalidateMetrics(ctx, body.User, w.addMetrics(batch))
	}
	return written, err
}

// addMetrics records and returns the metrics of a batch, in which the samples of one metric are side by side.
func (w *invalidatingWriter) addMetrics(batch []health.Sample) (metrics []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.metrics == nil {
		w.metrics = map[string]bool{}
	}
	for i := range batch {
		if i == 0 || batch[i].Metric != batch[i-1].Metric {
			metrics = append(metrics, batch[i].Metric)
			w.metrics[batch[i].Metric] = true
		}
	}
	return metrics
}

// WriteSourceDevices is store.Writer.WriteSourceDevices.
func (w *invalidatingWriter) WriteSourceDevices(ctx context.Context, body store.Body, devices []health.SourceDevice) (bool, error) {
	reranked, err := w.Writer.WriteSourceDevices(ctx, body, devices)
	if reranked || err != nil {
		w.invalidateOthers(ctx, body.User)
	}
	return reranked, err
}

// WriteNights is store.Writer.WriteNights.
func (w *invalidatingWriter) WriteNights(ctx context.Context, body store.Body, batch []health.Night) (store.Written, error) {
	written, err := w.Writer.WriteNights(ctx, body, batch)
	return written, w.invalidated(ctx, body.User, written, err)
}

// WriteSegments is store.Writer.WriteSegments.
func (w *invalidatingWriter) WriteSegments(ctx context.Context, body store.Body, batch []health.Segment) (store.Written, error) {
	written, err := w.Writer.WriteSegments(ctx, body, batch)
	return written, w.invalidated(ctx, body.User, written, err)
}

// WriteWorkouts is store.Writer.WriteWorkouts.
func (w *invalidatingWriter) WriteWorkouts(ctx context.Context, body store.Body, batch []health.Workout) (store.Written, error) {
	written, err := w.Writer.WriteWorkouts(ctx, body, batch)
	return written, w.invalidated(ctx, body.User, written, err)
}

// WriteEvents is store.Writer.WriteEvents.
func (w *invalidatingWriter) WriteEvents(ctx context.Context, body store.Body, batch []health.Event) (store.Written, error) {
	written, err := w.Writer.WriteEvents(ctx, body, batch)
	return written, w.invalidated(ctx, body.User, written, err)
}

// WriteECGs is store.Writer.WriteECGs.
func (w *invalidatingWriter) WriteECGs(ctx context.Context, body store.Body, batch []health.ECG) (store.Written, error) {
	written, err := w.Writer.WriteECGs(ctx, body, batch)
	return written, w.invalidated(ctx, body.User, written, err)
}

// invalidated invalidates after a write of elements that are not samples, and returns err.
func (w *invalidatingWriter) invalidated(ctx context.Context, user uuid.UUID, written store.Written, err error) error {
	if w.mayHaveChanged(written, err) {
		w.invalidateOthers(ctx, user)
	}
	return err
}

// invalidateOthers invalidates what is derived from more than samples.
func (w *invalidatingWriter) invalidateOthers(ctx context.Context, user uuid.UUID) {
	w.mu.Lock()
	w.others = true
	w.mu.Unlock()
	w.invalidator.InvalidateUser(ctx, user)
}

// invalidateAgain repeats all invalidations when what is derived from the writes is up to date too.
func (w *invalidatingWriter) invalidateAgain(ctx context.Context, user uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.others:
		w.invalidator.InvalidateUser(ctx, user)
	case len(w.metrics) > 0:
		w.invalidator.InvalidateMetrics(ctx, user, slices.Sorted(maps.Keys(w.metrics)))
	}
}

// mayHaveChanged reports whether a write may have changed something, which one that failed may too.
func (w *invalidatingWriter) mayHaveChanged(written store.Written, err error) bool {
	return w.repeated || err != nil || written.Summaries > 0 || slices.ContainsFunc(written.Outcomes, func(o health.Outcome) bool {
		return o == health.Inserted || o == health.Updated
	})
}
