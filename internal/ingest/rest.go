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
	heldBytes  = 4 << 20 // of one kind, until they go to a temporary file
	batchBytes = 2 << 20 // in one transaction
	batchCount = 1000
)

// rest holds the elements of a body that are not samples until it has been read to its end.
type rest struct {
	nights   *held[health.Night]
	segments *held[health.Segment]
	workouts *held[health.Workout]
	events   *held[health.Event]
	ecgs     *held[health.ECG]
}

func newRest(dir string, report *health.Report) rest {
	return rest{
		nights: &held[health.Night]{
			dir: dir, report: report,
			keys: func(n *health.Night) []string { return []string{n.Date.String() + "|" + n.Source} },
			same: (*health.Night).SameNight,
			join: func(n, later *health.Night) { n.MergeFrom(later) },
			size: func(n *health.Night) int { return 250 + len(n.Attributes) },
		},
		segments: &held[health.Segment]{
			dir: dir, report: report,
			keys: func(s *health.Segment) []string {
				return []string{fmt.Sprintf("%d|%d|%s|%s", s.Start, s.End, s.Stage, s.Source)}
			},
			same: func(a, b *health.Segment) bool { return true },
			join: func(s, later *health.Segment) {
				s.Attributes = health.MergeAttributes(s.Attributes, later.Attributes)
			},
			size: func(s *health.Segment) int { return 250 + len(s.Attributes) },
		},
		workouts: &held[health.Workout]{
			dir: dir, report: report,
			keys: workoutKeys,
			same: (*health.Workout).SameWorkout,
			join: func(w, later *health.Workout) { w.MergeFrom(later) },
			size: workoutSize,
		},
		events: &held[health.Event]{
			dir: dir, report: report,
			keys: func(e *health.Event) []string { return []string{fmt.Sprintf("%q", e.Key())} },
			same: func(a, b *health.Event) bool { return true },
			join: func(e, later *health.Event) { e.MergeFrom(later) },
			size: func(e *health.Event) int { return 300 + len(e.Attributes) },
		},
		ecgs: &held[health.ECG]{
			dir: dir, report: report,
			keys: func(e *health.ECG) []string { return []string{fmt.Sprint(e.Start)} },
			same: func(a, b *health.ECG) bool { return true },
			join: func(e, later *health.ECG) { e.MergeFrom(later) },
			size: func(e *health.ECG) int { return 300 + 16*len(e.Voltages) + len(e.Attributes) },
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

func (r *rest) close() {
	r.nights.close()
	r.segments.close()
	r.workouts.close()
	r.events.close()
	r.ecgs.close()
}

func (r *rest) write(ctx context.Context, user uuid.UUID, w store.Writer) error {
	return errors.Join(
		r.nights.write(ctx, user, w.WriteNights),
		r.segments.write(ctx, user, w.WriteSegments),
		r.workouts.write(ctx, user, w.WriteWorkouts),
		r.events.write(ctx, user, w.WriteEvents),
		r.ecgs.write(ctx, user, w.WriteECGs),
	)
}

// held is the elements of one kind. Those that are the same are joined, which counts the later one as merged. When they
// take too much memory they go to a temporary file; an element that comes again after that is joined by the store.
type held[T any] struct {
	dir    string
	report *health.Report
	keys   func(*T) []string // elements that are the same share a key …
	same   func(a, b *T) bool
	join   func(first, later *T)
	size   func(*T) int

	entries []entry[T]
	index   map[string][]int
	bytes   int
	file    *os.File
	encoder *gob.Encoder
}

type entry[T any] struct {
	Position health.Position
	Kind     health.ElementKind
	Type     string
	Element  T
}

func (h *held[T]) add(r *health.Record, element *T) error {
	keys := h.keys(element)
	for _, key := range keys {
		for _, i := range h.index[key] {
			if first := &h.entries[i].Element; h.same(first, element) {
				h.bytes -= h.size(first)
				h.join(first, element)
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
		h.index[key] = append(h.index[key], len(h.entries))
	}
	h.entries = append(h.entries, entry[T]{Position: r.Position, Kind: r.Kind(), Type: r.Type, Element: *element})
	if h.bytes += h.size(element); h.bytes > heldBytes {
		return h.spill()
	}
	return nil
}

// spill moves the entries to the temporary file.
func (h *held[T]) spill() error {
	if h.file == nil {
		file, err := tempFile(h.dir)
		if err != nil {
			return err
		}
		h.file, h.encoder = file, gob.NewEncoder(file)
	}
	for i := range h.entries {
		if err := h.encoder.Encode(&h.entries[i]); err != nil {
			return fmt.Errorf("%w: %w", errSpoolFull, err)
		}
	}
	h.entries, h.index, h.bytes = nil, nil, 0
	return nil
}

func (h *held[T]) close() {
	if h.file != nil {
		removeTemp(h.file)
		h.file = nil
	}
}

type writeFunc[T any] func(context.Context, uuid.UUID, []T) (store.Written, error)

// write hands the elements to the store in batches and counts what became of them.
func (h *held[T]) write(ctx context.Context, user uuid.UUID, write writeFunc[T]) error {
	if h.file == nil {
		return h.writeBatches(ctx, user, write, h.entries)
	}
	if err := h.spill(); err != nil {
		return err
	}
	if _, err := h.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	decoder := gob.NewDecoder(h.file)
	var pending []entry[T]
	taken := map[string]bool{} // the keys of those
	bytes := 0
	for {
		var next entry[T]
		err := decoder.Decode(&next)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil || bytes > batchBytes || h.clashes(taken, len(pending), &next.Element) {
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

// clashes reports whether the element may be the same as one of a batch with the given keys, which the store does not
// take, or one too many for it.
func (h *held[T]) clashes(taken map[string]bool, count int, element *T) bool {
	return count == batchCount || slices.ContainsFunc(h.keys(element), func(key string) bool { return taken[key] })
}

func (h *held[T]) writeBatches(ctx context.Context, user uuid.UUID, write writeFunc[T], entries []entry[T]) error {
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

func (h *held[T]) writeBatch(ctx context.Context, user uuid.UUID, write writeFunc[T], entries []entry[T]) error {
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
