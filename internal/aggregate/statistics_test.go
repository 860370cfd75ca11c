package aggregate_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// The coefficients are those of Python's statistics.correlation.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	absent := health.Absent()
	for name, test := range map[string]struct {
		x, y              []float64
		pearson, spearman float64
	}{
		"a line":          {[]float64{1, 2, 3}, []float64{10, 20, 30}, 1, 1},
		"a falling line":  {[]float64{1, 2, 3}, []float64{3, 2, 1}, -1, -1},
		"a curve":         {[]float64{1, 2, 3, 4, 5}, []float64{1, 4, 9, 16, 25}, 0.9811049102515929, 1},
		"with ties":       {[]float64{1, 2, 2, 3}, []float64{1, 3, 2, 4}, 0.9486832980505138, 0.9486832980505138},
		"not at all":      {[]float64{1, 2, 3, 4}, []float64{1, -1, -1, 1}, 0, 0},
		"too few":         {[]float64{1, 2}, []float64{1, 2}, absent, absent},
		"nothing":         {nil, nil, absent, absent},
		"never changing":  {[]float64{0.1, 0.1, 0.1}, []float64{1, 2, 3}, absent, absent},
		"nor the other":   {[]float64{1, 2, 3}, []float64{0.1, 0.1, 0.1}, absent, absent},
		"one is far away": {[]float64{1, 2, 3, 100}, []float64{4, 3, 2, 1}, -0.7850264209630100, -1},
	} {
		if got := aggregate.Pearson(test.x, test.y); !same(got, test.pearson) {
			t.Errorf("%s: Pearson %v, want %v", name, got, test.pearson)
		}
		if got := aggregate.Spearman(test.x, test.y); !same(got, test.spearman) {
			t.Errorf("%s: Spearman %v, want %v", name, got, test.spearman)
		}
	}
}

func same(a, b float64) bool {
	if health.IsAbsent(a) || health.IsAbsent(b) {
		return health.IsAbsent(a) && health.IsAbsent(b)
	}
	return near(a, b, 1e-7)
}

func TestCorrelationIsSymmetricAndBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "n")
		values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), n, n)
		x, y := values.Draw(t, "x"), values.Draw(t, "y")
		for _, coefficient := range []func(x, y []float64) float64{aggregate.Pearson, aggregate.Spearman} {
			a, b := coefficient(x, y), coefficient(y, x)
			if !same(a, b) || a < -1 || a > 1 {
				t.Fatalf("%v one way, %v the other", a, b)
			}
			if self := coefficient(x, x); !health.IsAbsent(self) && !near(self, 1, 1e-9) {
				t.Fatalf("%v with itself", self)
			}
		}
	})
}

func TestStandardDeviation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values          []float64
		mean, deviation float64
	}{
		{nil, health.Absent(), health.Absent()},
		{[]float64{4}, 4, health.Absent()},
		{[]float64{0.1, 0.1, 0.1}, 0.1, 0},
		{[]float64{2, 4, 4, 4, 5, 5, 7, 9}, 5, 2.138089935299395},
	} {
		if mean, deviation := aggregate.Mean(test.values), aggregate.StandardDeviation(test.values); !same(mean, test.mean) || !same(deviation, test.deviation) {
			t.Errorf("%v: mean %v and deviation %v, want %v and %v", test.values, mean, deviation, test.mean, test.deviation)
		}
	}
	if d := aggregate.StandardDeviation([]float64{0.1, 0.1, 0.1}); d != 0 {
		t.Errorf("equal values deviate by %v", d)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values        []float64
		percent, want float64
	}{
		{nil, 50, health.Absent()},
		{[]float64{7}, 1, 7},
		{[]float64{7}, 99, 7},
		{[]float64{4, 1, 3, 2}, 50, 2.5},
		{[]float64{15, 20, 35, 40, 50}, 40, 29},
		{[]float64{15, 20, 35, 40, 50}, 100, 50},
		{[]float64{15, 20, 35, 40, 50}, 0, 15},
	} {
		if got := aggregate.Percentile(test.values, test.percent); !same(got, test.want) {
			t.Errorf("p%v of %v is %v, want %v", test.percent, test.values, got, test.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e3, 1e3), 1, 60).Draw(t, "values")
		low, high := rapid.Float64Range(0, 100).Draw(t, "low"), rapid.Float64Range(0, 100).Draw(t, "high")
		low, high = min(low, high), max(low, high)
		a, b := aggregate.Percentile(values, low), aggregate.Percentile(values, high)
		if a > b+1e-9 || a < slices.Min(values)-1e-9 || b > slices.Max(values)+1e-9 {
			t.Fatalf("p%v is %v, p%v is %v", low, a, high, b)
		}
	})
}
