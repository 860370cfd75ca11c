// Package assemble turns the records of one body into samples and other elements that are normalised, in order, and
// merged where they have one identity, with memory that does not grow with the body. It accounts for every element:
// received = inserted + updated + unchanged + merged + rejected.
//
// An Assembler makes a Collector for each body. The caller adds all records, calls Finish, takes the batches of samples
// and then those of the other elements, and reports to each batch what became of its elements. Until Finish nothing can be
// taken: only the whole body shows whether it is complete, which grain its points have, and which of its elements are the
// same.
//
// The package uses neither a store nor a clock: the caller passes the time of receipt.
package assemble

import (
	"sync"
	"time"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// Assembler makes collectors and holds what they share. It is safe for concurrent use.
type Assembler struct {
	resolver *resolver
	tempDir  string
	buffers  buffers
}

// New returns an Assembler. workoutUnits has the unit in which each quantity and each series of a workout is stored, by
// its name. tempDir is where collectors put what does not fit in memory; "" is the system's directory.
func New(c *catalog.Catalog, workoutUnits map[string]string, tempDir string) (*Assembler, error) {
	resolver, err := newResolver(c, workoutUnits)
	if err != nil {
		return nil, err
	}
	return &Assembler{resolver: resolver, tempDir: tempDir}, nil
}

// NewCollector returns a collector for a body that was received at a time and has an order (health.Ingestion.Order). Its
// points have the given grain unless they have their own; with health.GrainUnknown it is that for which their times are evidence.
// The caller closes the collector.
func (a *Assembler) NewCollector(received time.Time, order health.Instant, grain health.Grain) *Collector {
	c := &Collector{
		resolver: a.resolver, received: health.InstantOf(received), order: order, grain: grain,
		metrics: map[metricName]*bodyMetric{}, seriesIDs: map[metricName]uint32{}, sourceIDs: map[string]uint32{}, ungroupedIDs: map[ungroupedKey]int32{},
		types: []string{""}, typeIDs: map[string]uint32{"": 0},
		buffers: &a.buffers, sorter: sorter{dir: a.tempDir, buffers: &a.buffers},
		current: openEntry{pending: pointBuffer{dir: a.tempDir}},
	}
	c.asOf = c.received
	c.others = newOtherElements(a.tempDir, &c.report)
	return c
}

// buffers are the large slices that a body needs, kept for the next body.
type buffers struct {
	points slicePool[point] // of a sorter
	// samples are those of a batch, refs the elements they come from.
	samples slicePool[health.Sample]
	refs    slicePool[elementRef]
}

// slicePool returns empty slices that may have been used before. The zero value is ready, and safe for concurrent use.
type slicePool[T any] struct{ pool sync.Pool }

func (p *slicePool[T]) get() []T {
	if used, ok := p.pool.Get().(*[]T); ok {
		return *used
	}
	return nil
}

// put takes a slice back, nil too. What its elements refer to is freed when the garbage collector empties the pool.
func (p *slicePool[T]) put(slice []T) {
	if cap(slice) == 0 {
		return
	}
	slice = slice[:0]
	p.pool.Put(&slice)
}
