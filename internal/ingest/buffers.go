package ingest

import (
	"sync"

	"github.com/health-export/health-export/internal/health"
)

// buffers are the large slices that taking in a body needs, kept for the next body.
type buffers struct {
	points reused[point] // of a sorter
	// samples are those of a batch, origins the points that they stand for.
	samples reused[health.Sample]
	origins reused[origin]
}

// reused hands out empty slices that have been used before. The zero value is ready, and safe for concurrent use.
type reused[T any] struct{ pool sync.Pool }

func (r *reused[T]) get() []T {
	if used, ok := r.pool.Get().(*[]T); ok {
		return *used
	}
	return nil
}

// put takes a slice back, nil too. What its elements refer to lives on until the garbage collector empties the pool, which
// is soon.
func (r *reused[T]) put(slice []T) {
	if cap(slice) == 0 {
		return
	}
	slice = slice[:0]
	r.pool.Put(&slice)
}
