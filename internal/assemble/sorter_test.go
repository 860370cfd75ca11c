package assemble

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/health-export/health-export/internal/health"
)

// randomPoints makes n points of two series, one of days and one raw.
func randomPoints(n int) []point {
	random := rand.New(rand.NewPCG(1, 2))
	points := make([]point, n)
	for i := range points {
		points[i] = point{
			start: health.Instant(random.IntN(400)) * health.Day / 4, values: [5]float64{random.Float64()},
			elementRef: elementRef{series: uint32(random.IntN(2)), compound: -1}, source: uint32(random.IntN(3)), sequence: uint32(i),
			offset: int32(random.IntN(3)-1) * 3600, assumed: i%3 == 0,
		}
		points[i].grain = -1 - health.Grain(points[i].series)
		if i%7 == 0 {
			points[i].attributes = `{"context":1}`
		}
	}
	return points
}

// Points sorted through temporary files have the order of points sorted in memory, also when the grain of a series changes
// after the first runs were written.
func TestSorterRuns(t *testing.T) {
	t.Parallel()
	points := randomPoints(3*runSize + 17)
	early := []health.Grain{health.GrainDay, health.GrainDay}
	final := []health.Grain{health.GrainRaw, health.GrainDay}

	s := sorter{dir: t.TempDir(), buffers: &buffers{}}
	defer s.close()
	for i := range points {
		if err := s.add(&points[i], func() []health.Grain { return early }); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) != 3 {
		t.Fatalf("%d runs, want 3", len(s.runs))
	}
	if err := s.finish(final); err != nil {
		t.Fatal(err)
	}
	partitions := s.partitions(2, 1)
	if len(partitions) != 2 || partitions[0].points < partitions[1].points || partitions[0].points+partitions[1].points != len(points) {
		t.Errorf("partitions %v", partitions)
	}
	slices.SortFunc(partitions, func(a, b Partition) int { return int(a.first) - int(b.first) })
	var got []point
	for _, of := range partitions {
		for p, err := range s.sorted(of, final) {
			if err != nil {
				t.Fatal(err)
			}
			if p.series < of.first || p.series >= of.end {
				t.Fatalf("a point of series %d among those of %v", p.series, of)
			}
			got = append(got, *p)
		}
	}
	want := slices.Clone(points)
	sortPoints(want, final)
	if !slices.Equal(got, want) {
		t.Errorf("the merged runs differ from points sorted in memory (%d, want %d points)", len(got), len(want))
	}
}

func TestPointBufferKeepsOrder(t *testing.T) {
	t.Parallel()
	points := randomPoints(runSize + 100)
	b := pointBuffer{dir: t.TempDir()}
	for i := range points {
		if err := b.add(&points[i]); err != nil {
			t.Fatal(err)
		}
	}
	var got []point
	for p, err := range b.all() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, *p)
	}
	if !slices.Equal(got, points) {
		t.Error("the buffer does not return the points in order")
	}
	b.clear()
	for range b.all() {
		t.Fatal("a cleared buffer is not empty")
	}
}
