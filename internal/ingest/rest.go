package ingest

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// Bounds on elements that are not samples, by a rough measure of their size in memory.
const (
	bufferBytes = 4 << 20 // of one kind, until they go to a temporary file
	batchBytes  = 2 << 20 // in one transaction
	batchCount  = 1000
)

// otherElements holds the elements of a body that are not samples until it has been read to its end.
type otherElements struct {
	nights   *elementBuffer[health.Night]
	segments *elementBuffer[health.Segment]
	workouts *elementBuffer[health.Workout]
	events   *elementBuffer[health.Event]
	ecgs     *elementBuffer[health.ECG]
}

func newOtherElements(dir string, report *health.Report) otherElements {
	return otherElements{
		nights: &elementBuffer[health.Night]{
			dir: dir, report: report,
			keys:  func(n *health.Night) []string { return []string{n.Date.String() + "|" + n.Source} },
			same:  (*health.Night).SameNight,
			merge: func(n, later *health.Night) { n.MergeFrom(later) },
			size:  func(n *health.Night) int { return 250 + len(n.Attributes) },
		},
		segments: &elementBuffer[health.Segment]{
			dir: dir, report: report,
			keys: func(s *health.Segment) []string {
				return []string{fmt.Sprintf("%d|%d|%s|%s", s.Start, s.End, s.Stage, s.Source)}
			},
			same: func(a, b *health.Segment) bool { return true },
			merge: func(s, later *health.Segment) {
				s.Attributes = health.MergeAttributes(s.Attributes, later.Attributes)
			},
			size: func(s *health.Segment) int { return 250 + len(s.Attributes) },
		},
		workouts: &elementBuffer[health.Workout]{
			dir: dir, report: report,
			keys:  workoutKeys,
			same:  (*health.Workout).SameWorkout,
			merge: func(w, later *health.Workout) { w.MergeFrom(later) },
			size:  workoutSize,
		},
		events: &elementBuffer[health.Event]{
			dir: dir, report: report,
			keys:  func(e *health.Event) []string { return []string{fmt.Sprintf("%q", e.Key())} },
			same:  func(a, b *health.Event) bool { return true },
			merge: func(e, later *health.Event) { e.MergeFrom(later) },
			size:  func(e *health.Event) int { return 300 + len(e.Attributes) },
		},
		ecgs: &elementBuffer[health.ECG]{
			dir: dir, report: report,
			keys:  func(e *health.ECG) []string { return []string{fmt.Sprint(e.Start)} },
			same:  func(a, b *health.ECG) bool { return true },
			merge: func(e, later *health.ECG) { e.MergeFrom(later) },
			size:  func(e *health.ECG) int { return 300 + 16*len(e.Voltages) + len(e.Attributes) },
		},
	}
}

// workoutKeys lists under what a workout can be found: its id, and its name and the minute of its start.
func workoutKeys(w *health.Workout) []string {
	keys := []string{fmt.Sprintf("at %d %s", w.StartMinute(), w.Name)}
	if w.AppID != "" {
		keys = append(keys, "id "+w.AppID)
	}
	return keys
}

func workoutSize(w *health.Workout) int {
	size := 1000 + len(w.Attributes) + 80*len(w.Route)
	for _, points := range w.Series {
		size += 80 * len(points)
	}
	return size
}

func (r *otherElements) close() {
	r.nights.close()
	r.segments.close()
	r.workouts.close()
	r.events.close()
	r.ecgs.close()
}

func (r *otherElements) write(ctx context.Context, user uuid.UUID, w store.Writer) error {
	return errors.Join(
		r.nights.write(ctx, user, w.WriteNights),
		r.segments.write(ctx, user, w.WriteSegments),
		r.workouts.write(ctx, user, w.WriteWorkouts),
		r.events.write(ctx, user, w.WriteEvents),
		r.ecgs.write(ctx, user, w.WriteECGs),
	)
}

// elementBuffer is the elements of one kind. Those that are the same are joined, which counts the later one as merged. When they
// take too much memory they go to a temporary file; an element that comes again after that is joined by the store.
type elementBuffer[T any] struct {
	dir    string
	report *health.Report
	keys   func(*T) []string // elements that are the same share a key …
	same   func(a, b *T) bool
	merge  func(first, later *T)
	size   func(*T) int

	elements []bufferedElement[T]
	index    map[string][]int
	bytes    int
	file     *os.File
	encoder  *gob.Encoder
}

type bufferedElement[T any] struct {
	Position health.Position
	Kind     health.ElementKind
	Type     string
	Element  T
}

func (h *elementBuffer[T]) add(r *health.Record, element *T) error {
	keys := h.keys(element)
	for _, key := range keys {
		for _, i := range h.index[key] {
			if first := &h.elements[i].Element; h.same(first, element) {
				h.bytes -= h.size(first)
				h.merge(first, element)
				h.bytes += h.size(first)
				h.report.Count(r.Kind(), r.Type, health.Merged)
				return nil
			}
		}
	}
	if h.index == nil {
		h.index = map[string][]int{}
	}
	for _, key := range keys {
		h.index[key] = append(h.index[key], len(h.elements))
	}
	h.elements = append(h.elements, bufferedElement[T]{Position: r.Position, Kind: r.Kind(), Type: r.Type, Element: *element})
	if h.bytes += h.size(element); h.bytes > bufferBytes {
		return h.spill()
	}
	return nil
}

// spill moves the entries to the temporary file.
func (h *elementBuffer[T]) spill() error {
	if h.file == nil {
		file, err := tempFile(h.dir)
		if err != nil {
			return err
		}
		h.file, h.encoder = file, gob.NewEncoder(file)
	}
	for i := range h.elements {
		if err := h.encoder.Encode(&h.elements[i]); err != nil {
			return fmt.Errorf("%w: %w", errSpoolFull, err)
		}
	}
	h.elements, h.index, h.bytes = nil, nil, 0
	return nil
}

func (h *elementBuffer[T]) close() {
	if h.file != nil {
		removeTemp(h.file)
		h.file = nil
	}
}

type writeFunc[T any] func(context.Context, uuid.UUID, []T) (store.Written, error)

// write hands the elements to the store in batches and counts what became of them.
func (h *elementBuffer[T]) write(ctx context.Context, user uuid.UUID, write writeFunc[T]) error {
	if h.file == nil {
		return h.writeBatches(ctx, user, write, h.elements)
	}
	if err := h.spill(); err != nil {
		return err
	}
	if _, err := h.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	decoder := gob.NewDecoder(h.file)
	var pending []bufferedElement[T]
	taken := map[string]bool{} // the keys of those
	bytes := 0
	for {
		var next bufferedElement[T]
		err := decoder.Decode(&next)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil || bytes > batchBytes || h.conflicts(taken, len(pending), &next.Element) {
			if err := h.writeBatches(ctx, user, write, pending); err != nil {
				return err
			}
			pending, bytes = pending[:0], 0
			clear(taken)
		}
		if err != nil {
			return nil
		}
		pending = append(pending, next)
		for _, key := range h.keys(&next.Element) {
			taken[key] = true
		}
		bytes += h.size(&next.Element)
	}
}

// conflicts reports whether the element may be the same as one of a batch with the given keys, which the store does not
// take, or one too many for it.
func (h *elementBuffer[T]) conflicts(taken map[string]bool, count int, element *T) bool {
	return count == batchCount || slices.ContainsFunc(h.keys(element), func(key string) bool { return taken[key] })
}

func (h *elementBuffer[T]) writeBatches(ctx context.Context, user uuid.UUID, write writeFunc[T], entries []bufferedElement[T]) error {
	for len(entries) > 0 {
		n, bytes := 0, 0
		for n < len(entries) && n < batchCount && (n == 0 || bytes < batchBytes) {
			bytes += h.size(&entries[n].Element)
			n++
		}
		if err := h.writeBatch(ctx, user, write, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (h *elementBuffer[T]) writeBatch(ctx context.Context, user uuid.UUID, write writeFunc[T], entries []bufferedElement[T]) error {
	elements := make([]T, len(entries))
	for i := range entries {
		elements[i] = entries[i].Element
	}
	written, err := write(ctx, user, elements)
	if err != nil {
		return err
	}
	for i, outcome := range written.Outcomes {
		if outcome == health.Rejected {
			h.report.Reject(entries[i].Kind, entries[i].Type, databaseRefused(entries[i].Position, written.Refused[i]))
			continue
		}
		h.report.Count(entries[i].Kind, entries[i].Type, outcome)
	}
	return nil
}
