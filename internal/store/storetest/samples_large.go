package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// Batches that are large, or far apart, or come in any order: where a store chooses between ways to compare.
var largeBatchTests = []test{
	{"samples/a dense batch of 10,000, again, and with a tenth changed", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		batch := make([]health.Sample, 10_000)
		for i := range batch {
			batch[i] = quantity("heart_rate", at(time.Duration(i)*5*time.Second), float64(i))
		}
		writes(t, s, user, "new", batch, all(inserted, len(batch))...)
		writes(t, s, user, "again", batch, all(unchanged, len(batch))...)
		want := all(unchanged, len(batch))
		for i := 0; i < len(batch); i += 10 {
			batch[i].Value, want[i] = -1, updated
		}
		writes(t, s, user, "a tenth changed", batch, want...)
		holds(t, s, user, "heart_rate", batch...)
	}},
	{"samples/batches spread thinly over fifteen years, in any order", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		const span = 13 * time.Hour
		everything := make([]health.Sample, 10_000)
		for i := range everything {
			everything[i] = quantity("step_count", at(-time.Duration(i)*span), float64(i))
		}
		slices.Reverse(everything)
		order := rand.New(rand.NewPCG(1, 2)).Perm(10)
		for _, first := range order {
			var batch []health.Sample
			for i := first; i < len(everything); i += 10 {
				batch = append(batch, everything[i])
			}
			writes(t, s, user, "every tenth", batch, all(inserted, len(batch))...)
		}
		// A few, in between very many.
		sparse := []health.Sample{everything[0], everything[5000], everything[9999]}
		sparse[1].Value = -1
		new1 := with(everything[3], func(s *health.Sample) { s.Start++; s.End++ })
		new2 := with(everything[9998], func(s *health.Sample) { s.Start++; s.End++ })
		writes(t, s, user, "few", []health.Sample{sparse[0], new1, sparse[1], new2, sparse[2]},
			unchanged, inserted, updated, inserted, unchanged)
		everything[5000] = sparse[1]
		everything = slices.Concat(everything[:4], []health.Sample{new1}, everything[4:9999], []health.Sample{new2}, everything[9999:])
		holds(t, s, user, "step_count", everything...)
	}},
}
