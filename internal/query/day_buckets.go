package query

import (
	"context"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// loadBucketsFromSummaries is gather from the summaries of days and of their hours. known is false where they do not have the
// answer: buckets that are neither hours nor made of local days, samples longer than a day, values added up that the
// catalogue does not add up, summaries that do not follow the order of sources yet, another clock than the recorded one.
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
	if ofHours { // of days that may have begun elsewhere
		query.First, query.Last = query.First-2, query.Last+3
	}
	found, err := s.Summaries.DaySummaries(ctx, user, query)
	if err != nil || found.Stale || len(found.Longer) > 0 {
		return nil, false, err
	}
	if ofHours {
		buckets, known = c.bucketsOfHours(found.Days, first, last)
		return buckets, known, nil
	}
	return c.bucketsOfDays(found.Days), true, nil
}

// bucketsOfDays puts the days of one metric, which are in order, into buckets.
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
		b.days = append(b.days, day{d.Date, aggregate.Aggregates{d.Aggregate}})
	}
	return buckets
}

// converted returns a tally in another unit.
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
