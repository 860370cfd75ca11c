package query_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// TestPagesStayStableWhileSamplesArrive inserts samples between pages: those that were there at the beginning come
// once, in order, and new ones once or not at all.
func TestPagesStayStableWhileSamplesArrive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &memory{}
		there := map[health.SampleKey]bool{}
		arrive := func(most int) {
			for range rapid.IntRange(0, most).Draw(rt, "arriving") {
				grain := rapid.SampledFrom([]health.Grain{0, 60, 3600, health.GrainDay}).Draw(rt, "grain")
				s := steps(t, grain, rapid.SampledFrom([]string{watch, phone}).Draw(rt, "source"), "2026-03-10T00:00:00+02:00", 1)
				s.Start += health.Instant(rapid.IntRange(0, 5).Draw(rt, "hour")) * 3600 * health.Second
				s.End = s.Start
				if grain == health.GrainRaw {
					s.End += health.Instant(rapid.IntRange(0, 2).Draw(rt, "length")) * health.Second
				}
				if !there[s.Key()] {
					there[s.Key()] = true
					m.samples = append(m.samples, s)
				}
			}
		}
		arrive(20)
		s := newService(t, m)
		before, err := s.Samples(t.Context(), anna, query.SamplesRequest{Metric: "step_count"})
		if err != nil {
			rt.Fatal(err)
		}
		request := query.SamplesRequest{Metric: "step_count", Limit: rapid.IntRange(1, 5).Draw(rt, "limit")}
		var got []query.Sample
		for {
			page, err := s.Samples(t.Context(), anna, request)
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, page.Samples...)
			if page.NextCursor == nil {
				break
			}
			request.Cursor = *page.NextCursor
			arrive(2)
		}
		checkPages(rt, before.Samples, got)
	})
}

// checkPages fails unless all of before is in got, in that order, and nothing is twice in got.
func checkPages(t rapid.TB, before, got []query.Sample) {
	t.Helper()
	place := func(s query.Sample) string {
		return fmt.Sprint(s.Start.UnixMicro(), " ", s.End.UnixMicro(), " ", s.Grain, " ", s.Source)
	}
	seen := map[string]bool{}
	for _, s := range got {
		if seen[place(s)] {
			t.Fatalf("twice: %+v", s)
		}
		seen[place(s)] = true
	}
	was := map[string]bool{}
	for _, s := range before {
		was[place(s)] = true
	}
	kept := slices.DeleteFunc(slices.Clone(got), func(s query.Sample) bool { return !was[place(s)] })
	if diff := gocmp.Diff(before, kept, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("what was there at the beginning (-then +in pages):\n%s", diff)
	}
}

// TestPagesOfEveryStoreStayStable reads pages while another goroutine writes to the same metric.
func TestPagesOfEveryStoreStayStable(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		minute := func(i int) health.Sample {
			sample := steps(t, 0, watch, "2026-03-10T00:00:00+02:00", float64(i))
			sample.Start += health.Instant(i) * 60 * health.Second
			sample.End = sample.Start
			return sample
		}
		m := &memory{}
		for i := range 300 {
			m.samples = append(m.samples, minute(2*i))
		}
		write(t, s, m)
		known, err := catalog.Load()
		if err != nil {
			t.Fatal(err)
		}
		q := query.New(query.Config{Samples: s, Sleep: s, Workouts: s, Events: s, Summaries: s, Catalog: known})
		before, err := q.Samples(t.Context(), anna, query.SamplesRequest{Metric: "step_count"})
		if err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			for i := range 30 {
				var batch []health.Sample
				for j := range 10 {
					batch = append(batch, minute(2*(i+30*j)+1))
				}
				slices.SortFunc(batch, func(a, b health.Sample) int { return cmp.Compare(a.Start, b.Start) })
				if _, err := s.WriteSamples(t.Context(), store.Body{User: anna.ID}, batch); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		got := pages(t, 20, func(cursor string) ([]query.Sample, *string, error) {
			page, err := q.Samples(t.Context(), anna, query.SamplesRequest{Metric: "step_count", Limit: 20, Cursor: cursor})
			return page.Samples, page.NextCursor, err
		})
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		checkPages(t, before.Samples, got)
	})
}
