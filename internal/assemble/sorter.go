package assemble

import (
	"bufio"
	"cmp"
	"container/heap"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"sort"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/spool"
)

// How much is sorted in memory at a time. Earlier points are sorted runs in a temporary file; all are merged when they are
// read.
const (
	runSize       = 1 << 15 // points, about 3.5 MB
	runAttributes = 4 << 20 // bytes of attributes
)

// mergeMemory is how much of all runs is in memory while PartitionsAtOnce partitions are read.
const mergeMemory = 6 << 20

// sorter brings the points of a body into order with bounded memory.
type sorter struct {
	dir        string
	buffers    *buffers
	points     []point
	attributes int      // bytes in points
	counts     []int    // of the points of each series
	file       *os.File // of all runs, one after the other
	runs       []*run
}

// run is sorted points in a file.
type run struct {
	file     *os.File
	at, size int64 // in bytes
	begins   []seriesBegin
	// grains is what the run was sorted with, of each ungroupedSeries: later points may change them.
	grains []health.Grain
}

// seriesBegin is where in a run the points of a series begin.
type seriesBegin struct {
	series uint32
	offset int64
}

func (s *sorter) close() {
	if s.file != nil {
		spool.RemoveTemp(s.file)
	}
	s.buffers.points.put(s.points)
	s.file, s.runs, s.points = nil, nil, nil
}

// add takes a point. grains returns the grain of each ungroupedSeries by the points so far.
func (s *sorter) add(p *point, grains func() []health.Grain) error {
	if len(s.points) == runSize || s.attributes > runAttributes {
		if err := s.flush(grains()); err != nil {
			return err
		}
	}
	if s.points == nil {
		s.points = s.buffers.points.get()
	}
	s.points = append(s.points, *p)
	s.attributes += len(p.attributes)
	for int(p.series) >= len(s.counts) {
		s.counts = append(s.counts, 0)
	}
	s.counts[p.series]++
	return nil
}

// finish sorts what is in memory, now that all grains are known, and once more the runs whose order no
// longer holds.
func (s *sorter) finish(grains []health.Grain) error {
	sortPoints(s.points, grains)
	for _, r := range s.runs {
		if !slices.Equal(r.grains, grains[:len(r.grains)]) {
			if err := r.sortAgain(s.buffers, grains); err != nil {
				return err
			}
		}
	}
	return nil
}

// partitions cuts the series into at most so many partitions, with about as many points in each and at least the given
// number. The largest comes first.
func (s *sorter) partitions(most, least int) (all []Partition) {
	total := 0
	for _, n := range s.counts {
		total += n
	}
	share := max(total/most, least)
	next := Partition{}
	for i, n := range s.counts {
		next.points += n
		next.end = uint32(i + 1)
		if left := total - next.points; len(all) < most-1 && next.points >= share && left >= least {
			all = append(all, next)
			next, total = Partition{first: next.end, end: next.end}, left
		}
	}
	all = append(all, next)
	slices.SortStableFunc(all, func(a, b Partition) int { return cmp.Compare(b.points, a.points) })
	return all
}

func (s *sorter) flush(grains []health.Grain) error {
	if s.file == nil {
		file, err := spool.TempFile(s.dir)
		if err != nil {
			return err
		}
		s.file = file
	}
	r := &run{file: s.file}
	if n := len(s.runs); n > 0 {
		r.at = s.runs[n-1].at + s.runs[n-1].size
	}
	s.runs = append(s.runs, r)
	if err := r.write(s.points, grains); err != nil {
		return err
	}
	s.points, s.attributes = s.points[:0], 0
	return nil
}

// write sorts points and makes them the content of the run.
func (r *run) write(points []point, grains []health.Grain) error {
	sortPoints(points, grains)
	r.grains, r.size, r.begins = grains, 0, nil
	w := bufio.NewWriterSize(io.NewOffsetWriter(r.file, r.at), 256<<10)
	for i := range points {
		if i == 0 || points[i].series != points[i-1].series {
			r.begins = append(r.begins, seriesBegin{points[i].series, r.size})
		}
		r.size += int64(pointSize + 4 + len(points[i].attributes))
		if err := points[i].write(w); err != nil {
			return spool.DiskError(err)
		}
	}
	if err := w.Flush(); err != nil {
		return spool.DiskError(err)
	}
	return nil
}

func sortPoints(points []point, grains []health.Grain) {
	slices.SortFunc(points, func(a, b point) int { return comparePoints(&a, &b, grains) })
}

// sorted yields the points of a partition in order, after finish with the same grains. A point is the receiver's until the
// next one is yielded. Several partitions may be read at the same time.
func (s *sorter) sorted(of Partition, grains []health.Grain) iter.Seq2[*point, error] {
	points := s.inMemory(of)
	if len(s.runs) == 0 {
		return func(yield func(*point, error) bool) {
			for i := range points {
				if !yield(&points[i], nil) {
					return
				}
			}
		}
	}
	return func(yield func(*point, error) bool) {
		queue, err := s.openRuns(of, points, grains)
		if err != nil {
			yield(nil, err)
			return
		}
		for queue.Len() > 0 {
			head := queue.cursors[0]
			if !yield(head.point, nil) {
				return
			}
			switch err := head.next(); {
			case errors.Is(err, io.EOF):
				heap.Pop(queue)
			case err != nil:
				yield(nil, err)
				return
			default:
				heap.Fix(queue, 0)
			}
		}
	}
}

// inMemory returns the points of a partition that are in memory. Of the points of other partitions, which another goroutine
// may be changing, it reads only the series.
func (s *sorter) inMemory(of Partition) []point {
	from := func(series uint32) int {
		return sort.Search(len(s.points), func(i int) bool { return s.points[i].series >= series })
	}
	return s.points[from(of.first):from(of.end)]
}

// openRuns prepares the merge of the runs with points that are left in memory.
func (s *sorter) openRuns(of Partition, points []point, grains []health.Grain) (*cursorHeap, error) {
	queue := &cursorHeap{grains: grains, attributes: attributeCache{}}
	buffer := min(max(mergeMemory/PartitionsAtOnce/max(len(s.runs), 1), 4<<10), 16<<10)
	for _, r := range s.runs {
		from, to := r.offset(of.first), r.offset(of.end)
		if from == to {
			continue
		}
		c := r.openBytes(from, to, buffer, queue.attributes)
		if err := c.next(); err != nil {
			return nil, err
		}
		queue.cursors = append(queue.cursors, c)
	}
	if len(points) > 0 {
		queue.cursors = append(queue.cursors, &cursor{point: &points[0], remaining: points[1:]})
	}
	heap.Init(queue)
	return queue, nil
}

func (r *run) sortAgain(b *buffers, grains []health.Grain) error {
	c := r.open(32 << 10)
	points := b.points.get()
	defer func() { b.points.put(points) }()
	for {
		err := c.next()
		if errors.Is(err, io.EOF) {
			return r.write(points, grains)
		}
		if err != nil {
			return err
		}
		points = append(points, *c.point)
	}
}

// cursor iterates over sorted points: those of a run, or those in memory.
type cursor struct {
	point      *point
	attributes attributeCache
	reader     *bufio.Reader
	remaining  []point // where there is no reader
}

func (r *run) open(buffer int) *cursor { return r.openBytes(0, r.size, buffer, attributeCache{}) }

func (r *run) openBytes(from, to int64, buffer int, cache attributeCache) *cursor {
	return &cursor{point: &point{}, attributes: cache, reader: bufio.NewReaderSize(io.NewSectionReader(r.file, r.at+from, to-from), buffer)}
}

// offset returns where the points of a series, and of all that follow it, begin.
func (r *run) offset(series uint32) int64 {
	i, _ := slices.BinarySearchFunc(r.begins, series, func(b seriesBegin, series uint32) int { return cmp.Compare(b.series, series) })
	if i == len(r.begins) {
		return r.size
	}
	return r.begins[i].offset
}

func (c *cursor) next() error {
	switch {
	case c.reader != nil:
		return c.point.read(c.reader, c.attributes)
	case len(c.remaining) == 0:
		return io.EOF
	}
	c.point, c.remaining = &c.remaining[0], c.remaining[1:]
	return nil
}

// cursorHeap has the run with the first point on top.
type cursorHeap struct {
	cursors    []*cursor
	attributes attributeCache // of all of them
	grains     []health.Grain
}

func (h *cursorHeap) Len() int { return len(h.cursors) }

func (h *cursorHeap) Less(i, j int) bool {
	return comparePoints(h.cursors[i].point, h.cursors[j].point, h.grains) < 0
}
func (h *cursorHeap) Swap(i, j int) { h.cursors[i], h.cursors[j] = h.cursors[j], h.cursors[i] }
func (h *cursorHeap) Push(x any)    { h.cursors = append(h.cursors, x.(*cursor)) }

func (h *cursorHeap) Pop() any {
	last := h.cursors[len(h.cursors)-1]
	h.cursors = h.cursors[:len(h.cursors)-1]
	return last
}
