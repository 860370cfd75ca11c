package query

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// maxPercentileValues is how many values a response computes percentiles of: all values of a page are in memory.
const maxPercentileValues = 4_000_000

// Provenance describes the values that a percentile was computed from: those of the finest grain within the bucket.
type Provenance struct {
	Count   int          `json:"count"`
	Grain   health.Grain `json:"grain"`
	Sources []string     `json:"sources"`
}

// percentileOf parses an aggregation from p1 to p99.
func percentileOf(aggregation string) (percent float64, ok bool) {
	if len(aggregation) < 2 || aggregation[0] != 'p' || aggregation[1] < '1' || aggregation[1] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(aggregation[1:], 10, 8)
	return float64(n), err == nil && n <= 99
}

// runPlan returns the series of a plan. For percentiles, seriesPage finds the buckets, and a second pass reads the
// values.
func (s *Service) runPlan(ctx context.Context, user uuid.UUID, p seriesPlan) (Series, error) {
	series, err := s.seriesPage(ctx, user, p)
	percent, isPercentile := percentileOf(p.aggregation)
	if err != nil || !isPercentile || len(series.Points) == 0 {
		return series, err
	}
	return series, s.addPercentiles(ctx, user, p, percent, series.Points)
}

// grainValues are the values of one grain in one bucket.
type grainValues struct {
	values  []float64
	sources []string
}

func (s *Service) addPercentiles(ctx context.Context, user uuid.UUID, p seriesPlan, percent float64, points []Point) error {
	buckets := make([]map[health.Grain]*grainValues, len(points))
	indexByKey := make(map[int64]int, len(points))
	for i := range points {
		indexByKey[p.bounds(points[i].Start).key] = i
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return err
	}
	rule := ruleFor(p.selector, order, p.cumulative)
	count, finder := 0, bucketFinder{calendar: p.calendar}
	resolver := aggregate.NewResolver(rule, func(sample *health.Sample, share float64) {
		in := finder.find(p.timeOf(sample))
		i, shown := indexByKey[in.key]
		if !shown || health.IsAbsent(sample.Value) || p.exceeds(in, sample) {
			return
		}
		if buckets[i] == nil {
			buckets[i] = map[health.Grain]*grainValues{}
		}
		values := buckets[i][sample.Grain]
		if values == nil {
			values = &grainValues{}
			buckets[i][sample.Grain] = values
		}
		values.values = append(values.values, sample.Value*share)
		if !slices.Contains(values.sources, sample.Source) && sample.Source != "" {
			values.sources = append(values.sources, sample.Source)
		}
		count++
	})
	query := store.SampleQuery{Metric: p.metric, Unit: p.storedUnit, Range: store.Range{
		From: health.InstantOf(points[0].Start) - readMargin, To: health.InstantOf(points[len(points)-1].End) + readMargin,
	}}
	for sample, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil {
			return err
		}
		if count > maxPercentileValues {
			return problem.New(problem.Invalid, "range_too_large", fmt.Sprintf(
				"Percentiles are taken of at most %d values at once. Ask for a shorter range or a smaller limit.", maxPercentileValues)).In("start")
		}
		convert(&sample, p.conversion)
		resolver.Add(&sample)
	}
	resolver.Finish()
	for i, grains := range buckets {
		points[i].setPercentile(grains, percent)
	}
	return nil
}

// exceeds reports whether a summary ends after its bucket. Summaries of a day or more are compared by their dates. A
// shorter one belongs to the day it begins on, even if it ends on the next.
func (c calendar) exceeds(in bounds, s *health.Sample) bool {
	if s.Grain == health.GrainRaw || s.Grain < health.GrainDay && c.minutes == 0 {
		return false
	}
	if s.Grain >= health.GrainDay {
		return s.LastDate() >= health.DateOf(in.end)
	}
	_, to := s.Span()
	return to > health.InstantOf(in.end)
}

func (p *Point) setPercentile(grains map[health.Grain]*grainValues, percent float64) {
	if len(grains) == 0 {
		return
	}
	finest := health.GrainYear
	for grain := range grains {
		finest = min(finest, grain)
	}
	values := grains[finest]
	slices.Sort(values.sources)
	p.Value = orNull(aggregate.Percentile(values.values, percent))
	p.Percentile = &Provenance{Count: len(values.values), Grain: finest, Sources: orEmpty(values.sources)}
}
