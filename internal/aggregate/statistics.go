package aggregate

import (
	"cmp"
	"math"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// minPairs is the least number of pairs of a correlation.
const minPairs = 3

// Pearson returns the correlation coefficient of pairs of values, from −1 to 1; absent (NaN) for fewer than 3 pairs,
// and where either side is constant. x and y have the same length.
func Pearson(x, y []float64) float64 {
	if len(x) < minPairs {
		return health.Absent()
	}
	meanX, meanY := Mean(x), Mean(y)
	var xx, yy, xy float64
	for i := range x {
		dx, dy := x[i]-meanX, y[i]-meanY
		xx += dx * dx
		yy += dy * dy
		xy += dx * dy
	}
	if constant(x) || constant(y) || xx == 0 || yy == 0 {
		return health.Absent()
	}
	return math.Max(-1, math.Min(1, xy/(math.Sqrt(xx)*math.Sqrt(yy))))
}

// Spearman returns the correlation coefficient of the ranks of pairs of values, equal values sharing their mean rank.
// It is absent where Pearson is.
func Spearman(x, y []float64) float64 { return Pearson(ranks(x), ranks(y)) }

func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to+1) / 2
		}
		from = to
	}
	return ranks
}

func constant(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] })
}

// Mean returns the arithmetic mean; absent (NaN) for no values.
func Mean(values []float64) float64 {
	if len(values) == 0 {
		return health.Absent()
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// StandardDeviation returns the standard deviation of a sample (n − 1); absent (NaN) for fewer than two values, and
// exactly 0 where all are equal.
func StandardDeviation(values []float64) float64 {
	if len(values) < 2 {
		return health.Absent()
	}
	if constant(values) {
		return 0
	}
	mean, sum := Mean(values), 0.0
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(values)-1))
}

// Percentile returns the value below which p percent of the values lie, p from 0 to 100, interpolating between the two
// nearest as spreadsheets do (PERCENTILE.INC); absent (NaN) for no values. The values are sorted in place.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return health.Absent()
	}
	slices.Sort(values)
	at := p / 100 * float64(len(values)-1)
	below := int(at)
	if below+1 >= len(values) {
		return values[len(values)-1]
	}
	return values[below] + (at-float64(below))*(values[below+1]-values[below])
}
