package aggregate

import (
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// HeartRate is a heart rate in beats per minute at a time.
type HeartRate struct {
	Time health.Instant
	BPM  float64
}

// HeartRates returns the heart rates of a workout's series in order of time: of a reading that is a summary, the
// average, or the middle of its extremes. Readings without a time or a rate are left out, and of several at one time
// all but the first.
func HeartRates(series []health.SeriesPoint) []HeartRate {
	var rates []HeartRate
	for i := range series {
		p := &series[i]
		rate := p.Value
		if health.IsAbsent(rate) {
			rate = (p.Min + p.Max) / 2
		}
		if p.Time != 0 && rate > 0 {
			rates = append(rates, HeartRate{p.Time, rate})
		}
	}
	slices.SortStableFunc(rates, func(a, b HeartRate) int { return int(min(1, max(-1, a.Time-b.Time))) })
	return slices.CompactFunc(rates, func(a, b HeartRate) bool { return a.Time == b.Time })
}

// maxHeartRateSpan is how long a heart rate is valid at most: longer gaps between readings are unknown.
const maxHeartRateSpan = 120 * health.Second

// ZonePercents are the starts of the heart-rate zones, in percent of the maximum heart rate; each ends where the next
// begins, and the last has no end.
var ZonePercents = [5]float64{50, 60, 70, 80, 90}

// ZoneTimes returns the time spent below the first zone and in each of the five, for a maximum heart rate. A reading is
// valid until the next one, for two minutes at most, and not after the end. covered is the sum of the times: how much
// of the time from start to end is known.
func ZoneTimes(rates []HeartRate, start, end health.Instant, maximum float64) (times [len(ZonePercents) + 1]health.Instant, covered health.Instant) {
	eachHeartRate(rates, start, end, func(rate float64, time health.Instant) {
		zone := 0
		for zone < len(ZonePercents) && rate >= maximum*ZonePercents[zone]/100 {
			zone++
		}
		times[zone] += time
		covered += time
	})
	return times, covered
}

// meanHeartRate returns the mean heart rate, each reading weighted by its duration; absent (NaN) where there is none.
func meanHeartRate(rates []HeartRate, start, end health.Instant) float64 {
	var sum, covered float64
	eachHeartRate(rates, start, end, func(rate float64, time health.Instant) {
		sum += rate * float64(time)
		covered += float64(time)
	})
	if covered == 0 {
		return health.Absent()
	}
	return sum / covered
}

// eachHeartRate calls use with every heart rate and its duration between start and end.
func eachHeartRate(rates []HeartRate, start, end health.Instant, use func(rate float64, time health.Instant)) {
	for i, b := range rates {
		until := b.Time + maxHeartRateSpan
		if i+1 < len(rates) {
			until = min(until, rates[i+1].Time)
		}
		if from, to := max(b.Time, start), min(until, end); from < to {
			use(b.BPM, to-from)
		}
	}
}
