package query

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// The maximum heart rate that zones are shares of.
const (
	defaultMaxHeartRate = 190
	leastMaxHeartRate   = 100
	mostMaxHeartRate    = 250
)

// HeartRateZones are the times spent in the zones of the heart rate, in seconds.
type HeartRateZones struct {
	// MaxHeartRate is what the zones are shares of; Assumed is true where the request had none.
	MaxHeartRate float64 `json:"max_heart_rate"`
	Assumed      bool    `json:"assumed"`
	Unit         string  `json:"unit"`
	// From is workout where the heart rates are those of its own series, samples where they are samples of the metric
	// heart_rate, of Grain and Sources.
	From    string        `json:"from"`
	Grain   *health.Grain `json:"grain"`
	Sources []string      `json:"sources"`
	// Covered is the time in which the heart rate is known. The zones add up to it.
	Covered float64         `json:"covered"`
	Zones   []HeartRateZone `json:"zones"`
}

// HeartRateZone is one zone, in beats per minute from From, included, to To, not; To is null for the last one. Zone 0
// is below the first.
type HeartRateZone struct {
	Zone    int      `json:"zone"`
	From    float64  `json:"from"`
	To      *float64 `json:"to"`
	Seconds float64  `json:"seconds"`
}

// heartRateSeries is the series of a workout that has its heart rates.
const heartRateSeries = "heart_rate_data"

// heartRates are those of a workout, and where they come from.
type heartRates struct {
	rates   []aggregate.HeartRate
	from    string
	grain   *health.Grain
	sources []string
}

// heartRates returns the heart rates of the workout's series; where it has none within its time, those of the samples
// in that time, raw or else by the minute.
func (s *Service) heartRates(ctx context.Context, user uuid.UUID, w *health.Workout, end health.Instant) (heartRates, error) {
	own := heartRates{from: "workout"}
	for _, p := range w.Series[heartRateSeries] {
		if p.Source != "" && !slices.Contains(own.sources, p.Source) {
			own.sources = append(own.sources, p.Source)
		}
	}
	own.rates = aggregate.HeartRates(w.Series[heartRateSeries])
	inside := func(b aggregate.HeartRate) bool { return b.Time >= w.Start && b.Time < end }
	if end <= w.Start || slices.ContainsFunc(own.rates, inside) {
		return own, nil
	}
	known, ok := s.Catalog.Lookup(catalog.HeartRate)
	if !ok {
		return heartRates{}, nil
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return heartRates{}, err
	}
	found := map[health.Grain]*heartRates{}
	resolver := aggregate.NewResolver(aggregate.RuleFor(known, order.For(known.Name)), func(sample *health.Sample, _ float64) {
		ofGrain := found[sample.Grain]
		if ofGrain == nil {
			grain := sample.Grain
			ofGrain = &heartRates{from: "samples", grain: &grain}
			found[sample.Grain] = ofGrain
		}
		ofGrain.rates = append(ofGrain.rates, aggregate.HeartRates([]health.SeriesPoint{{
			Time: sample.Start, Value: sample.Value, Min: sample.Min, Max: sample.Max,
		}})...)
		if sample.Source != "" && !slices.Contains(ofGrain.sources, sample.Source) {
			ofGrain.sources = append(ofGrain.sources, sample.Source)
		}
	})
	query := store.SampleQuery{
		Metric: known.Name, Unit: known.Unit, Range: store.Range{From: w.Start, To: end},
		Grains: []health.Grain{health.GrainRaw, health.GrainMinute},
	}
	for sample, err := range s.Config.Samples.Samples(ctx, user, query) {
		if err != nil {
			return heartRates{}, err
		}
		resolver.Add(&sample)
	}
	resolver.Finish()
	for _, grain := range query.Grains {
		if ofGrain := found[grain]; ofGrain != nil {
			slices.SortStableFunc(ofGrain.rates, func(a, b aggregate.HeartRate) int { return a.Time.Time().Compare(b.Time.Time()) })
			return *ofGrain, nil
		}
	}
	return heartRates{}, nil
}

// zones returns nil where no heart rate is known.
func (h *heartRates) zones(start, end health.Instant, maximum float64) *HeartRateZones {
	shown := &HeartRateZones{
		MaxHeartRate: maximum, Unit: "s", From: h.from, Grain: h.grain, Sources: orEmpty(h.sources), Zones: []HeartRateZone{},
	}
	if maximum == 0 {
		shown.MaxHeartRate, shown.Assumed = defaultMaxHeartRate, true
	}
	times, covered := aggregate.ZoneTimes(h.rates, start, end, shown.MaxHeartRate)
	if covered == 0 {
		return nil
	}
	shown.Covered = float64(covered) / float64(health.Second)
	for i, time := range times {
		zone := HeartRateZone{Zone: i, Seconds: float64(time) / float64(health.Second)}
		if i > 0 {
			zone.From = shown.MaxHeartRate * aggregate.ZonePercents[i-1] / 100
		}
		if i < len(aggregate.ZonePercents) {
			zone.To = orNull(shown.MaxHeartRate * aggregate.ZonePercents[i] / 100)
		}
		shown.Zones = append(shown.Zones, zone)
	}
	return shown
}
