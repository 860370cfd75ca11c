package query

import (
	"context"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// storedDays returns the stored summaries of the days of a metric. known is false where those are not sufficient: for sums
// of a metric that the catalogue does not sum, summaries that do not follow the source order yet, and days of which there
// are also samples longer than a day, which hours have none of.
func (s *Service) storedDays(
	ctx context.Context, user uuid.UUID, sel selector, cumulative bool, query store.DayQuery,
) (days []aggregate.DaySummary, known bool, err error) {
	summedUp := sel.known != nil && sel.known.Cumulative()
	if s.Summaries == nil || cumulative != summedUp {
		return nil, false, nil
	}
	query.Metric, query.Unit = sel.metric, sel.storedUnit
	found, err := s.Summaries.DaySummaries(ctx, user, query)
	if err != nil || found.Stale || !query.Hours && len(found.Longer) > 0 {
		return nil, false, err
	}
	return found.Days, true, nil
}

// loadHours returns the buckets of hours: from the recorded days, whose readings are compared with their summaries over
// several hours. known is false where the hours of the calendar's zone are not those that were recorded.
func (s *Service) loadHours(
	ctx context.Context, user uuid.UUID, sel selector, c calendar, cumulative bool, first, last bounds,
) (buckets []*bucket, known bool, err error) {
	// Days of other offsets may have hours in the range.
	query := store.DayQuery{First: health.DateOf(first.start) - 2, Last: health.DateOf(last.end) + 2, Hours: true}
	days, known, err := s.storedDays(ctx, user, sel, cumulative, query)
	if !known && err == nil {
		days, err = s.sumUpDays(ctx, user, sel, cumulative, query.First, query.Last)
	}
	if err != nil {
		return nil, false, err
	}
	buckets, known = c.bucketsOfHours(days, ruleFor(sel, aggregate.SourceOrder{}, cumulative).Style, first, last)
	return buckets, known, nil
}

// sumUpDays computes what storedDays returns from samples.
func (s *Service) sumUpDays(
	ctx context.Context, user uuid.UUID, sel selector, cumulative bool, first, last health.Date,
) ([]aggregate.DaySummary, error) {
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return nil, err
	}
	var dates []health.Date
	for date := first; date <= last; date++ {
		dates = append(dates, date)
	}
	query := store.SampleQuery{Metric: sel.metric, Unit: sel.storedUnit}
	days, _, err := ruleFor(sel, order, cumulative).SumUpDays(dates, aggregate.Reader{
		Spans: func(in health.Interval) ([]health.Span, error) {
			query.From, query.To = in.From, in.To
			return s.Config.Samples.Spans(ctx, user, query)
		},
		Samples: func(w aggregate.Window, add func(*health.Sample)) error {
			query.From, query.To = min(w.Raw.From, w.Summaries.From-health.Day), max(w.Raw.To, w.Summaries.To+health.Day)
			return s.eachSample(ctx, user, query, add)
		},
	})
	return days, err
}

// bucketsOfDays makes buckets of the days of one metric, which are in order.
func (c calendar) bucketsOfDays(days []aggregate.DaySummary) (buckets []*bucket) {
	for i := range days {
		d := &days[i]
		begins := c.bounds(d.Date.Midnight(d.EarliestOffset).In(d.EarliestOffset))
		ends := c.bounds(d.Date.Midnight(d.LatestOffset).In(d.LatestOffset))
		if len(buckets) == 0 || buckets[len(buckets)-1].bounds.key != begins.key {
			begins.end = ends.end
			buckets = append(buckets, newBucket(begins, d.Extent))
		}
		b := buckets[len(buckets)-1]
		b.extend(d.Extent, begins, ends)
		b.days = append(b.days, day{d.Date, d.Aggregate})
	}
	return buckets
}

// converted returns an aggregate in another unit.
func converted(a aggregate.Aggregate, c catalog.Conversion) aggregate.Aggregate {
	if c == identity {
		return a
	}
	a.Last = c.Apply(a.Last)
	for _, s := range []*aggregate.Stats{&a.Values, &a.Systolic, &a.Diastolic} {
		s.Sum = s.Sum*c.Factor + s.Weight*c.Offset
		s.Min, s.Max = c.Apply(s.Min), c.Apply(s.Max)
		if c.Factor < 0 {
			s.Min, s.Max = s.Max, s.Min
		}
	}
	return a
}
