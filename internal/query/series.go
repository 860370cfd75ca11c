package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// The limits of a series.
const (
	defaultDays   = 30      // before the end, where the request has no start
	defaultPoints = 10_000  // on a page, where the request has no limit
	maxPoints     = 100_000 // on a page
	maxBuckets    = 1_000_000
)

const (
	seriesCursor  = "series"
	recordedZone  = "local"
	defaultBucket = "1d"
)

// SeriesRequest selects the aggregates of one metric, bucket by bucket.
type SeriesRequest struct {
	// Metric is a name, an alias or a HealthKit identifier.
	Metric string
	// Start and End bound the range; it is widened to whole buckets. A zero End is now, a zero Start 30 days before the
	// end.
	Start, End time.Time
	// Bucket is the length of the buckets, a whole number and a unit: minutes (5m) and hours (1h) that divide a day, days
	// (1d), weeks (1w), months that divide a year (1mo) or years (1y); "" is 1d.
	Bucket string
	// TZ is the IANA zone in which buckets begin; "" or "local" is the offset the samples were recorded with.
	TZ string
	// WeekStart is the day on which weeks begin, in English and lower case; "" is monday, as in ISO 8601. Only for buckets
	// of weeks.
	WeekStart string
	// Aggregation is sum, avg, min, max, count, last or a percentile from p1 to p99; "" is the catalogue's.
	Aggregation string
	Unit        string // "" is the unit the metric is stored in
	// Gaps adds buckets without data, up to the end of the range.
	Gaps   bool
	Cursor string
	Limit  int // points on a page; 0 is 10,000
}

// Series is the response to a SeriesRequest.
type Series struct {
	Metric      string  `json:"metric"`
	Unit        string  `json:"unit"`
	Bucket      string  `json:"bucket"`
	TZ          string  `json:"tz"`
	Aggregation string  `json:"aggregation"`
	Points      []Point `json:"points"`
	NextCursor  *string `json:"next_cursor"`
}

// Point is one bucket of a series. Start and End are in the offset of the bucket's first and last sample, or of the
// zone that was asked for.
type Point struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Aggregate
	// Percentile is set where the aggregation is a percentile; Value is the percentile of the values it describes.
	Percentile *Provenance `json:"percentile,omitempty"`
}

// seriesPosition is the start of the next page of a series.
type seriesPosition struct {
	Start  health.Instant `json:"start"`
	Offset int32          `json:"offset"`
}

// Series returns the aggregates of a metric over time. Package aggregate decides which grain and which source answer in
// a bucket; grains are never added. A summary longer than the bucket counts in the bucket it begins in, unless there is
// a finer sample in its time.
func (s *Service) Series(ctx context.Context, user account.User, request SeriesRequest) (Series, error) {
	if s.isSleepSeries(request) {
		return s.sleepSeries(ctx, user, request)
	}
	plan, err := s.planSeries(ctx, user, request)
	if err != nil {
		return Series{}, err
	}
	series, err := s.runPlan(ctx, user.ID, plan)
	if err != nil || len(series.Points) > 0 || request.Unit != "" || plan.known == nil {
		return series, err
	}
	// Nothing is stored in the catalogue's unit; perhaps all of it is in a unit that cannot be converted.
	units, err := s.storedUnits(ctx, user.ID, plan.metric)
	if err != nil || len(units) == 0 || slices.Contains(units, plan.storedUnit) {
		return series, err
	}
	plan.storedUnit, plan.unit = units[0], units[0]
	return s.runPlan(ctx, user.ID, plan)
}

// seriesPlan is a SeriesRequest that has been checked and resolved.
type seriesPlan struct {
	selector
	calendar
	request     SeriesRequest
	aggregation string
	cumulative  bool
	rule        aggregate.Rule // without the order of sources
	from        time.Time
	last        bounds
	limit       int
}

func (s *Service) planSeries(ctx context.Context, user account.User, request SeriesRequest) (p seriesPlan, err error) {
	request.Bucket = cmp.Or(request.Bucket, defaultBucket)
	request.TZ = cmp.Or(request.TZ, recordedZone)
	p.request = request
	if p.interval, err = parseInterval(request.Bucket); err != nil {
		return p, err
	}
	if p.weekStart, err = parseWeekStart(request.WeekStart, p.interval); err != nil {
		return p, err
	}
	if p.zone, err = parseZone(request.TZ); err != nil {
		return p, err
	}
	if p.limit, err = pageLimit(request.Limit, defaultPoints, maxPoints); err != nil {
		return p, err
	}
	if err := p.setRange(s.Now().In(user.Location())); err != nil {
		return p, err
	}
	if p.selector, err = s.selector(ctx, user.ID, request.Metric, request.Unit); err != nil {
		return p, err
	}
	p.aggregation, p.cumulative, err = aggregationFor(p.known, request.Aggregation)
	p.rule = ruleFor(p.selector, aggregate.SourceOrder{}, p.cumulative)
	return p, err
}

func parseZone(name string) (*time.Location, error) {
	if name == recordedZone {
		return nil, nil
	}
	// "Local" would be the server's zone, which clients do not know.
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, problem.New(problem.Invalid, "invalid_tz",
			"The zone must be local (the days as they were recorded) or an IANA name such as Europe/Berlin or UTC.").In("tz")
	}
	return zone, nil
}

// setRange sets the first and the last bucket.
func (p *seriesPlan) setRange(now time.Time) error {
	end := p.request.End
	if end.IsZero() {
		end = now
	}
	start := p.request.Start
	if start.IsZero() {
		start = end.AddDate(0, 0, -defaultDays)
	}
	if _, err := rangeOf(start, end); err != nil {
		return err
	}
	start, end = clamp(start), clamp(end)
	if (end.UnixMicro()-start.UnixMicro())/p.length().Microseconds() > maxBuckets {
		return problem.New(problem.Invalid, "range_too_large", fmt.Sprintf(
			"The range has more than %d buckets. Ask for a shorter range or a longer bucket.", maxBuckets)).In("bucket")
	}
	if p.zone != nil {
		start, end = start.In(p.zone), end.In(p.zone)
	}
	p.from = p.bounds(start).start
	p.last = p.bounds(end.Add(-time.Microsecond))
	at, err := decodeCursor[seriesPosition](seriesCursor, p.request.Cursor)
	if err != nil || at == nil {
		return err
	}
	next := p.bounds(p.at(at.Start, at.Offset))
	if next.key < p.bounds(p.from).key || next.key > p.last.key {
		return cursorError(nil)
	}
	p.from = next.start
	return nil
}

// clamp returns t in its own zone, moved into the range of times that data can have.
func clamp(t time.Time) time.Time {
	return instantOf(t).Time().In(t.Location())
}

// aggregationFor returns the aggregation to use, and whether values of the metric are added up. A metric that the
// catalogue does not have is added up where the request asks for sums.
func aggregationFor(known *catalog.Metric, requested string) (aggregation string, cumulative bool, err error) {
	allowed := []string{aggregateAvg, aggregateMin, aggregateMax, aggregateCount, aggregateLast}
	standard := aggregateAvg
	switch {
	case known == nil:
		allowed = append(allowed, aggregateSum)
		cumulative = requested == aggregateSum
	case known.Cumulative():
		allowed = append(allowed, aggregateSum)
		cumulative, standard = true, aggregateSum
	case known.Aggregation == catalog.AggregationLatest:
		standard = aggregateLast
	}
	if _, percentile := percentileOf(requested); requested != "" && !percentile && !slices.Contains(allowed, requested) {
		return "", false, problem.New(problem.Invalid, "invalid_aggregation", "This metric can be aggregated by: "+
			strings.Join(allowed, ", ")+", and any percentile from p1 to p99.").In("agg").
			Allowing(append(allowed, "p50", "p90", "p95", "p99")...)
	}
	return cmp.Or(requested, standard), cumulative, nil
}

// seriesPage reads the range in windows, until one has data. Windows are long even where pages are short, so that a
// long range without data takes few store queries.
func (s *Service) seriesPage(ctx context.Context, user uuid.UUID, p seriesPlan) (Series, error) {
	series := Series{
		Metric: p.metric, Unit: p.unit, Bucket: p.request.Bucket, TZ: p.request.TZ, Aggregation: p.aggregation,
		Points: []Point{},
	}
	for from := p.from; ; {
		first, last, next := p.bounds(from), p.last, p.after(from, max(p.limit, defaultPoints))
		more := next.Before(p.last.end) && p.bounds(next).key <= p.last.key
		if more {
			last = p.bounds(next.Add(-time.Microsecond))
		}
		buckets, err := s.loadBuckets(ctx, user, p.selector, p.calendar, p.cumulative, first, last)
		if err != nil {
			return Series{}, err
		}
		series.Points = p.points(buckets, first, last)
		if len(series.Points) > p.limit {
			next, more = series.Points[p.limit].Start, true
			series.Points = series.Points[:p.limit]
		}
		if !more {
			return series, nil
		}
		if len(series.Points) > 0 {
			_, offset := next.Zone()
			series.NextCursor, err = encodeCursor(seriesCursor, seriesPosition{health.InstantOf(next), int32(offset)})
			return series, err
		}
		from = next
	}
}

// points converts buckets to points. With gaps, it adds the empty buckets from first to last.
func (p *seriesPlan) points(buckets []*bucket, first, last bounds) []Point {
	points := make([]Point, 0, len(buckets))
	empty := first
	fill := func(before int64) {
		for p.request.Gaps && empty.key < before {
			points = append(points, Point{Start: empty.start, End: empty.end, Aggregate: Aggregate{Sources: []string{}}})
			empty = p.bounds(empty.end)
		}
	}
	for _, b := range buckets {
		fill(b.bounds.key)
		agg := b.aggregate(p.rule, p.conversion)
		points = append(points, Point{Start: b.bounds.start, End: b.bounds.end, Aggregate: aggregateOf(&agg, p.rule, p.aggregation)})
		empty = p.bounds(b.bounds.end)
	}
	fill(last.key + 1)
	return points
}
