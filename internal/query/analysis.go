package query

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// The maximum heart rate that zones are shares of.
const (
	defaultMaxHeartRate = 190
	leastMaxHeartRate   = 100
	mostMaxHeartRate    = 250
)

// WorkoutRequest asks for one workout and what can be worked out from it.
type WorkoutRequest struct {
	ID uuid.UUID
	// MaxHeartRate is the highest heart rate the person reaches, in beats per minute, from 100 to 250; 0 is 190.
	MaxHeartRate float64
	// Splits is km or mi to cut the workout into stretches of that length; "" is not to.
	Splits string
}

// HeartRateZones are how long the heart was how fast. Time is in seconds.
type HeartRateZones struct {
	// MaxHeartRate is what the zones are shares of, and Assumed is true where nobody said so.
	MaxHeartRate float64 `json:"max_heart_rate"`
	Assumed      bool    `json:"assumed"`
	Unit         string  `json:"unit"`
	// From is workout where the heart rates are those of its own series, samples where they are samples of the metric
	// heart_rate, of the grain and sources that are named.
	From    string        `json:"from"`
	Grain   *health.Grain `json:"grain"`
	Sources []string      `json:"sources"`
	// Covered is the time in which the heart rate is known. The zones add up to it.
	Covered float64         `json:"covered"`
	Zones   []HeartRateZone `json:"zones"`
}

// HeartRateZone is one zone, in beats per minute from From, included, to To, not; To is null for the last one. Zone 0 is
// what is below the first.
type HeartRateZone struct {
	Zone    int      `json:"zone"`
	From    float64  `json:"from"`
	To      *float64 `json:"to"`
	Seconds float64  `json:"seconds"`
}

// Elevation is what the route tells about heights, in metres.
type Elevation struct {
	Unit string `json:"unit"`
	// Threshold is how much the altitude must change to count, see aggregate.ClimbThreshold.
	Threshold float64 `json:"threshold"`
	Gain      float64 `json:"gain"`
	Loss      float64 `json:"loss"`
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
}

// Splits are the stretches of a workout.
type Splits struct {
	// Unit is km or mi.
	Unit string `json:"unit"`
	// From is route, or the name of the distance series where there is no route.
	From string `json:"from"`
	// Distance and Seconds are those of all splits together: of the track from its first point to its last.
	Distance float64 `json:"distance"`
	Seconds  float64 `json:"seconds"`
	Splits   []Split `json:"splits"`
}

// Split is one stretch. The last one is as long as what was left. What is not known is null.
type Split struct {
	Split    int       `json:"split"` // from 1
	Distance float64   `json:"distance"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	// Seconds is the time on the clock, Paused how much of it the workout was paused, and Pace the other seconds for one unit
	// of distance: stops count unless they were pauses.
	Seconds float64  `json:"seconds"`
	Paused  float64  `json:"paused"`
	Pace    *float64 `json:"pace"`
	// ElevationGain and ElevationLoss are metres, HeartRate the mean in beats per minute.
	ElevationGain *float64 `json:"elevation_gain"`
	ElevationLoss *float64 `json:"elevation_loss"`
	HeartRate     *float64 `json:"heart_rate"`
}

// splitLengths are the units of splits in metres.
var splitLengths = map[string]float64{"km": 1000, "mi": 1609.344}

// distanceSeries are the series of a workout that tell a distance, in the order in which they are tried.
var distanceSeries = []string{"walking_and_running_distance", "cycling_distance", "swim_distance"}

func (r *WorkoutRequest) check() error {
	if _, ok := splitLengths[r.Splits]; !ok && r.Splits != "" {
		return problem.New(problem.Invalid, "invalid_splits", "Splits are by km or by mi.").In("splits").Allowing("km", "mi")
	}
	if r.MaxHeartRate != 0 && !(r.MaxHeartRate >= leastMaxHeartRate && r.MaxHeartRate <= mostMaxHeartRate) {
		return problem.New(problem.Invalid, "invalid_max_heart_rate", fmt.Sprintf(
			"The highest heart rate must be from %d to %d beats per minute.", leastMaxHeartRate, mostMaxHeartRate)).In("max_heart_rate")
	}
	return nil
}

// analyse fills in what can be worked out from a workout.
func (s *Service) analyse(ctx context.Context, user uuid.UUID, w *health.Workout, request WorkoutRequest, detail *WorkoutDetail) error {
	end := w.End
	if end == 0 && w.Duration > 0 {
		end = w.Start + health.Instant(w.Duration*float64(health.Second))
	}
	if w.End > w.Start {
		elapsed := float64(w.End-w.Start) / float64(health.Second)
		detail.Elapsed = &elapsed
		detail.Paused = orNull(math.Max(0, elapsed-w.Duration)) // absent where the duration is
	}
	rates, err := s.heartRates(ctx, user, w, end)
	if err != nil {
		return err
	}
	detail.HeartRateZones = rates.zones(w.Start, end, request.MaxHeartRate)
	track, from := s.track(w)
	if climb, ok := aggregate.Climb(track); ok {
		detail.Elevation = &Elevation{
			Unit: "m", Threshold: aggregate.ClimbThreshold, Gain: climb.Gain, Loss: climb.Loss, Min: climb.Min, Max: climb.Max,
		}
	}
	if request.Splits != "" {
		detail.Splits = splitsOf(track, from, request.Splits, rates.rates, w)
	}
	return nil
}

// track is how far the person had come when: by the route, fitted to the distance of the workout, or where that has no
// times by a distance series.
func (s *Service) track(w *health.Workout) (track aggregate.Track, from string) {
	if track = aggregate.TrackOf(w.Route); track.Length() > 0 {
		track, _ = track.FittedTo(s.workoutQuantity(w, "distance", "m"))
		return track, "route"
	}
	for _, name := range distanceSeries {
		if distances := aggregate.TrackOfDistances(s.metres(w.Series[name]), w.End); distances.Length() > 0 {
			return distances, name
		}
	}
	return track, "route"
}

// metres returns the points of a series whose unit is one of length, in metres.
func (s *Service) metres(series []health.SeriesPoint) []health.SeriesPoint {
	var shown []health.SeriesPoint
	for _, p := range series {
		if conversion, ok := s.Catalog.Conversion(p.Unit, "m"); ok {
			p.Value = conversion.Apply(p.Value)
			shown = append(shown, p)
		}
	}
	return shown
}

func splitsOf(track aggregate.Track, from, unit string, rates []aggregate.HeartRate, w *health.Workout) *Splits {
	length := splitLengths[unit]
	found := aggregate.Splits(track, length, rates, w.Pauses())
	if len(found) == 0 {
		return nil
	}
	splits := &Splits{Unit: unit, From: from, Distance: track.Length() / length, Splits: make([]Split, len(found))}
	for i, f := range found {
		seconds, paused := float64(f.End-f.Start)/float64(health.Second), float64(f.Paused)/float64(health.Second)
		splits.Seconds += seconds
		splits.Splits[i] = Split{
			Split: i + 1, Distance: f.Metres / length, Start: f.Start.In(w.Offset), End: f.End.In(w.Offset), Seconds: seconds, Paused: paused,
			ElevationGain: orNull(f.Gain), ElevationLoss: orNull(f.Loss), HeartRate: orNull(f.HeartRate),
		}
		if f.Metres > 0 {
			splits.Splits[i].Pace = orNull((seconds - paused) / f.Metres * length)
		}
	}
	return splits
}

// heartRates are those of a workout, and where they come from.
type heartRates struct {
	rates   []aggregate.HeartRate
	from    string
	grain   *health.Grain
	sources []string
}

// heartRates returns the workout's own; where it has none in its time, the samples of the finest grain that were taken
// then, those of hours and more left out.
func (s *Service) heartRates(ctx context.Context, user uuid.UUID, w *health.Workout, end health.Instant) (heartRates, error) {
	own := heartRates{from: "workout"}
	for _, p := range w.Series["heart_rate_data"] {
		if p.Source != "" && !slices.Contains(own.sources, p.Source) {
			own.sources = append(own.sources, p.Source)
		}
	}
	own.rates = aggregate.HeartRates(w.Series["heart_rate_data"])
	inside := func(b aggregate.HeartRate) bool { return b.Time >= w.Start && b.Time < end }
	if end <= w.Start || slices.ContainsFunc(own.rates, inside) {
		return own, nil
	}
	known, ok := s.Catalog.Lookup("heart_rate")
	if !ok {
		return heartRates{}, nil
	}
	order, err := s.sourceOrder(ctx, user)
	if err != nil {
		return heartRates{}, err
	}
	found := map[health.Grain]*heartRates{}
	resolver := aggregate.NewResolver(aggregate.Rule{Ranking: order.For(known.Name)}, func(sample *health.Sample, _ float64) {
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

// zones is nil where no heart rate is known.
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
