package ingest

import (
	"sync"

	"github.com/health-export/health-export/internal/health"
)

// buffers are the large slices that taking in a body needs, kept for the next body.
type buffers struct {
	points slicePool[point] // of a sorter
	// samples are those of a batch, origins the points that they stand for.
	samples slicePool[health.Sample]
	refs    slicePool[elementRef]
}

// slicePool hands out empty slices that have been used before. The zero value is ready, and safe for concurrent use.
type slicePool[T any] struct{ pool sync.Pool }

func (r *slicePool[T]) get() []T {
	if used, ok := r.pool.Get().(*[]T); ok {
		return *used
	}
	return nil
}

// put takes a slice back, nil too. What its elements refer to lives on until the garbage collector empties the pool, which
// is soon.
func (r *slicePool[T]) put(slice []T) {
	if cap(slice) == 0 {
		return
	}
	slice = slice[:0]
	r.pool.Put(&slice)
}
