package assemble

import (
	"encoding/gob"
	"errors"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/spool"
)

// Bounds on elements that are not samples, by a rough measure of their size in memory.
const (
	maxBufferBytes     = 4 << 20 // of one kind, until they go to a temporary file
	maxOtherBatchBytes = 2 << 20 // in one transaction
	maxOtherBatch      = 1000
)

// elementBuffer holds the elements of one kind. Elements with one identity are merged, which counts the later one as
// merged. When they take too much memory they go to a temporary file; an element that comes again after that is merged by
// the store.
type elementBuffer[T any] struct {
	dir    string
	report *health.Report
	keys   func(*T) []string // elements that are the same share a key …
	same   func(a, b *T) bool
	merge  func(first, later *T)
	size   func(*T) int
	// refusal returns the rejection of an element that was refused when it was to be written; databaseRefused where nil.
	refusal func(at health.Position, reason string) *health.Rejection

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

func (b *elementBuffer[T]) add(r *health.Record, element *T) error {
	keys := b.keys(element)
	for _, key := range keys {
		for _, i := range b.index[key] {
			if first := &b.elements[i].Element; b.same(first, element) {
				b.bytes -= b.size(first)
				b.merge(first, element)
				b.bytes += b.size(first)
				b.report.Count(r.Kind(), r.Type, health.Merged)
				return nil
			}
		}
	}
	if b.index == nil {
		b.index = map[string][]int{}
	}
	for _, key := range keys {
		b.index[key] = append(b.index[key], len(b.elements))
	}
	b.elements = append(b.elements, bufferedElement[T]{Position: r.Position, Kind: r.Kind(), Type: r.Type, Element: *element})
	if b.bytes += b.size(element); b.bytes > maxBufferBytes {
		return b.spill()
	}
	return nil
}

// spill moves the elements to the temporary file.
func (b *elementBuffer[T]) spill() error {
	if b.file == nil {
		file, err := spool.TempFile(b.dir)
		if err != nil {
			return err
		}
		b.file, b.encoder = file, gob.NewEncoder(file)
	}
	for i := range b.elements {
		if err := b.encoder.Encode(&b.elements[i]); err != nil {
			return spool.DiskError(err)
		}
	}
	b.elements, b.index, b.bytes = nil, nil, 0
	return nil
}

func (b *elementBuffer[T]) close() {
	if b.file != nil {
		spool.RemoveTemp(b.file)
		b.file = nil
	}
}

// batches yields the elements.
func (b *elementBuffer[T]) batches() iter.Seq2[*Batch[T], error] {
	return func(yield func(*Batch[T], error) bool) {
		if b.file == nil {
			b.cut(b.elements, yield)
			return
		}
		if err := b.readFile(yield); err != nil {
			yield(nil, err)
		}
	}
}

// cut yields elements in batches, and reports whether to go on.
func (b *elementBuffer[T]) cut(elements []bufferedElement[T], yield func(*Batch[T], error) bool) bool {
	for len(elements) > 0 {
		n, bytes := 0, 0
		for n < len(elements) && n < maxOtherBatch && (n == 0 || bytes < maxOtherBatchBytes) {
			bytes += b.size(&elements[n].Element)
			n++
		}
		if !yield(b.batch(elements[:n]), nil) {
			return false
		}
		elements = elements[n:]
	}
	return true
}

// readFile yields all elements in batches when some of them are in the temporary file.
func (b *elementBuffer[T]) readFile(yield func(*Batch[T], error) bool) error {
	if err := b.spill(); err != nil {
		return err
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	decoder := gob.NewDecoder(b.file)
	var pending []bufferedElement[T]
	taken := map[string]bool{} // the keys of those
	bytes := 0
	for {
		var next bufferedElement[T]
		err := decoder.Decode(&next)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil || bytes > maxOtherBatchBytes || len(pending) == maxOtherBatch || b.conflicts(taken, &next.Element) {
			if !b.cut(pending, yield) {
				return nil
			}
			pending, bytes = pending[:0], 0
			clear(taken)
		}
		if err != nil {
			return nil
		}
		pending = append(pending, next)
		for _, key := range b.keys(&next.Element) {
			taken[key] = true
		}
		bytes += b.size(&next.Element)
	}
}

// conflicts reports whether the element may be the same as one of a batch with the taken keys, which the store refuses.
func (b *elementBuffer[T]) conflicts(taken map[string]bool, element *T) bool {
	return slices.ContainsFunc(b.keys(element), func(key string) bool { return taken[key] })
}

func (b *elementBuffer[T]) batch(elements []bufferedElement[T]) *Batch[T] {
	batch := &Batch[T]{Elements: make([]T, len(elements))}
	for i := range elements {
		batch.Elements[i] = elements[i].Element
	}
	batch.account = func(outcomes []health.Outcome, refused map[int]string) {
		for i, outcome := range outcomes {
			e := &elements[i]
			if outcome == health.Rejected {
				refuse := databaseRefused
				if b.refusal != nil {
					refuse = b.refusal
				}
				b.report.Reject(e.Kind, e.Type, refuse(e.Position, refused[i]))
				continue
			}
			b.report.Count(e.Kind, e.Type, outcome)
		}
	}
	return batch
}
