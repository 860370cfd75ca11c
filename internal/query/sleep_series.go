package query

import (
	"context"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// isSleepSeries reports whether a request is for the hours asleep, which are made of nights instead of samples.
func (s *Service) isSleepSeries(request SeriesRequest) bool {
	known, ok := s.Catalog.Lookup(request.Metric)
	return ok && known.Shape == catalog.ShapeSleep
}

// sleepSeries returns the hours asleep, as Series does for other metrics. A day has the hours of the night that was woken
// from on it, without naps; a longer bucket has their sum, mean, extremes and number. Days are those of waking as
// recorded, or by the clock of the zone that was asked for.
func (s *Service) sleepSeries(ctx context.Context, user account.User, request SeriesRequest) (Series, error) {
	requested := request.Aggregation
	request.Aggregation = ""
	p, err := s.planSeries(ctx, user, request)
	if err != nil {
		return Series{}, err
	}
	if p.minutes > 0 {
		return Series{}, problem.New(problem.Invalid, "invalid_bucket",
			"Sleep is counted by the day of waking. Ask for buckets of days (1d), weeks (1w), months (1mo) or years (1y).").In("bucket").
			Allowing("1d", "1w", "1mo", "3mo", "1y")
	}
	summed := *p.known
	summed.Aggregation = catalog.AggregationSum
	if p.aggregation, p.cumulative, err = aggregationFor(&summed, requested); err != nil {
		return Series{}, err
	}
	nights, err := s.dailySleep(ctx, user.ID, p.zone, health.DateOf(p.from), health.DateOf(p.last.end.Add(-time.Microsecond)))
	if err != nil {
		return Series{}, err
	}
	series := Series{
		Metric: p.metric, Unit: p.unit, Bucket: p.request.Bucket, TZ: p.request.TZ, Aggregation: p.aggregation,
		Points: p.sleepPoints(nights),
	}
	if len(series.Points) > p.limit {
		_, offset := series.Points[p.limit].Start.Zone()
		next := seriesPosition{health.InstantOf(series.Points[p.limit].Start), int32(offset)}
		series.Points = series.Points[:p.limit]
		series.NextCursor, err = encodeCursor(seriesCursor, next)
	}
	return series, err
}

// sleepPoints returns the buckets of nights, which are in order: one more than fit on the page, where there are more.
func (p *seriesPlan) sleepPoints(nights []dailyValue) []Point {
	points := []Point{}
	empty := p.bounds(p.from)
	fill := func(before int64) {
		for p.request.Gaps && empty.key < before && len(points) <= p.limit {
			points = append(points, Point{Start: empty.start, End: empty.end, Aggregate: Aggregate{Sources: []string{}}})
			empty = p.bounds(empty.end)
		}
	}
	for len(nights) > 0 && len(points) <= p.limit {
		in := p.boundsOfNight(&nights[0])
		n := 1
		for n < len(nights) && p.boundsOfNight(&nights[n]).key == in.key {
			n++
		}
		fill(in.key)
		end := p.boundsOfNight(&nights[n-1]).end
		points = append(points, p.sleepPoint(in.start, end, nights[:n]))
		empty, nights = p.bounds(end), nights[n:]
	}
	fill(p.last.key + 1)
	return points
}

// boundsOfNight returns the bucket of a night, in the zone of the calendar or the offset of waking.
func (p *seriesPlan) boundsOfNight(n *dailyValue) bounds {
	if p.zone != nil {
		return p.bounds(n.date.In(p.zone))
	}
	return p.bounds(n.date.Midnight(n.offset).In(n.offset))
}

func (p *seriesPlan) sleepPoint(start, end time.Time, nights []dailyValue) Point {
	hours := valuesIn(nights)
	for i := range hours {
		hours[i] = p.conversion.Apply(hours[i])
	}
	sum := 0.0
	for _, h := range hours {
		sum += h
	}
	grain := health.GrainDay
	point := Point{Start: start, End: end, Aggregate: Aggregate{
		Sum: &sum, Avg: orNull(aggregate.Mean(hours)), Min: orNull(slices.Min(hours)), Max: orNull(slices.Max(hours)),
		Count: len(hours), Grain: &grain, Sources: sourcesIn(nights),
	}}
	point.Value = point.valueOf(p.aggregation)
	switch p.aggregation {
	case aggregateCount:
		point.Value = orNull(float64(len(hours)))
	case aggregateLast:
		point.Value = orNull(hours[len(hours)-1])
	}
	if percent, ok := percentileOf(p.aggregation); ok {
		point.Value = orNull(aggregate.Percentile(hours, percent))
		point.Percentile = &Provenance{Count: len(hours), Grain: grain, Sources: point.Sources}
	}
	return point
}
