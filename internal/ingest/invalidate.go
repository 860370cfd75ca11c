package ingest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// ResponseCache is told of what changed, so that nobody is given an answer from before. It is told when a change can be read,
// and before the sender of the body is told that it was made.
type Invalidator interface {
	// InvalidateMetrics reports that these metrics of the user have changed.
	InvalidateMetrics(ctx context.Context, user uuid.UUID, metrics []string)
	// InvalidateUser reports that anything of the user may have changed.
	InvalidateUser(ctx context.Context, user uuid.UUID)
}

// invalidatingWriter is a Writer that reports every change, batch by batch: a body may take long.
type invalidatingWriter struct {
	store.Writer
	invalidator Invalidator // nil: nobody wants to know
	// repeated is true where the body has been tried before: what that attempt wrote, and may not have lived to report,
	// is found unchanged.
	repeated bool

	mu      sync.Mutex
	metrics map[string]bool // that have changed
	others  bool            // something has changed that is no sample
}

// WriteSamples is store.Writer.WriteSamples.
func (w *invalidatingWriter) WriteSamples(ctx context.Context, user uuid.UUID, batch []health.Sample) (store.Written, error) {
	written, err := w.Writer.WriteSamples(ctx, user, batch)
	if w.mayHaveChanged(written, err) {
		w.invalidator.InvalidateMetrics(ctx, user, w.noteMetrics(batch))
	}
	return written, err
}

// noteMetrics returns the metrics of a batch, in which those of one metric stand together.
func (w *invalidatingWriter) noteMetrics(batch []health.Sample) (metrics []string) {
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

// WriteNights is store.Writer.WriteNights.
func (w *invalidatingWriter) WriteNights(ctx context.Context, user uuid.UUID, batch []health.Night) (store.Written, error) {
	written, err := w.Writer.WriteNights(ctx, user, batch)
	return written, w.invalidated(ctx, user, written, err)
}

// WriteSegments is store.Writer.WriteSegments.
func (w *invalidatingWriter) WriteSegments(ctx context.Context, user uuid.UUID, batch []health.Segment) (store.Written, error) {
	written, err := w.Writer.WriteSegments(ctx, user, batch)
	return written, w.invalidated(ctx, user, written, err)
}

// WriteWorkouts is store.Writer.WriteWorkouts.
func (w *invalidatingWriter) WriteWorkouts(ctx context.Context, user uuid.UUID, batch []health.Workout) (store.Written, error) {
	written, err := w.Writer.WriteWorkouts(ctx, user, batch)
	return written, w.invalidated(ctx, user, written, err)
}

// WriteEvents is store.Writer.WriteEvents.
func (w *invalidatingWriter) WriteEvents(ctx context.Context, user uuid.UUID, batch []health.Event) (store.Written, error) {
	written, err := w.Writer.WriteEvents(ctx, user, batch)
	return written, w.invalidated(ctx, user, written, err)
}

// WriteECGs is store.Writer.WriteECGs.
func (w *invalidatingWriter) WriteECGs(ctx context.Context, user uuid.UUID, batch []health.ECG) (store.Written, error) {
	written, err := w.Writer.WriteECGs(ctx, user, batch)
	return written, w.invalidated(ctx, user, written, err)
}

// invalidated reports a change of what is no sample, and returns err.
func (w *invalidatingWriter) invalidated(ctx context.Context, user uuid.UUID, written store.Written, err error) error {
	if !w.mayHaveChanged(written, err) {
		return err
	}
	w.mu.Lock()
	w.others = true
	w.mu.Unlock()
	w.invalidator.InvalidateUser(ctx, user)
	return err
}

// invalidateAgain reports everything once more, when what follows from the writes has been brought up to date too.
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

// mayHaveChanged reports whether there is something to report. A write that failed may have left something behind, all
// the same.
func (w *invalidatingWriter) mayHaveChanged(written store.Written, err error) bool {
	return w.invalidator != nil && (w.repeated || err != nil || slices.ContainsFunc(written.Outcomes, func(o health.Outcome) bool {
		return o == health.Inserted || o == health.Updated
	}))
}
