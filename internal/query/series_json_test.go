package query_test

import (
	"math"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

func maybe[T any](of *rapid.Generator[T]) *rapid.Generator[*T] { return rapid.Ptr(of, true) }

var (
	genNumber = rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 72.5, 1e-7, 9.99e-7, 1e-6, 1e20, 1e21, 1e22}))
	genText   = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"Anna’s \xff Watch", `"\` + "\n\u2028<&>"}))
	genTime   = rapid.Custom(func(t *rapid.T) time.Time {
		at := rapid.Int64Range(int64(health.MinInstant), int64(health.MaxInstant-2*health.Day)).Draw(t, "at")
		return health.Instant(at).In(60 * rapid.Int32Range(-14*60, 14*60).Draw(t, "offset"))
	})
	genSpread = rapid.Custom(func(t *rapid.T) query.Range {
		return query.Range{Avg: maybe(genNumber).Draw(t, "avg"), Min: maybe(genNumber).Draw(t, "min"), Max: maybe(genNumber).Draw(t, "max")}
	})
	genPoint = rapid.Custom(func(t *rapid.T) query.Point {
		number := func(name string) *float64 { return maybe(genNumber).Draw(t, name) }
		p := query.Point{Start: genTime.Draw(t, "start"), End: genTime.Draw(t, "end")}
		p.Value, p.Sum, p.Avg, p.Min, p.Max = number("value"), number("sum"), number("avg"), number("min"), number("max")
		p.Count, p.Grain = rapid.Int().Draw(t, "count"), maybe(rapid.Map(rapid.Int32(), func(g int32) health.Grain { return health.Grain(g) })).Draw(t, "grain")
		p.Sources = rapid.SliceOfN(genText, 0, 3).Draw(t, "sources")
		if rapid.IntRange(0, 4).Draw(t, "rare") == 0 {
			p.Systolic, p.Diastolic = maybe(genSpread).Draw(t, "systolic"), maybe(genSpread).Draw(t, "diastolic")
			p.Percentile = &query.Provenance{Count: 1, Sources: p.Sources}
		}
		return p
	})
)

func TestSeriesIsWrittenAsJSONIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := query.Series{
			Metric: genText.Draw(t, "metric"), Unit: genText.Draw(t, "unit"), Bucket: "1h", TZ: "local", Aggregation: "avg",
			Points: rapid.SliceOfN(genPoint, 0, 4).Draw(t, "points"), NextCursor: maybe(genText).Draw(t, "cursor"),
		}
		want, err := json.Marshal(s, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.AppendJSON([]byte("["))
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff("["+string(want), string(got)); diff != "" {
			t.Fatalf("(-as JSON +appended):\n%s", diff)
		}
	})
}
