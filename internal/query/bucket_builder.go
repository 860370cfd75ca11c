package query

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// readMargin is how far beyond a range samples are read: a day recorded in another zone lies up to 26 hours off, and a
// sample of a better source, which lasts a day at most, may overlap a sample across the edge.
const readMargin = (26 + 24) * 3600 * health.Second

// bucketBuilder aggregates the samples of one metric into the buckets of a range. Samples are added in the order in
// which the store yields them. In memory are the aggregates of each bucket and the few samples that later ones may
// still affect.
type bucketBuilder struct {
	calendar    calendar
	first, last int64 // the keys of the first and the last bucket of the range
	buckets     map[int64]*bucket

	resolver   *aggregate.Resolver
	long       *aggregate.LongSummaries // those longer than their bucket
	lastBounds bounds                   // of the last sample: the next one is nearly always in the same bucket
}

// bucket has the aggregates of one bucket.
type bucket struct {
	bounds bounds
	extent aggregate.Extent
	days   []day
	long   aggregate.Aggregates // of summaries longer than a day, where the bucket is too
}

// newBucket allocates a bucket with one day and one aggregate in one piece: most have no more.
func newBucket(in bounds, extent aggregate.Extent) *bucket {
	b := &struct {
		bucket
		days       [1]day
		aggregates [1]aggregate.Aggregate
	}{bucket: bucket{bounds: in, extent: extent}}
	b.days[0].aggregates = b.aggregates[:0]
	b.bucket.days = b.days[:0]
	return &b.bucket
}

// extend widens the bucket by the extent of what lies in it. Where the offset changes within a recorded day, the day
// begins by the clock of its first sample, whose bucket is first, and ends by that of its last, whose bucket is last.
func (b *bucket) extend(extent aggregate.Extent, first, last bounds) {
	before := b.extent
	b.extent.Join(extent)
	if b.extent.Earliest != before.Earliest || b.extent.EarliestOffset != before.EarliestOffset {
		b.bounds.start = first.start
	}
	if b.extent.Latest != before.Latest || b.extent.LatestOffset != before.LatestOffset {
		b.bounds.end = last.end
	}
}

// day is the part of a bucket within which grains are compared: a local day, or the whole bucket where that is shorter.
type day struct {
	date       health.Date
	aggregates aggregate.Aggregates
}

func newBucketBuilder(c calendar, rule aggregate.Rule, first, last bounds) *bucketBuilder {
	bb := &bucketBuilder{
		calendar: c, first: first.key, last: last.key,
		buckets: map[int64]*bucket{},
	}
	bb.resolver = aggregate.NewResolver(rule, bb.add)
	bb.long = aggregate.NewLongSummaries(rule, bb.exceedsBucket, bb.add)
	return bb
}

// loadBuckets returns the buckets from first to last that have samples, in order, in the unit they are stored in.
func (s *Service) loadBuckets(ctx context.Context, user uuid.UUID, sel selector, c calendar, cumulative bool, first, last bounds) ([]*bucket, error) {
	if buckets, known, err := s.loadBucketsFromSummaries(ctx, user, sel, c, cumulative, first, last); known || err != nil {
		return buckets, err
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return nil, err
	}
	bb := newBucketBuilder(c, aggregate.Rule{Cumulative: cumulative, Ranking: order.For(sel.metric)}, first, last)
	query := store.SampleQuery{Metric: sel.metric, Unit: sel.storedUnit}
	query.From, query.To = health.InstantOf(first.start)-readMargin, health.InstantOf(last.end)+readMargin
	var sample health.Sample // one for all: it escapes
	for next, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil {
			return nil, err
		}
		if next.Unit != sel.storedUnit {
			continue
		}
		sample = next
		if !bb.long.Observe(&sample) {
			bb.resolver.Add(&sample)
		}
	}
	bb.resolver.Finish()
	err = bb.long.Finish(query.To, func(summary *health.Sample, from, to health.Instant) (bool, error) {
		query.From, query.To = from, to
		return s.hasFinerSample(ctx, user, query, summary)
	})
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(bb.buckets), func(a, b *bucket) int {
		return cmp.Compare(a.bounds.key, b.bounds.key)
	}), nil
}

// hasFinerSample reports whether a sample finer than a summary lies in the part of its time that was not read: weeks
// and longer extend beyond the margin.
func (s *Service) hasFinerSample(ctx context.Context, user uuid.UUID, query store.SampleQuery, summary *health.Sample) (bool, error) {
	for sample, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil || aggregate.FinerWithin(&sample, summary) {
			return err == nil, err
		}
	}
	return false, nil
}

// exceedsBucket reports whether a summary ends after its bucket. Summaries of a day or more are compared by their
// dates. A shorter one belongs to the day it begins on, even if it ends on the next.
func (bb *bucketBuilder) exceedsBucket(s *health.Sample) bool {
	if s.Grain == health.GrainRaw || s.Grain < health.GrainDay && bb.calendar.minutes == 0 {
		return false
	}
	in := bb.boundsOf(s)
	from, to := s.Span()
	if s.Grain >= health.GrainDay {
		return s.LocalDate()+health.Date((to-from)/health.Day) > health.DateOf(in.end)
	}
	return to > health.InstantOf(in.end)
}

// boundsOf returns the bounds of the bucket of a sample.
func (bb *bucketBuilder) boundsOf(s *health.Sample) bounds {
	t := bb.calendar.timeOf(s)
	if !t.Before(bb.lastBounds.start) && t.Before(bb.lastBounds.end) && sameOffset(t, bb.lastBounds.start, bb.calendar.zone) {
		return bb.lastBounds
	}
	bb.lastBounds = bb.calendar.bounds(t)
	return bb.lastBounds
}

func sameOffset(a, b time.Time, zone *time.Location) bool {
	if zone != nil {
		return true
	}
	_, aOffset := a.Zone()
	_, bOffset := b.Zone()
	return aOffset == bOffset
}

// add adds a share of a sample to its bucket.
func (bb *bucketBuilder) add(s *health.Sample, share float64) {
	in := bb.boundsOf(s)
	if in.key < bb.first || in.key > bb.last {
		return
	}
	b := bb.buckets[in.key]
	if b == nil {
		b = newBucket(in, aggregate.ExtentOf(s))
		bb.buckets[in.key] = b
	}
	b.extend(aggregate.ExtentOf(s), in, in)
	if !bb.calendar.ofDays() {
		b.aggregatesOf(0).Add(s, share)
		return
	}
	if s.Grain > health.GrainDay {
		b.long.Add(s, share)
		return
	}
	b.aggregatesOf(health.DateOf(bb.calendar.timeOf(s))).Add(s, share)
}

// aggregatesOf returns the aggregates of a day, which it creates where there are none. The days are in no order, but
// the one asked for is nearly always the last.
func (b *bucket) aggregatesOf(date health.Date) *aggregate.Aggregates {
	for i := len(b.days) - 1; i >= 0; i-- {
		if b.days[i].date == date {
			return &b.days[i].aggregates
		}
	}
	next := day{date: date}
	if len(b.days) == 0 && cap(b.days) > 0 {
		next.aggregates = b.days[:1][0].aggregates
	}
	b.days = append(b.days, next)
	return &b.days[len(b.days)-1].aggregates
}

// aggregate selects the grain that answers for each day and for the bucket, and returns the result in the unit of the
// conversion.
func (b *bucket) aggregate(length interval, cumulative bool, c catalog.Conversion) aggregate.Aggregate {
	if len(b.days) == 1 && len(b.long) == 0 { // as nearly always
		whole := health.GrainDay
		if length.minutes > 0 { // a day's summary covers more than an hour of it, however complete it is
			whole = length.grain()
		}
		return converted(b.days[0].aggregates.Answer(cumulative, whole), c)
	}
	slices.SortFunc(b.days, func(a, b day) int { return int(a.date - b.date) })
	days := make([]aggregate.Aggregate, len(b.days))
	for i := range b.days {
		days[i] = b.days[i].aggregates.Answer(cumulative, health.GrainDay)
	}
	if len(days) == 0 {
		return converted(b.long.Answer(cumulative, length.grain()), c)
	}
	sum := aggregate.SumDays(days, cumulative)
	if len(b.long) > 0 && cumulative {
		sum = append(slices.Clone(b.long), sum).Largest(length.grain())
	}
	return converted(sum, c)
}
