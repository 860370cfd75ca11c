package storetest

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// quantity returns a raw sample of one value, received at noon.
func quantity(metric string, start health.Instant, value float64) health.Sample {
	s := health.NewSample()
	s.Metric, s.Unit, s.Source = metric, "count", "Watch"
	s.Start, s.End, s.Grain, s.Value, s.Order, s.AsOf = start, start, health.GrainRaw, value, at(0), at(0)
	return s
}

// summary returns a summary from a source that several devices were merged into.
func summary(metric string, start health.Instant, grain health.Grain, value float64) health.Sample {
	s := quantity(metric, start, value)
	s.Grain, s.Source, s.Offset = grain, "Watch|iPhone", 7200
	return s
}

// with returns a changed copy.
func with(s health.Sample, change func(*health.Sample)) health.Sample {
	change(&s)
	return s
}

func samples(t tester, s store.Store, user uuid.UUID, query store.SampleQuery) []health.Sample {
	t.Helper()
	var got []health.Sample
	for sample, err := range s.Samples(t.Context(), user, query) {
		ok(t, "samples", err)
		got = append(got, sample)
	}
	return got
}

// writes checks what becomes of a batch of samples.
func writes(t tester, s store.Store, user uuid.UUID, what string, batch []health.Sample, want ...health.Outcome) {
	t.Helper()
	written, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
	outcomes(t, what, written, err, want...)
}

// holds checks that the store has exactly these samples of a metric, in this order.
func holds(t tester, s store.Store, user uuid.UUID, metric string, want ...health.Sample) {
	t.Helper()
	equal(t, metric, samples(t, s, user, store.SampleQuery{Metric: metric}), want)
}

const (
	inserted  = health.Inserted
	updated   = health.Updated
	unchanged = health.Unchanged
	rejected  = health.Rejected
)

// wake is a local midnight in a zone two hours east of UTC.
var wake = health.InstantOf(time.Date(2026, 3, 9, 22, 0, 0, 0, time.UTC))

var sampleTests = []test{
	{"samples/every field comes back", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		nan := health.Absent()
		full := health.Sample{
			Metric: "heart_rate", Unit: "count/min", Source: "Ada’s Watch ⌚", Start: at(time.Second), End: at(time.Minute),
			Offset: -34200, Grain: health.GrainRaw, Order: at(time.Hour) + 1,
			AsOf: at(time.Minute) + 2, ZoneAssumed: true,
			Value: 61.25, Min: -0.1, Max: math.MaxFloat64, Systolic: nan, Diastolic: nan,
			Attributes: `{"context":"Sedentary","n":1.10,"☂":[null]}`,
		}
		batch := []health.Sample{
			full,
			{
				Metric: "blood_pressure", Unit: "mmHg", Start: health.MinInstant, End: health.MinInstant, Grain: health.GrainRaw,
				Value: nan, Min: nan, Max: nan, Systolic: 120, Diastolic: 80.5,
			},
			with(summary("step_count", wake, health.GrainDay, 1e-300), func(s *health.Sample) { s.PerSource, s.ZoneAssumed = true, true }),
			with(quantity("basal_body_temperature", health.MaxInstant, 36.6), func(s *health.Sample) { s.Source = "" }),
		}
		writes(t, s, user, "write", batch, all(inserted, 4)...)
		for _, want := range batch {
			holds(t, s, user, want.Metric, want)
		}
		latest, err := s.Latest(t.Context(), user)
		ok(t, "latest", err)
		equal(t, "latest", latest, []health.Sample{batch[3], batch[1], batch[0], batch[2]})
		replaced := with(full, func(s *health.Sample) { s.Order, s.AsOf, s.ZoneAssumed, s.Value = s.Order+1, s.Order, false, 1 })
		writes(t, s, user, "a later body", []health.Sample{replaced}, updated)
		holds(t, s, user, full.Metric, replaced)
	}},
	{"samples/any metric keeps any value", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		for _, metric := range []string{"heart_rate", "blood_pressure", "step_count", "weight_body_mass", "nobody_knows_this"} {
			first := quantity(metric, at(0), 1)
			second := with(quantity(metric, at(time.Hour), 2), func(s *health.Sample) {
				s.Min, s.Max, s.Systolic, s.Diastolic = 0.1, 1e300, -3, 1.0/3
			})
			nothing := with(quantity(metric, at(2*time.Hour), health.Absent()), func(s *health.Sample) { s.Attributes = `{"a":1}` })
			batch := []health.Sample{first, second, nothing}
			writes(t, s, user, metric, batch, all(inserted, 3)...)
			holds(t, s, user, metric, batch...)
			writes(t, s, user, metric+" again", batch, all(unchanged, 3)...)
		}
	}},
	{"samples/raw: start, end and source tell them apart", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := quantity("step_count", at(0), 10)
		ends := with(first, func(s *health.Sample) { s.End = at(time.Minute); s.Value = 11 })
		source := with(first, func(s *health.Sample) { s.Source = "iPhone"; s.Value = 12 })
		none := with(first, func(s *health.Sample) { s.Source = ""; s.Value = 13 })
		batch := []health.Sample{first, ends, source, none}
		writes(t, s, user, "write", batch, all(inserted, 4)...)
		holds(t, s, user, "step_count", none, first, source, ends)

		// The same, with another value, offset and time of arrival.
		again := with(first, func(s *health.Sample) { s.Value, s.Offset, s.Order = 20, 3600, at(time.Hour) })
		writes(t, s, user, "again", []health.Sample{again, ends}, updated, unchanged)
		holds(t, s, user, "step_count", none, again, source, ends)
	}},
	{"samples/a merged summary: source is no part of it", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := summary("step_count", at(0), health.GrainHour, 100)
		writes(t, s, user, "write", []health.Sample{first}, inserted)
		flipped := with(first, func(s *health.Sample) { s.Source, s.Offset = "iPhone|Watch", 3600 })
		writes(t, s, user, "another order of sources", []health.Sample{flipped}, unchanged)
		holds(t, s, user, "step_count", first)

		grown := with(flipped, func(s *health.Sample) { s.Value, s.Order = 120, at(time.Minute) })
		writes(t, s, user, "another value", []health.Sample{grown}, updated)
		holds(t, s, user, "step_count", grown)
	}},
	{"samples/summaries: grains, and single sources beside the merged one", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		raw := quantity("step_count", at(0), 1)
		minute := summary("step_count", at(0), health.GrainMinute, 2)
		hour := summary("step_count", at(0), health.GrainHour, 3)
		watch := with(hour, func(s *health.Sample) { s.PerSource, s.Source, s.Value = true, "Watch", 4 })
		phone := with(hour, func(s *health.Sample) { s.PerSource, s.Source, s.Value = true, "iPhone", 5 })
		unnamed := with(hour, func(s *health.Sample) { s.PerSource, s.Source, s.Value = true, "", 6 })
		batch := []health.Sample{hour, watch, raw, phone, minute, unnamed}
		writes(t, s, user, "write", batch, all(inserted, 6)...)
		holds(t, s, user, "step_count", raw, minute, hour, unnamed, watch, phone)
		writes(t, s, user, "again", batch, all(unchanged, 6)...)
		changed := with(watch, func(s *health.Sample) { s.Value = 40 })
		writes(t, s, user, "one source changes", []health.Sample{changed}, updated)
		holds(t, s, user, "step_count", raw, minute, hour, unnamed, changed, phone)
	}},
	{"samples/a day is its local date, also with another offset after travel", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		day := summary("step_count", wake, health.GrainDay, 9000)
		writes(t, s, user, "write", []health.Sample{day}, inserted)
		elsewhere := with(day, func(s *health.Sample) {
			s.Start, s.End, s.Offset = s.Start+7*3600*health.Second, s.Start+7*3600*health.Second, -18000
		})
		writes(t, s, user, "the same day from New York", []health.Sample{elsewhere}, unchanged)
		holds(t, s, user, "step_count", day)

		grown := with(elsewhere, func(s *health.Sample) { s.Value = 9500 })
		writes(t, s, user, "grown", []health.Sample{grown}, updated)
		holds(t, s, user, "step_count", grown)

		next := with(day, func(s *health.Sample) { s.Start += health.Day; s.End += health.Day })
		week := with(day, func(s *health.Sample) { s.Grain = health.GrainWeek })
		writes(t, s, user, "other days", []health.Sample{week, next}, inserted, inserted)
		holds(t, s, user, "step_count", grown, week, next)
	}},
	{"samples/a summary that becomes complete is unchanged, but kept as complete", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		partial := summary("step_count", wake, health.GrainDay, 9000)
		complete := with(partial, func(s *health.Sample) { s.Order = wake + 2*health.Day })
		later := with(partial, func(s *health.Sample) { s.Order = wake + 3*health.Day })
		if partial.Complete() || !complete.Complete() {
			t.Fatal("the test is wrong about what is complete")
		}
		writes(t, s, user, "partial", []health.Sample{partial}, inserted)
		writes(t, s, user, "complete", []health.Sample{complete}, unchanged)
		holds(t, s, user, "step_count", complete)
		writes(t, s, user, "complete again: nothing is written", []health.Sample{later}, unchanged)
		holds(t, s, user, "step_count", complete)
		writes(t, s, user, "the partial one again", []health.Sample{partial}, unchanged)
		holds(t, s, user, "step_count", complete)
	}},
	{"samples/an earlier body never replaces what a later one said", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		late := with(summary("step_count", at(0), health.GrainHour, 200), func(s *health.Sample) { s.Order = at(time.Hour) })
		early := with(late, func(s *health.Sample) { s.Order, s.Value, s.Source, s.Offset = at(0), 100, "iPhone", 0 })
		writes(t, s, user, "late", []health.Sample{late}, inserted)
		writes(t, s, user, "early", []health.Sample{early}, unchanged)
		holds(t, s, user, "step_count", late)

		// It only adds what is missing.
		early.Attributes = `{"note":"a"}`
		writes(t, s, user, "early, with a note", []health.Sample{early}, updated)
		late.Attributes = early.Attributes
		holds(t, s, user, "step_count", late)
		metrics, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "sources", metrics[0].Sources, []string{late.Source})
	}},
	{"samples/blood pressure arrives in halves", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		nothing := with(quantity("blood_pressure", at(0), health.Absent()), func(s *health.Sample) { s.Unit = "mmHg" })
		upper := with(nothing, func(s *health.Sample) { s.Systolic = 120 })
		lower := with(nothing, func(s *health.Sample) { s.Diastolic = 80 })
		both := with(upper, func(s *health.Sample) { s.Diastolic = 80 })
		writes(t, s, user, "systolic", []health.Sample{upper}, inserted)
		writes(t, s, user, "diastolic", []health.Sample{lower}, updated)
		holds(t, s, user, "blood_pressure", both)
		writes(t, s, user, "systolic again", []health.Sample{upper}, unchanged)
		writes(t, s, user, "diastolic again", []health.Sample{lower}, unchanged)
		writes(t, s, user, "both", []health.Sample{both}, unchanged)
		holds(t, s, user, "blood_pressure", both)
	}},
	{"samples/a unit of its own makes a series of its own", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		count := quantity("step_count", at(0), 1)
		furlong := with(count, func(s *health.Sample) { s.Unit, s.Value = "furlong", 2 })
		none := with(count, func(s *health.Sample) { s.Unit, s.Value = "", 3 })
		writes(t, s, user, "write", []health.Sample{none, count, furlong}, all(inserted, 3)...)
		holds(t, s, user, "step_count", none, count, furlong)
		equal(t, "one unit", samples(t, s, user, store.SampleQuery{Metric: "step_count", Unit: "furlong"}), []health.Sample{furlong})

		key := count.Key()
		equal(t, "behind a key", samples(t, s, user, store.SampleQuery{Metric: "step_count", After: &key}), []health.Sample{furlong})
	}},
	{"samples/the noise of arithmetic is no change", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := quantity("active_energy", at(0), 12.3456789012345)
		writes(t, s, user, "write", []health.Sample{first}, inserted)
		writes(t, s, user, "noise", []health.Sample{with(first, func(s *health.Sample) { s.Value *= 1 + 1e-12 })}, unchanged)
		holds(t, s, user, "active_energy", first)
		writes(t, s, user, "change", []health.Sample{with(first, func(s *health.Sample) { s.Value *= 1 + 1e-6 })}, updated)
	}},
	{"samples/attributes are merged, and absence erases none", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := with(quantity("blood_glucose", at(0), 5), func(s *health.Sample) { s.Attributes = `{"meal":"before","n":1}` })
		writes(t, s, user, "write", []health.Sample{first}, inserted)
		bare := with(first, func(s *health.Sample) { s.Attributes = "" })
		writes(t, s, user, "without attributes", []health.Sample{bare}, unchanged)
		more := with(first, func(s *health.Sample) { s.Attributes = `{"meal":"","n":2,"place":"arm"}` })
		writes(t, s, user, "with others", []health.Sample{more}, updated)
		holds(t, s, user, "blood_glucose", with(first, func(s *health.Sample) {
			s.Attributes = `{"meal":"before","n":2,"place":"arm"}`
		}))
	}},
	{"samples/one that the database refuses does not affect others", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var batch []health.Sample
		want := all(inserted, 250)
		for i := range want {
			batch = append(batch, quantity("step_count", at(time.Duration(i)*time.Second), float64(i)))
		}
		for _, i := range []int{0, 77, 199, 249} {
			batch[i].Grain, want[i] = health.GrainUnknown, rejected // was never normalised
		}
		written, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
		outcomes(t, "write", written, err, want...)
		for i, reason := range written.Refused {
			if reason == "" || want[i] != rejected {
				t.Errorf("element %d is refused because of %q", i, reason)
			}
		}
		var stored []health.Sample
		for i := range batch {
			if want[i] == inserted {
				stored = append(stored, batch[i])
			}
		}
		holds(t, s, user, "step_count", stored...)
		metrics, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "count", metrics[0].Count, int64(len(stored)))
	}},
	{"samples/any text is kept, or only its sample is refused", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		batch := []health.Sample{
			quantity("a", at(0), 1),
			with(quantity("a", at(time.Second), 1), func(s *health.Sample) { s.Source = "zero \x00 byte" }),
			with(quantity("a", at(2*time.Second), 1), func(s *health.Sample) { s.Source = strings.Repeat("long ", 20_000) }),
			with(quantity("a", at(3*time.Second), 1), func(s *health.Sample) { s.Source = `'"; DROP TABLE users; --` }),
		}
		written, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
		ok(t, "write", err)
		var want []health.Sample
		for i, outcome := range written.Outcomes {
			if outcome == inserted {
				want = append(want, batch[i])
			}
		}
		holds(t, s, user, "a", want...)
		if len(want) == 0 || want[0].Start != at(0) {
			t.Error("the ordinary sample was not stored")
		}
	}},
	{"samples/an empty batch", func(t *testing.T, s store.Store) {
		writes(t, s, createUser(t, s), "write", nil)
	}},
	{"samples/of another user are out of reach", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		mine := quantity("step_count", at(0), 1)
		writes(t, s, ada, "write", []health.Sample{mine}, inserted)
		for _, user := range []uuid.UUID{bob, newID(t)} {
			holds(t, s, user, "step_count")
			metrics, err := s.Metrics(t.Context(), user)
			ok(t, "metrics", err)
			equal(t, "metrics", metrics, []store.MetricInfo{})
			latest, err := s.Latest(t.Context(), user)
			ok(t, "latest", err)
			equal(t, "latest", latest, []health.Sample{})
		}
		his := with(mine, func(s *health.Sample) { s.Value = 2 })
		writes(t, s, bob, "the same key", []health.Sample{his}, inserted)
		holds(t, s, ada, "step_count", mine)
		holds(t, s, bob, "step_count", his)
	}},
	{"samples/a cancelled context writes and reads nothing", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.WriteSamples(ctx, store.Body{User: user}, []health.Sample{quantity("a", at(0), 1)}); !errors.Is(err, context.Canceled) {
			t.Errorf("write: %v, want the context's error", err)
		}
		for _, err := range s.Samples(ctx, user, store.SampleQuery{Metric: "a"}) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("read: %v, want the context's error", err)
			}
		}
		holds(t, s, user, "a")
	}},
}
