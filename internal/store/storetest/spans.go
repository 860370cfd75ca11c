package storetest

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

var spanTests = []test{{"spans", testSpans}}

// testSpans checks what WriteSamples does with what a body spoke for.
func testSpans(t *testing.T, s store.Store) {
	day := health.Date(20_500)
	hour := func(n int) health.Instant { return day.Midnight(0) + health.Instant(n)*3600*health.Second }
	span := func(session string, from, to int, order, asOf health.Instant, gaps ...health.Interval) health.Span {
		return health.Span{
			Metric: "step_count", Unit: "count", Grain: health.GrainHour, Session: session, Order: order, AsOf: asOf,
			Interval: health.Interval{From: hour(from), To: hour(to)}, Gaps: gaps, Ingestion: uuid.UUID{15: byte(order % 100)},
		}
	}
	gap := func(from, to int) health.Interval { return health.Interval{From: hour(from), To: hour(to)} }
	steps := func(order health.Instant, hours ...int) (batch []health.Sample) {
		for _, n := range hours {
			sample := health.NewSample()
			sample.Metric, sample.Unit, sample.Grain, sample.Source = "step_count", "count", health.GrainHour, "Watch|iPhone"
			sample.Start, sample.End, sample.Value, sample.Order, sample.AsOf = hour(n), hour(n), 100, order, order
			batch = append(batch, sample)
		}
		return batch
	}
	write := func(user uuid.UUID, batch []health.Sample, said ...health.Span) {
		t.Helper()
		_, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch, said...)
		ok(t, "write", err)
	}
	check := func(user uuid.UUID, total float64, want ...health.Span) {
		t.Helper()
		got, err := s.Spans(t.Context(), user, store.SampleQuery{Metric: "step_count", Unit: "count"})
		ok(t, "spans", err)
		slices.SortFunc(got, func(a, b health.Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Order, b.Order)) })
		equal(t, "spans", got, want)
		days, err := s.DaySummaries(t.Context(), user, store.DayQuery{First: day, Last: day, Hours: true})
		ok(t, "days", err)
		if len(days.Days) != 1 || days.Days[0].Values.Sum != total {
			t.Errorf("the day is %v, want a total of %v", gocmp.Diff([]aggregate.DaySummary{}, days.Days), total)
		}
		again, err := s.Rebuild(t.Context(), user)
		ok(t, "rebuild", err)
		if again.Differed != 0 {
			t.Errorf("rebuilding changed %d days", again.Differed)
		}
	}
	later := hour(100)

	t.Run("a bucket that a later body leaves out is zero", func(t *testing.T) {
		user := createUser(t, s)
		write(user, steps(later, 8, 9, 10), span("a", 8, 11, later, later))
		check(user, 300, span("a", 8, 11, later, later))
		write(user, steps(later+1, 8, 10), span("b", 8, 11, later+1, later+1, gap(9, 10)))
		check(user, 200, span("b", 8, 11, later+1, later+1, gap(9, 10)))
	})
	t.Run("whatever the order of processing", func(t *testing.T) {
		user := createUser(t, s)
		write(user, steps(later+1, 8, 10), span("b", 8, 11, later+1, later+1, gap(9, 10)))
		write(user, steps(later, 8, 9, 10), span("a", 8, 11, later, later))
		check(user, 200, span("b", 8, 11, later+1, later+1, gap(9, 10)))
	})
	t.Run("the parts of a session are one", func(t *testing.T) {
		user := createUser(t, s)
		write(user, steps(later, 8), span("a", 8, 9, later, later))
		write(user, steps(later+2, 9, 10, 11), span("other", 9, 12, later-5, later-5))
		write(user, steps(later+1, 12), span("a", 12, 13, later+1, later+1))
		check(user, 200, span("a", 8, 13, later+1, later, gap(9, 12)))
	})
	t.Run("a span is kept as long as it says something", func(t *testing.T) {
		user := createUser(t, s)
		write(user, steps(later, 8, 9), span("a", 8, 10, later, later))
		write(user, steps(later+1, 9, 10), span("b", 9, 11, later+1, later+1))
		check(user, 300, span("a", 8, 10, later, later), span("b", 9, 11, later+1, later+1))
	})
}
