package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

var sampleReadTests = []test{
	{"samples/ranges are of the start", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var batch []health.Sample
		for i, offset := range []int32{-43200, 0, 3600, 50400} {
			for _, grain := range []health.Grain{health.GrainHour, health.GrainDay, health.GrainWeek} {
				for day := i; day < 24; day += 4 { // each date once
					sample := summary("a", health.Date(int(health.DateOf(noon))-12+day).Midnight(offset), grain, 1)
					sample.Offset = offset
					batch = append(batch, sample)
				}
			}
		}
		slices.SortFunc(batch, func(a, b health.Sample) int { return a.Key().Compare(b.Key()) })
		writes(t, s, user, "write", batch, all(inserted, len(batch))...)
		for from := at(-72 * time.Hour); from < at(96*time.Hour); from += 5 * 3600 * health.Second {
			for _, length := range []health.Instant{1, health.Day, 3 * health.Day} {
				query := store.SampleQuery{Metric: "a", Range: store.Range{From: from, To: from + length}}
				var want []health.Sample
				for _, sample := range batch {
					if sample.Metric == query.Metric && sample.Start >= from && sample.Start < from+length {
						want = append(want, sample)
					}
				}
				equal(t, fmt.Sprint(query.Range), samples(t, s, user, query), want)
			}
		}
	}},
	{"samples/filters, and pages that give each element once", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		batch := crowd()
		writes(t, s, user, "write", batch, all(inserted, len(batch))...)
		slices.SortFunc(batch, func(a, b health.Sample) int { return a.Key().Compare(b.Key()) })
		for name, test := range map[string]struct {
			query store.SampleQuery
			keep  func(health.Sample) bool
		}{
			"everything": {keep: func(health.Sample) bool { return true }},
			"one source": {
				store.SampleQuery{Source: "s3"}, func(s health.Sample) bool { return s.Source == "s3" },
			},
			"a source nobody has": {
				store.SampleQuery{Source: "s99"}, func(health.Sample) bool { return false },
			},
			"grains": {
				store.SampleQuery{Grains: []health.Grain{health.GrainRaw, health.GrainDay}},
				func(s health.Sample) bool { return s.Grain == health.GrainRaw || s.Grain == health.GrainDay },
			},
			"from": {
				store.SampleQuery{Range: store.Range{From: at(3 * time.Hour)}},
				func(s health.Sample) bool { return s.Start >= at(3*time.Hour) },
			},
			"to": {
				store.SampleQuery{Range: store.Range{To: at(3 * time.Hour)}},
				func(s health.Sample) bool { return s.Start < at(3*time.Hour) },
			},
			"unit": {
				store.SampleQuery{Unit: "mi"}, func(s health.Sample) bool { return s.Unit == "mi" },
			},
		} {
			var want []health.Sample
			for _, sample := range batch {
				if test.keep(sample) {
					want = append(want, sample)
				}
			}
			test.query.Metric = "distance"
			equal(t, name, samples(t, s, user, test.query), want)
			for _, limit := range []int{1, 7, len(want) + 1} {
				query := test.query
				query.Limit = limit
				var got []health.Sample
				for {
					page := samples(t, s, user, query)
					got = append(got, page...)
					if len(page) < limit {
						break
					}
					last := page[len(page)-1].Key()
					query.After = &last
				}
				equal(t, fmt.Sprintf("%s, pages of %d", name, limit), got, want)
			}
		}
	}},
	{"samples/very many at one instant", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		batch := make([]health.Sample, 6000)
		for i := range batch {
			batch[i] = quantity("a", at(0), float64(i))
			batch[i].Source = fmt.Sprintf("source %05d", len(batch)-i)
		}
		writes(t, s, user, "write", batch, all(inserted, len(batch))...)
		writes(t, s, user, "again", batch, all(unchanged, len(batch))...)
		slices.Reverse(batch)
		holds(t, s, user, "a", batch...)
		key := batch[1].Key()
		equal(t, "two in the middle", samples(t, s, user, store.SampleQuery{Metric: "a", After: &key, Limit: 2}), batch[2:4])
	}},
	{"samples/reading stops when the caller does, and may ask for more meanwhile", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		batch := []health.Sample{quantity("a", at(0), 1), quantity("a", at(time.Second), 2), quantity("a", at(2*time.Second), 3)}
		writes(t, s, user, "write", batch, all(inserted, 3)...)
		count := 0
		for range s.Samples(t.Context(), user, store.SampleQuery{Metric: "a"}) {
			holds(t, s, user, "a", batch...)
			writes(t, s, other, "somebody else's", batch[count:count+1], inserted)
			if count++; count == 2 {
				break
			}
		}
		equal(t, "read", count, 2)
	}},
}

// crowd returns samples of all kinds of one metric that share times, grains, sources and units.
func crowd() (batch []health.Sample) {
	for _, unit := range []string{"km", "mi"} {
		for hour := range 6 {
			for source := range 4 {
				raw := quantity("distance", at(time.Duration(hour)*time.Hour), float64(source))
				raw.Unit, raw.Source = unit, fmt.Sprint("s", 4-source)
				longer := with(raw, func(s *health.Sample) { s.End += health.Second })
				perSource := with(raw, func(s *health.Sample) { s.Grain, s.PerSource = health.GrainHour, true })
				batch = append(batch, raw, longer, perSource)
			}
			merged := summary("distance", at(time.Duration(hour)*time.Hour), health.GrainHour, 1)
			merged.Unit, merged.Source = unit, "s3"
			batch = append(batch, merged)
		}
		for day := range 3 {
			whole := summary("distance", wake+health.Instant(day)*health.Day, health.GrainDay, 1)
			whole.Unit = unit
			batch = append(batch, whole)
		}
	}
	slices.SortStableFunc(batch, func(a, b health.Sample) int {
		if a.Unit != b.Unit {
			return strings.Compare(a.Unit, b.Unit)
		}
		return int(a.KeyTime() - b.KeyTime())
	})
	return batch
}
