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

// maxPercentileValues is how many values one answer takes percentiles of: all of a page are held in memory.
const maxPercentileValues = 4_000_000

// Provenance is what a percentile was taken of: the values of the finest grain that lies within the bucket.
type Provenance struct {
	Count   int          `json:"count"`
	Grain   health.Grain `json:"grain"`
	Sources []string     `json:"sources"`
}

// percentileOf reads an aggregation from p1 to p99.
func percentileOf(aggregation string) (percent float64, ok bool) {
	if len(aggregation) < 2 || aggregation[0] != 'p' || aggregation[1] < '1' || aggregation[1] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(aggregation[1:], 10, 8)
	return float64(n), err == nil && n <= 99
}

// seriesOf answers a plan, percentiles among them: seriesPage finds the buckets, and a second reading the values.
func (s *Service) seriesOf(ctx context.Context, user uuid.UUID, p seriesPlan) (Series, error) {
	series, err := s.seriesPage(ctx, user, p)
	percent, asked := percentileOf(p.aggregation)
	if err != nil || !asked || len(series.Points) == 0 {
		return series, err
	}
	return series, s.fillPercentiles(ctx, user, p, percent, series.Points)
}

// valuesOf are the values of one grain in one bucket.
type valuesOf struct {
	values  []float64
	sources []string
}

func (s *Service) fillPercentiles(ctx context.Context, user uuid.UUID, p seriesPlan, percent float64, points []Point) error {
	buckets := make([]map[health.Grain]*valuesOf, len(points))
	places := make(map[int64]int, len(points))
	for i := range points {
		places[p.bounds(points[i].Start).order] = i
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return err
	}
	rule := aggregate.Rule{Cumulative: p.adds, Ranking: order.For(p.metric)}
	finder := newBucketBuilder(p.calendar, rule, bounds{}, bounds{}) // knows which slot a sample is in
	held := 0
	resolver := aggregate.NewResolver(rule, func(sample *health.Sample, share float64) {
		in := finder.boundsOf(sample)
		i, shown := places[in.order]
		if !shown || health.IsAbsent(sample.Value) || finder.reachesBeyond(sample) {
			return
		}
		if buckets[i] == nil {
			buckets[i] = map[health.Grain]*valuesOf{}
		}
		of := buckets[i][sample.Grain]
		if of == nil {
			of = &valuesOf{}
			buckets[i][sample.Grain] = of
		}
		of.values = append(of.values, sample.Value*share)
		if !slices.Contains(of.sources, sample.Source) && sample.Source != "" {
			of.sources = append(of.sources, sample.Source)
		}
		held++
	})
	query := store.SampleQuery{Metric: p.metric, Unit: p.storedUnit, Range: store.Range{
		From: health.InstantOf(points[0].Start) - reach, To: health.InstantOf(points[len(points)-1].End) + reach,
	}}
	for sample, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil {
			return err
		}
		if held > maxPercentileValues {
			return problem.New(problem.Invalid, "range_too_large", fmt.Sprintf(
				"Percentiles are taken of at most %d values at once. Ask for a shorter range or a smaller limit.", maxPercentileValues)).In("start")
		}
		convert(&sample, p.conversion)
		resolver.Add(&sample)
	}
	resolver.Finish()
	for i, grains := range buckets {
		points[i].takePercentile(grains, percent)
	}
	return nil
}

func (p *Point) takePercentile(grains map[health.Grain]*valuesOf, percent float64) {
	if len(grains) == 0 {
		return
	}
	finest := health.GrainYear
	for grain := range grains {
		finest = min(finest, grain)
	}
	of := grains[finest]
	slices.Sort(of.sources)
	p.Value = value(aggregate.Percentile(of.values, percent))
	p.Percentile = &Provenance{Count: len(of.values), Grain: finest, Sources: list(of.sources)}
}
