package query

import (
	"context"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// loadBucketsFromSummaries is loadBuckets from the summaries of days and of their hours. known is false where those are
// not sufficient: for buckets that are neither hours nor whole local days, samples longer than a day, sums of a metric
// that the catalogue does not sum, summaries that do not follow the source order yet, and zones other than the recorded
// offset.
func (s *Service) loadBucketsFromSummaries(
	ctx context.Context, user uuid.UUID, sel selector, c calendar, cumulative bool, first, last bounds,
) (buckets []*bucket, known bool, err error) {
	summedUp := sel.known != nil && sel.known.Cumulative()
	ofDays, ofHours := c.minutes == 0 && c.zone == nil, c.minutes == 60
	if s.Summaries == nil || !ofDays && !ofHours || cumulative != summedUp {
		return nil, false, nil
	}
	query := store.DayQuery{
		Metric: sel.metric, Unit: sel.storedUnit, First: health.DateOf(first.start), Last: health.DateOf(last.end) - 1, Hours: ofHours,
	}
	if ofHours { // days of other offsets may have hours in the range
		query.First, query.Last = query.First-2, query.Last+3
	}
	found, err := s.Summaries.DaySummaries(ctx, user, query)
	if err != nil || found.Stale || ofDays && len(found.Longer) > 0 {
		return nil, false, err
	}
	if ofHours {
		buckets, known = c.bucketsOfHours(found.Days, ruleFor(sel, aggregate.SourceOrder{}, cumulative).Style, first, last)
		return buckets, known, nil
	}
	return c.bucketsOfDays(found.Days), true, nil
}

// loadHours returns the buckets of hours from samples as loadBucketsFromSummaries returns them from summaries: from the
// recorded days, whose readings are compared with their summaries over several hours. known is false where the hours of
// the calendar's zone are not those that were recorded.
func (s *Service) loadHours(
	ctx context.Context, user uuid.UUID, sel selector, c calendar, rule aggregate.Rule, first, last bounds,
) (buckets []*bucket, known bool, err error) {
	var dates []health.Date
	for date := health.DateOf(first.start) - 2; date < health.DateOf(last.end)+3; date++ {
		dates = append(dates, date)
	}
	query := store.SampleQuery{Metric: sel.metric, Unit: sel.storedUnit}
	days, _, err := rule.SumUpDays(dates, aggregate.Reader{
		Spans: func(in health.Interval) ([]health.Span, error) {
			query.From, query.To = in.From, in.To
			return s.Config.Samples.Spans(ctx, user, query)
		},
		Samples: func(w aggregate.Window, add func(*health.Sample)) error {
			query.From, query.To = min(w.Raw.From, w.Summaries.From-health.Day), max(w.Raw.To, w.Summaries.To+health.Day)
			return s.eachSample(ctx, user, query, add)
		},
	})
	if err != nil {
		return nil, false, err
	}
	buckets, known = c.bucketsOfHours(days, rule.Style, first, last)
	return buckets, known, nil
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
