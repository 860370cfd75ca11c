package query

import (
	"cmp"
	"context"
	"maps"
	"slices"

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
// which the store yields them.
type bucketBuilder struct {
	calendar    calendar
	rule        aggregate.Rule
	first, last int64 // the keys of the first and the last bucket of the range
	timeline    *aggregate.Timeline
	buckets     map[int64]*bucket
	long        []health.Sample // summaries longer than a day
}

// bucket has the aggregates of one bucket.
type bucket struct {
	bounds bounds
	extent aggregate.Extent
	days   []day
	// whole is the summary that is as long as the bucket, where that is longer than a day.
	whole *health.Sample
	// longer are summaries of more than a day within the bucket, of days of which nothing else is known.
	longer []aggregate.Aggregate
}

// newBucket allocates a bucket with one day in one piece: most have no more.
func newBucket(in bounds, extent aggregate.Extent) *bucket {
	b := &struct {
		bucket
		days [1]day
	}{bucket: bucket{bounds: in, extent: extent}}
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

// day is a local day of a bucket, or the whole bucket where that is shorter.
type day struct {
	date health.Date
	aggregate.Aggregate
}

func newBucketBuilder(c calendar, rule aggregate.Rule, said []health.Span, first, last bounds) *bucketBuilder {
	bb := &bucketBuilder{calendar: c, rule: rule, first: first.key, last: last.key, buckets: map[int64]*bucket{}}
	wanted := func(key int64) bool { return bb.first <= key && key <= bb.last }
	if c.minutes == 0 {
		from, to := health.DateOf(first.start), health.DateOf(last.end)
		wanted = func(key int64) bool { return int64(from) <= key && key < int64(to) }
	}
	bb.timeline = aggregate.NewTimeline(rule, newGrid(c), said, wanted)
	return bb
}

// ruleFor returns the rule of a metric. A metric that the catalogue does not have is added up where that is requested.
func ruleFor(sel selector, order aggregate.SourceOrder, cumulative bool) aggregate.Rule {
	rule := aggregate.RuleFor(sel.known, order.For(sel.metric))
	if cumulative {
		rule.Style = catalog.StyleCumulative
	}
	return rule
}

// loadBuckets returns the buckets from first to last that have samples, in order, in the unit they are stored in.
func (s *Service) loadBuckets(ctx context.Context, user uuid.UUID, sel selector, c calendar, cumulative bool, first, last bounds) ([]*bucket, error) {
	switch {
	case c.minutes == 60:
		if buckets, known, err := s.loadHours(ctx, user, sel, c, cumulative, first, last); known || err != nil {
			return buckets, err
		}
	case c.minutes == 0 && c.zone == nil:
		query := store.DayQuery{First: health.DateOf(first.start), Last: health.DateOf(last.end) - 1}
		if days, known, err := s.storedDays(ctx, user, sel, cumulative, query); known || err != nil {
			return c.bucketsOfDays(days), err
		}
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return nil, err
	}
	rule := ruleFor(sel, order, cumulative)
	query := store.SampleQuery{Metric: sel.metric, Unit: sel.storedUnit}
	query.From, query.To = health.InstantOf(first.start)-readMargin, health.InstantOf(last.end)+readMargin
	said, err := s.Config.Samples.Spans(ctx, user, query)
	if err != nil {
		return nil, err
	}
	bb := newBucketBuilder(c, rule, said, first, last)
	if err := s.eachSample(ctx, user, query, bb.add); err != nil {
		return nil, err
	}
	if c.zone == nil && bb.timeline.SeveralOffsets() {
		placement := aggregate.NewPlacement()
		if err := s.eachSample(ctx, user, query, placement.Add); err != nil {
			return nil, err
		}
		bb = newBucketBuilder(c, rule, said, first, last)
		bb.timeline.Place(placement)
		if err := s.eachSample(ctx, user, query, bb.add); err != nil {
			return nil, err
		}
	}
	return bb.finish(), nil
}

// eachSample passes the samples of one unit to add, which must not keep them.
func (s *Service) eachSample(ctx context.Context, user uuid.UUID, query store.SampleQuery, add func(*health.Sample)) error {
	var sample health.Sample // one for all: it escapes
	for next, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil {
			return err
		}
		if next.Unit == query.Unit {
			sample = next
			add(&sample)
		}
	}
	return nil
}

func (bb *bucketBuilder) add(s *health.Sample) {
	if s.Grain > health.GrainDay {
		bb.long = append(bb.long, *s)
		return
	}
	bb.timeline.Add(s)
}

func (bb *bucketBuilder) finish() []*bucket {
	dates := map[health.Date]bool{}
	for _, g := range bb.timeline.Finish() {
		begins, ends := bb.boundsOf(&g)
		b := bb.bucketOf(begins, ends, g.Extent)
		next := day{Aggregate: g.Aggregate}
		if bb.calendar.minutes == 0 {
			next.date = health.Date(g.Key) // #nosec G115 -- grid made it of a date
			dates[next.date] = true
		}
		if b != nil {
			b.days = append(b.days, next)
		}
	}
	for i := range bb.long {
		bb.addLong(&bb.long[i], dates)
	}
	return slices.SortedFunc(maps.Values(bb.buckets), func(a, b *bucket) int { return cmp.Compare(a.bounds.key, b.bounds.key) })
}

// boundsOf returns the buckets in which a group begins and ends, by the offsets of its first and last sample.
func (bb *bucketBuilder) boundsOf(g *aggregate.Group) (begins, ends bounds) {
	c := bb.calendar
	if c.minutes > 0 {
		return c.bounds(c.at(g.Earliest, g.EarliestOffset)), c.bounds(c.at(g.Latest, g.LatestOffset))
	}
	date := health.Date(g.Key) // #nosec G115 -- grid made it of a date
	return c.bounds(c.midnight(date, g.EarliestOffset)), c.bounds(c.midnight(date, g.LatestOffset))
}

// bucketOf returns a bucket, widened by what lies in it; nil where it is not in the range.
func (bb *bucketBuilder) bucketOf(begins, ends bounds, e aggregate.Extent) *bucket {
	if begins.key < bb.first || begins.key > bb.last {
		return nil
	}
	b := bb.buckets[begins.key]
	if b == nil {
		in := begins
		in.end = ends.end
		b = newBucket(in, e)
		bb.buckets[begins.key] = b
		return b
	}
	b.extend(e, begins, ends)
	return b
}

// addLong adds a summary of more than a day: to the bucket that is as long, or to a longer one that it begins in, if
// nothing is known of its days. It is no part of a shorter bucket.
func (bb *bucketBuilder) addLong(s *health.Sample, dates map[health.Date]bool) {
	if !bb.calendar.ofDays() {
		return
	}
	in := bb.calendar.bounds(bb.calendar.timeOf(s))
	first, last := s.LocalDate(), s.LastDate()
	exact := s.Grain == bb.calendar.interval.grain() && first == health.DateOf(in.start)
	if !exact && last >= health.DateOf(in.end) {
		return
	}
	for date := first; date <= last && !exact; date++ {
		if dates[date] {
			return
		}
	}
	b := bb.bucketOf(in, in, aggregate.ExtentOf(s))
	switch {
	case b == nil:
	case exact:
		copied := *s
		b.whole = &copied
	default:
		b.longer = append(b.longer, aggregate.Of(s))
	}
}

// aggregate returns what a bucket amounts to, in the unit of the conversion.
func (b *bucket) aggregate(rule aggregate.Rule, c catalog.Conversion) aggregate.Aggregate {
	if len(b.days) == 1 && b.whole == nil && len(b.longer) == 0 { // as nearly always
		return converted(b.days[0].Aggregate, c)
	}
	slices.SortStableFunc(b.days, func(a, b day) int { return int(a.date - b.date) })
	parts := make([]aggregate.Aggregate, 0, len(b.days)+len(b.longer))
	for i := range b.days {
		parts = append(parts, b.days[i].Aggregate)
	}
	parts = append(parts, b.longer...)
	if b.whole != nil {
		return converted(rule.Whole(b.whole, health.InstantOf(b.bounds.end), parts), c)
	}
	return converted(aggregate.Join(parts, rule.Style), c)
}
