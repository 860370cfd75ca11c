package query

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// reach is how far beyond a range samples are read: a day recorded in another zone lies up to 26 hours off, and a
// better source, which occupies a day at most, may cover a sample from the other side of the edge.
const reach = (26 + 24) * 3600 * health.Second

// gatherer puts the samples of one metric into the buckets of a range, in the order the store yields them. What it
// holds are figures per bucket and the few samples that later ones may still bear on.
type gatherer struct {
	calendar    calendar
	first, last int64 // the orders of the first and the last slot of the range
	buckets     map[int64]*gathered

	resolver *health.Resolver
	reaching *health.Reaching // beyond their bucket
	current  slot             // the slot of the last sample, for the next one
}

// gathered is one bucket.
type gathered struct {
	slot   slot
	extent health.Extent
	days   []day
	long   health.Tallies // of summaries longer than a day, where the bucket is too
}

// newGathered returns a bucket with room for one day and one tally: most have no more.
func newGathered(in slot, of health.Extent) *gathered {
	b := &struct {
		gathered
		days    [1]day
		tallies [1]health.Tally
	}{gathered: gathered{slot: in, extent: of}}
	b.days[0].tallies = b.tallies[:0]
	b.gathered.days = b.days[:0]
	return &b.gathered
}

// meet widens the bucket by the extent of what lies in it. Where the offset changes within a recorded day, the day begins
// by the clock of its first sample, whose slot is first, and ends by that of its last, whose slot is last.
func (b *gathered) meet(of health.Extent, first, last slot) {
	before := b.extent
	b.extent.Join(of)
	if b.extent.Earliest != before.Earliest || b.extent.EarliestOffset != before.EarliestOffset {
		b.slot.start = first.start
	}
	if b.extent.Latest != before.Latest || b.extent.LatestOffset != before.LatestOffset {
		b.slot.end = last.end
	}
}

// day is the part of a bucket in which grains are compared: a local day, or the bucket itself where that is shorter.
type day struct {
	date    health.Date
	tallies health.Tallies
}

func newGatherer(c calendar, rule health.Rule, first, last slot) *gatherer {
	g := &gatherer{
		calendar: c, first: first.order, last: last.order,
		buckets: map[int64]*gathered{},
	}
	g.resolver = health.NewResolver(rule, g.count)
	g.reaching = health.NewReaching(rule, g.reachesBeyond, g.count)
	return g
}

// gather returns the buckets from first to last that have samples, in order, in the unit they are stored in.
func (s *Service) gather(ctx context.Context, user uuid.UUID, r reading, c calendar, cumulative bool, first, last slot) ([]*gathered, error) {
	if buckets, known, err := s.gatherSummaries(ctx, user, r, c, cumulative, first, last); known || err != nil {
		return buckets, err
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return nil, err
	}
	g := newGatherer(c, health.Rule{Cumulative: cumulative, Ranking: order.For(r.metric)}, first, last)
	query := store.SampleQuery{Metric: r.metric, Unit: r.unit}
	query.From, query.To = health.InstantOf(first.start)-reach, health.InstantOf(last.end)+reach
	var sample health.Sample // one for all: it escapes
	for next, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil {
			return nil, err
		}
		if next.Unit != r.unit {
			continue
		}
		sample = next
		if !g.reaching.Take(&sample) {
			g.resolver.Add(&sample)
		}
	}
	g.resolver.Finish()
	err = g.reaching.Finish(query.To, func(summary *health.Sample, from, to health.Instant) (bool, error) {
		query.From, query.To = from, to
		return s.inTimeOf(ctx, user, query, summary)
	})
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(g.buckets), func(a, b *gathered) int {
		return cmp.Compare(a.slot.order, b.slot.order)
	}), nil
}

// inTimeOf finds out whether something finer than a summary lies in the part of its time that was not read: weeks and
// longer reach beyond the edge.
func (s *Service) inTimeOf(ctx context.Context, user uuid.UUID, query store.SampleQuery, summary *health.Sample) (bool, error) {
	for sample, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil || sample.InTimeOf(summary) {
			return err == nil, err
		}
	}
	return false, nil
}

// reachesBeyond reports whether a summary is longer than its slot, or ends after it. Those of a day or more are compared
// by their dates. One shorter than a day belongs to the day it begins on, whatever minutes of the next it tells of.
func (g *gatherer) reachesBeyond(s *health.Sample) bool {
	if s.Grain == health.GrainRaw || s.Grain < health.GrainDay && g.calendar.minutes == 0 {
		return false
	}
	in := g.slotOf(s)
	from, to := s.Span()
	if s.Grain >= health.GrainDay {
		return s.LocalDate()+health.Date((to-from)/health.Day) > health.DateOf(in.end)
	}
	return to > health.InstantOf(in.end)
}

// slotOf returns the slot of a sample. Most samples are in the slot of the one before.
func (g *gatherer) slotOf(s *health.Sample) slot {
	t := g.calendar.beginning(s)
	if !t.Before(g.current.start) && t.Before(g.current.end) && sameClock(t, g.current.start, g.calendar.zone) {
		return g.current
	}
	g.current = g.calendar.slot(t)
	return g.current
}

func sameClock(a, b time.Time, zone *time.Location) bool {
	if zone != nil {
		return true
	}
	_, aOffset := a.Zone()
	_, bOffset := b.Zone()
	return aOffset == bOffset
}

// count adds a share of a sample to its bucket.
func (g *gatherer) count(s *health.Sample, share float64) {
	in := g.slotOf(s)
	if in.order < g.first || in.order > g.last {
		return
	}
	b := g.buckets[in.order]
	if b == nil {
		b = newGathered(in, health.ExtentOf(s))
		g.buckets[in.order] = b
	}
	b.meet(health.ExtentOf(s), in, in)
	if !g.calendar.ofDays() {
		b.on(0).Add(s, share)
		return
	}
	if s.Grain > health.GrainDay {
		b.long.Add(s, share)
		return
	}
	b.on(health.DateOf(g.calendar.beginning(s))).Add(s, share)
}

// on returns the tallies of a day. The days are in no order, but the one asked for is nearly always the last.
func (b *gathered) on(date health.Date) *health.Tallies {
	for i := len(b.days) - 1; i >= 0; i-- {
		if b.days[i].date == date {
			return &b.days[i].tallies
		}
	}
	next := day{date: date}
	if len(b.days) == 0 && cap(b.days) > 0 {
		next.tallies = b.days[:1][0].tallies
	}
	b.days = append(b.days, next)
	return &b.days[len(b.days)-1].tallies
}

// answer chooses which grain answers for each day and for the bucket, in the unit of the conversion.
func (b *gathered) answer(length bucket, cumulative bool, c catalog.Conversion) health.Tally {
	if len(b.days) == 1 && len(b.long) == 0 { // as nearly always
		return converted(b.days[0].tallies.Answer(cumulative, health.GrainDay), c)
	}
	slices.SortFunc(b.days, func(a, b day) int { return int(a.date - b.date) })
	days := make([]health.Tally, len(b.days))
	for i := range b.days {
		days[i] = b.days[i].tallies.Answer(cumulative, health.GrainDay)
	}
	if len(days) == 0 {
		return converted(b.long.Answer(cumulative, length.grain()), c)
	}
	together := health.Together(days, cumulative)
	if len(b.long) > 0 && cumulative {
		together = append(slices.Clone(b.long), together).Largest(length.grain())
	}
	return converted(together, c)
}
