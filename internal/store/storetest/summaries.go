package storetest

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// days is what the store should say of a metric's days: all dates at once, with everything read.
func (m model) days(t tester, metric, unit string, order aggregate.SourceOrder) []aggregate.DaySummary {
	t.Helper()
	var dates []health.Date
	samples := slices.DeleteFunc(m.of(metric), func(s health.Sample) bool { return s.Unit != unit })
	for i := range samples {
		dates = append(dates, samples[i].LocalDate())
	}
	slices.Sort(dates)
	days, _, err := ruleOf(t, metric, order).SumUpDays(slices.Compact(dates), aggregate.Reader{
		Spans: func(health.Interval) ([]health.Span, error) { return nil, nil },
		Samples: func(_ aggregate.Window, add func(*health.Sample)) error {
			for _, s := range samples {
				add(&s)
			}
			return nil
		},
	})
	ok(t, "sum up days", err)
	for i := range days {
		days[i].Metric, days[i].Unit = metric, unit
	}
	return days
}

// ruleOf returns the rule of a metric of the catalogue.
func ruleOf(t tester, metric string, order aggregate.SourceOrder) aggregate.Rule {
	t.Helper()
	c, err := catalog.Load()
	ok(t, "load the catalogue", err)
	known, _ := c.Lookup(metric)
	return aggregate.RuleFor(known, order.For(metric))
}

// checkDays compares all days of a user with the model's, and sees that rebuilding finds nothing to do.
func checkDays(t tester, s store.Store, user uuid.UUID, m model, order aggregate.SourceOrder) {
	t.Helper()
	got, err := s.DaySummaries(t.Context(), user, store.DayQuery{First: math.MinInt32 / 2, Last: math.MaxInt32 / 2, Hours: true})
	ok(t, "days", err)
	var want []aggregate.DaySummary
	var longer []store.Series
	for _, info := range m.metrics() {
		want = append(want, m.days(t, info.Metric, info.Unit, order)...)
		if slices.Max(info.Grains) > health.GrainDay {
			longer = append(longer, store.Series{Metric: info.Metric, Unit: info.Unit})
		}
	}
	equal(t, "days", got.Days, want, sameDays)
	equal(t, "metrics with samples of more than a day", got.Longer, longer)
	again, err := s.Rebuild(t.Context(), user)
	ok(t, "rebuild", err)
	if again.Differed != 0 || again.Latest != 0 {
		t.Errorf("rebuilding changed %d days and %d latest values", again.Differed, again.Latest)
	}
}

// sameDays passes over what only chooses among grains, and over noise in the last digits of a sum.
var sameDays = gocmp.Comparer(func(a, b aggregate.DaySummary) bool {
	return a.Metric == b.Metric && a.Unit == b.Unit && a.Date == b.Date && a.SameDay(&b)
})

var genOrder = rapid.Custom(func(t *rapid.T) (o aggregate.SourceOrder) {
	permuted := rapid.Permutation([]string{"iPhone", "Watch", "Watch|iPhone"})
	if rapid.Bool().Draw(t, "has an order") {
		o.Sources = permuted.Draw(t, "order")[:2]
	}
	if rapid.Bool().Draw(t, "has an order of steps") {
		o.Metrics = map[string][]string{"step_count": permuted.Draw(t, "order of steps")}
	}
	return o
})

var summaryTests = []test{
	{"summaries/follow whatever is written, as if it were rebuilt", func(t *testing.T, s store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			user, m := createUser(t, s), model{}
			order := genOrder.Draw(t, "order")
			ok(t, "set order", s.SetSourceOrder(t.Context(), user, order))
			_, err := s.Rebuild(t.Context(), user)
			ok(t, "rebuild", err)
			for _, batch := range rapid.SliceOfN(genBatch, 1, 4).Draw(t, "batches") {
				for i := range batch { // else rebuilding would give it the offset of the user's zone
					batch[i].ZoneAssumed = false
				}
				writes(t, s, user, "batch", batch, m.write(batch)...)
				checkDays(t, s, user, m, order)
			}
			order = genOrder.Draw(t, "another order")
			ok(t, "set another order", s.SetSourceOrder(t.Context(), user, order))
			_, err = s.Rebuild(t.Context(), user)
			ok(t, "rebuild", err)
			checkDays(t, s, user, m, order)
		})
	}},
	{"summaries/a large batch follows as small ones do", func(t *testing.T, s store.Store) {
		var samples []health.Sample
		for i := range 3000 {
			s := steps(0, "iPhone", at(0)+health.Instant(i)*17*60*health.Second, float64(i%7))
			s.End += health.Instant(i%40) * 60 * health.Second
			if i%3 == 0 {
				s.Source = "Watch"
			}
			samples = append(samples, s)
		}
		large, small, m := createUser(t, s), createUser(t, s), model{}
		m.write(samples)
		_, err := s.WriteSamples(t.Context(), store.Body{User: large}, samples)
		ok(t, "write", err)
		checkDays(t, s, large, m, aggregate.SourceOrder{})
		shuffled := slices.Collect(slices.Chunk(samples, 500))
		shuffled[0], shuffled[2], shuffled[4] = shuffled[4], shuffled[0], shuffled[2]
		for _, batch := range shuffled {
			_, err := s.WriteSamples(t.Context(), store.Body{User: small}, batch)
			ok(t, "write", err)
		}
		checkDays(t, s, small, m, aggregate.SourceOrder{})
	}},
	{"summaries/an order of sources is kept, and days are stale until they follow it", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		day := store.DayQuery{Metric: "step_count", Unit: "count", First: at(0).Date(0), Last: at(0).Date(0)}
		batch := []health.Sample{steps(0, "Watch", at(0), 100), steps(0, "iPhone", at(0), 90)}
		for i := range batch {
			batch[i].End += 600 * health.Second
		}
		for _, user := range []uuid.UUID{user, other} {
			_, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
			ok(t, "write", err)
		}
		total := func(user uuid.UUID, want float64, source string) {
			t.Helper()
			found, err := s.DaySummaries(t.Context(), user, day)
			ok(t, "days", err)
			if len(found.Days) != 1 || found.Days[0].Values.Sum != want || !slices.Equal(found.Days[0].Sources, []string{source}) {
				t.Errorf("days %+v, want %v of %s", found, want, source)
			}
		}
		stale := func(want ...uuid.UUID) {
			t.Helper()
			users, err := s.Stale(t.Context())
			ok(t, "stale", err)
			users = slices.DeleteFunc(users, func(id uuid.UUID) bool { return id != user && id != other })
			equal(t, "stale users", users, want)
			found, err := s.DaySummaries(t.Context(), user, day)
			ok(t, "days", err)
			equal(t, "stale", found.Stale, len(want) > 0)
		}
		total(user, 100, "Watch")
		stale()
		order := aggregate.SourceOrder{Sources: []string{"iPhone"}, Metrics: map[string][]string{"heart_rate": {"Watch", "Ring"}}}
		ok(t, "set order", s.SetSourceOrder(t.Context(), user, order))
		stale(user)
		rebuilt, err := s.Rebuild(t.Context(), user)
		ok(t, "rebuild", err)
		equal(t, "differed", rebuilt.Differed, 1)
		stale()
		total(user, 90, "iPhone")
		total(other, 100, "Watch")
		got, err := s.SourceOrder(t.Context(), user)
		ok(t, "order", err)
		equal(t, "order", got, order)
		ok(t, "set the same order", s.SetSourceOrder(t.Context(), user, order))
		stale()
		got, err = s.SourceOrder(t.Context(), other)
		ok(t, "order of somebody else", err)
		equal(t, "order of somebody else", got, aggregate.SourceOrder{})
		fails(t, "order of nobody", s.SetSourceOrder(t.Context(), newID(t), order), problem.NotFound)
	}},
	{"summaries/are there by metric, unit and date", func(t *testing.T, s store.Store) {
		user, m := createUser(t, s), model{}
		var batch []health.Sample
		for i := range 3 {
			batch = append(batch, steps(health.GrainHour, "Watch", at(time.Duration(i)*24*time.Hour), 1))
		}
		inMiles := steps(health.GrainHour, "Watch", at(0), 2)
		inMiles.Unit = "mi"
		batch = append(batch, inMiles)
		m.write(batch)
		_, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
		ok(t, "write", err)
		checkDays(t, s, user, m, aggregate.SourceOrder{})
		first := at(0).Date(0)
		for _, c := range []struct {
			query store.DayQuery
			want  int
		}{
			{store.DayQuery{First: first, Last: first + 9}, 4},
			{store.DayQuery{Metric: "step_count", First: first, Last: first + 9}, 4},
			{store.DayQuery{Metric: "step_count", Unit: "count", First: first + 1, Last: first + 1}, 1},
			{store.DayQuery{Metric: "step_count", Unit: "mi", First: first, Last: first + 9}, 1},
			{store.DayQuery{Metric: "step_count", Unit: "km", First: first, Last: first + 9}, 0},
			{store.DayQuery{Metric: "heart_rate", First: first, Last: first + 9}, 0},
			{store.DayQuery{First: first + 3, Last: first + 9}, 0},
		} {
			found, err := s.DaySummaries(t.Context(), user, c.query)
			ok(t, "days", err)
			if len(found.Days) != c.want {
				t.Errorf("%+v: %d days, want %d", c.query, len(found.Days), c.want)
			}
			if !slices.IsSortedFunc(found.Days, func(a, b aggregate.DaySummary) int {
				return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Date, b.Date))
			}) {
				t.Errorf("%+v: days out of order", c.query)
			}
		}
	}},
}

// steps makes a sample of step_count at a moment.
func steps(grain health.Grain, source string, start health.Instant, value float64) health.Sample {
	s := health.NewSample()
	s.Metric, s.Unit, s.Grain, s.Source, s.Value = "step_count", "count", grain, source, value
	s.Start, s.End, s.Order = start, start, at(0)
	return s
}
