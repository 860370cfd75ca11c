package backend

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// pageSize is how many rows of a series are read at a time.
const pageSize = 4096

// A summary of a day or more has midnight UTC of its local date as its key time. Clocks differ from UTC by less than
// StartBeforeKey, so that its start lies after the key time less StartBeforeKey and before the key time plus
// StartAfterKey.
const (
	StartBeforeKey = 18 * 3600 * health.Second
	StartAfterKey  = health.Day + StartBeforeKey
)

// SeriesReader reads one series of samples: those of a metric in one unit, or those of them that have one grain.
type SeriesReader struct {
	Unit string
	From health.Instant // no key time is earlier
	// Read appends to page at most limit samples whose key time is from or later, ordered by key time.
	Read func(ctx context.Context, page []health.Sample, from health.Instant, limit int) ([]health.Sample, error)
}

// MergeSamples yields the samples of all series that open returns, in the order of their keys. They are read a page at a
// time, so that no transaction is open and no connection taken while the caller does its work.
func MergeSamples(
	ctx context.Context, query store.SampleQuery, open func() ([]SeriesReader, error),
) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		readers, err := open()
		if err != nil {
			yield(health.Sample{}, err)
			return
		}
		cursors := make([]*sampleCursor, len(readers))
		for i := range readers {
			cursors[i] = newSampleCursor(readers[i], &query)
		}
		for count := 0; query.Limit == 0 || count < query.Limit; count++ {
			next, err := nextCursor(ctx, cursors)
			if err != nil {
				yield(health.Sample{}, err)
				return
			}
			if next == nil || !yield(next.take(), nil) {
				return
			}
		}
	}
}

// nextCursor returns the cursor whose next sample comes first, nil where all are at their end.
func nextCursor(ctx context.Context, cursors []*sampleCursor) (first *sampleCursor, err error) {
	for _, c := range cursors {
		sample, err := c.peek(ctx)
		if err != nil {
			return nil, err
		}
		if sample == nil {
			continue
		}
		if first == nil || sample.Key().Compare(first.page[first.taken].Key()) < 0 {
			first = c
		}
	}
	return first, nil
}

// sampleCursor reads one series in the order of its keys. Samples of one key time are stored in an order of their own,
// because keys are ordered by the names of their sources, so pages end between two key times.
type sampleCursor struct {
	SeriesReader
	starts store.Range
	after  *health.SampleKey

	page  []health.Sample
	taken int
	size  int  // of the next page
	done  bool // there is no next page
}

func newSampleCursor(reader SeriesReader, query *store.SampleQuery) *sampleCursor {
	c := &sampleCursor{SeriesReader: reader, starts: query.Range, size: pageSize}
	if query.After != nil {
		after := *query.After
		after.Unit = cmp.Or(after.Unit, reader.Unit)
		c.after, c.From = &after, max(c.From, after.Time)
	}
	if query.Limit > 0 {
		c.size = min(pageSize, query.Limit+16) // some more, because samples of one key time are read together
	}
	return c
}

// peek returns the next sample without taking it; nil at the end.
func (c *sampleCursor) peek(ctx context.Context) (*health.Sample, error) {
	for c.taken == len(c.page) {
		if c.done {
			return nil, nil
		}
		if err := c.readPage(ctx); err != nil {
			return nil, err
		}
	}
	return &c.page[c.taken], nil
}

// take returns the sample that peek found.
func (c *sampleCursor) take() health.Sample {
	c.taken++
	return c.page[c.taken-1]
}

// readPage reads the next page. The samples of the last key time of a full page are left to the following one.
func (c *sampleCursor) readPage(ctx context.Context) (err error) {
	c.taken = 0
	if c.page, err = c.Read(ctx, c.page[:0], c.From, c.size); err != nil {
		c.page = nil
		return err
	}
	size := c.size
	c.size = pageSize
	if len(c.page) < size {
		c.done = true
	} else {
		last := c.page[len(c.page)-1].KeyTime()
		complete := len(c.page)
		for complete > 0 && c.page[complete-1].KeyTime() == last {
			complete--
		}
		c.From, c.page = last, c.page[:complete]
		if complete == 0 { // a whole page of one key time: try again with a longer one
			c.size = 4 * size
			return nil
		}
	}
	c.page = slices.DeleteFunc(c.page, func(s health.Sample) bool {
		return c.starts.From != 0 && s.Start < c.starts.From || c.starts.To != 0 && s.Start >= c.starts.To ||
			c.after != nil && s.Key().Compare(*c.after) <= 0
	})
	byKey := func(a, b health.Sample) int { return a.Key().Compare(b.Key()) }
	if !slices.IsSortedFunc(c.page, byKey) {
		slices.SortFunc(c.page, byKey)
	}
	return nil
}
