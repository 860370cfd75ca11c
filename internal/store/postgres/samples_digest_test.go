package postgres

import (
	"math"
	"testing"
)

func TestHashesAreThoseOfPostgreSQL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		v          float64
		seed, want int64 // SELECT hashfloat8extended(v, seed)
	}{
		{0, 0, 0},
		{math.Copysign(0, -1), 77, 77},
		{1, 0, 4033440226552636220},
		{-1.5, 0, 5967553493793202048},
		{math.Pi, -1, 8919694076526062676},
		{1e300, math.MaxInt64, -2409129635824547512},
		{1772323200.123456, 5, -7868027067699201246},
	} {
		if got := int64(hashFloat(test.v, uint64(test.seed))); got != test.want {
			t.Errorf("hash of %v with seed %d is %d, want %d", test.v, test.seed, got, test.want)
		}
	}
	for _, test := range []struct {
		v          int32
		seed, want int64 // SELECT hashint4extended(v, seed)
	}{
		{0, 0, 4154612158245552303},
		{0, 77, 1128081088593945711},
		{1, 0, -3670598878359251130},
		{-1, 0, -1888257769727981238},
		{math.MaxInt32, -1, 8384907054876656385},
		{math.MinInt32, 123456789012345, -5457251548137115726},
	} {
		if got := int64(hashInteger(test.v, uint64(test.seed))); got != test.want {
			t.Errorf("hash of %v with seed %d is %d, want %d", test.v, test.seed, got, test.want)
		}
	}
	for _, test := range []struct {
		v          int64
		seed, want int64 // SELECT interval_hash_extended(v * interval '1 microsecond', seed)
	}{
		{0, 0, 4154612158245552303},
		{1, 0, -3670598878359251130},
		{-1, 5, 5111540776065715399},
		{90000000, 77, -50267630380843766},
		{86400000001, -1, 8300024304839105766},
		{-31536000000000, 123, -5650442876874801550},
	} {
		if got := int64(hashInterval(test.v, uint64(test.seed))); got != test.want {
			t.Errorf("hash of %d microseconds with seed %d is %d, want %d", test.v, test.seed, got, test.want)
		}
	}
}
