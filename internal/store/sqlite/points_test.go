package sqlite

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
)

var (
	genInstant = rapid.Custom(func(t *rapid.T) health.Instant { return health.Instant(rapid.Int64().Draw(t, "instant")) })
	genFloat   = rapid.OneOf(rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)), rapid.Float64())
	genSeries  = rapid.SliceOf(rapid.Custom(func(t *rapid.T) health.SeriesPoint {
		return health.SeriesPoint{
			Time: genInstant.Draw(t, "time"), Offset: rapid.Int32().Draw(t, "offset"),
			Value: genFloat.Draw(t, "value"), Min: genFloat.Draw(t, "min"), Max: genFloat.Draw(t, "max"),
			Unit: rapid.SampledFrom([]string{"", "kcal", "count/min"}).Draw(t, "unit"), Source: rapid.String().Draw(t, "source"),
		}
	}))
	genRoute = rapid.SliceOf(rapid.Custom(func(t *rapid.T) health.RoutePoint {
		f := func() float64 { return genFloat.Draw(t, "number") }
		return health.RoutePoint{
			Time: genInstant.Draw(t, "time"), Latitude: f(), Longitude: f(), Altitude: f(), Speed: f(), Course: f(),
			HorizontalAccuracy: f(), VerticalAccuracy: f(), SpeedAccuracy: f(), CourseAccuracy: f(),
		}
	}))
)

func TestPointsComeBack(t *testing.T) {
	t.Parallel()
	options := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}
	rapid.Check(t, func(t *rapid.T) {
		series := genSeries.Draw(t, "series")
		if got, err := decodeSeries(encodeSeries(series)); err != nil || !cmp.Equal(got, series, options) {
			t.Errorf("series: error %v, %s", err, cmp.Diff(series, got, options))
		}
		route := genRoute.Draw(t, "route")
		if got, err := decodeRoute(encodeRoute(route)); err != nil || !cmp.Equal(got, route, options) {
			t.Errorf("route: error %v, %s", err, cmp.Diff(route, got, options))
		}
		times, voltages := rapid.SliceOf(genInstant).Draw(t, "times"), rapid.SliceOf(genFloat).Draw(t, "voltages")
		gotTimes, gotVoltages, err := decodeVoltages(encodeVoltages(times, voltages))
		if err != nil || !cmp.Equal(gotTimes, times, options) || !cmp.Equal(gotVoltages, voltages, options) {
			t.Errorf("voltages: error %v, times %v, voltages %v", err, gotTimes, gotVoltages)
		}
	})
}

// Whatever is in the file, decoding it ends, takes no more memory than the file accounts for, and what it accepts is
// what encoding gives.
func FuzzPoints(f *testing.F) {
	f.Add(encodeSeries([]health.SeriesPoint{{Time: 5, Unit: "a", Source: "b"}, {Time: 7, Unit: "a", Max: math.NaN()}}))
	f.Add(encodeRoute([]health.RoutePoint{{Latitude: 1, Speed: math.NaN()}}))
	f.Add(encodeVoltages([]health.Instant{1, 2}, []float64{3, 4}))
	f.Add([]byte{pointsVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		options := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}
		if series, err := decodeSeries(data); err == nil {
			again, err := decodeSeries(encodeSeries(series))
			if err != nil || !cmp.Equal(series, again, options) {
				t.Errorf("series %v became %v, error %v", series, again, err)
			}
		}
		if route, err := decodeRoute(data); err == nil {
			again, err := decodeRoute(encodeRoute(route))
			if err != nil || !cmp.Equal(route, again, options) {
				t.Errorf("route %v became %v, error %v", route, again, err)
			}
		}
		if times, voltages, err := decodeVoltages(data); err == nil {
			encoded := encodeVoltages(times, voltages)
			if _, _, err := decodeVoltages(encoded); err != nil || len(encoded) > len(data) {
				t.Errorf("voltages %v at %v do not come back: %v", voltages, times, err)
			}
		}
	})
}

func TestDamagedPoints(t *testing.T) {
	t.Parallel()
	whole := encodeSeries([]health.SeriesPoint{{Time: 5, Unit: "count", Source: "Watch"}, {Time: 7, Unit: "count"}})
	for length := range whole {
		if _, err := decodeSeries(whole[:length]); err == nil {
			t.Errorf("the first %d of %d bytes were taken for a series", length, len(whole))
		}
	}
	if _, err := decodeSeries(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("a byte too many was passed over")
	}
	if _, err := decodeRoute(append([]byte{pointsVersion + 1}, whole[1:]...)); err == nil {
		t.Error("another version was taken for this one")
	}
}
