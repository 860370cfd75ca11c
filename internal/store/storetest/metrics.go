package storetest

import (
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

var metricTests = []test{
	{"metrics/what a user has", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		raw := quantity("step_count", at(0), 1)
		phone := with(quantity("step_count", at(time.Hour), 2), func(s *health.Sample) { s.Source = "iPhone" })
		day := summary("step_count", wake, health.GrainDay, 3)
		pound := with(quantity("weight_body_mass", at(0), 150), func(s *health.Sample) { s.Unit, s.Source = "lb", "" })
		stone := with(pound, func(s *health.Sample) { s.Unit = "st" })
		writes(t, s, user, "write", []health.Sample{day, raw, phone, stone, pound}, all(inserted, 5)...)
		writes(t, s, other, "write", []health.Sample{quantity("heart_rate", at(0), 60)}, inserted)
		want := []store.MetricInfo{
			{
				Metric: "step_count", Unit: "count", Count: 3, First: wake, Last: phone.Start,
				Sources: []string{"Watch", "Watch|iPhone", "iPhone"}, Grains: []health.Grain{health.GrainRaw, health.GrainDay},
			},
			{Metric: "weight_body_mass", Unit: "lb", Count: 1, First: at(0), Last: at(0), Grains: []health.Grain{health.GrainRaw}},
			{Metric: "weight_body_mass", Unit: "st", Count: 1, First: at(0), Last: at(0), Grains: []health.Grain{health.GrainRaw}},
		}
		got, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "metrics", got, want)
	}},
	{"metrics/a summary's source follows its last change", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := summary("step_count", at(0), health.GrainHour, 1)
		writes(t, s, user, "write", []health.Sample{first}, inserted)
		second := with(first, func(s *health.Sample) { s.Source, s.Value = "Ring", 2 })
		writes(t, s, user, "write", []health.Sample{second}, updated)
		got, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "metrics", got, []store.MetricInfo{{
			Metric: "step_count", Unit: "count", Count: 1, First: at(0), Last: at(0),
			Sources: []string{"Ring"}, Grains: []health.Grain{health.GrainHour},
		}})
	}},
	{"metrics/the latest sample of each", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		morning := quantity("heart_rate", at(-time.Hour), 70)
		evening := with(quantity("heart_rate", at(time.Hour), 60), func(s *health.Sample) { s.Source = "Ring" })
		raw := quantity("step_count", wake, 1)
		hour := summary("step_count", wake, health.GrainHour, 2)
		day := summary("step_count", wake, health.GrainDay, 3)
		mass := quantity("weight_body_mass", at(0), 70)
		later := summary("weight_body_mass", wake+3*health.Day, health.GrainDay, 71)
		writes(t, s, user, "write", []health.Sample{morning, evening, hour, raw, day, mass, later}, all(inserted, 7)...)
		got, err := s.Latest(t.Context(), user)
		ok(t, "latest", err)
		equal(t, "latest", got, []health.Sample{evening, raw, later})
	}},
	{"metrics/the latest is the latest with a value", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		// parts is a sample of a form that is not known.
		parts := func(metric string, start health.Instant) health.Sample {
			return with(quantity(metric, start, health.Absent()), func(s *health.Sample) { s.Attributes = `{"rr":[812]}` })
		}
		var value, only, none []health.Sample
		for _, metric := range []string{"blood_pressure", "heart_rate", "nobody_knows_this", "step_count"} {
			value = append(value, with(quantity(metric, at(0), health.Absent()), func(s *health.Sample) { s.Min = 7 }))
			none = append(none, parts(metric, at(40*24*time.Hour)), parts(metric, at(80*24*time.Hour)))
		}
		only = append(only, parts("beats", at(0)), parts("beats", at(time.Hour)))
		writes(t, s, user, "only parts", only, inserted, inserted)
		writes(t, s, user, "values", value, all(inserted, 4)...)
		writes(t, s, user, "parts that are later", none, all(inserted, 8)...)
		// The latest changes, so that it is looked for again.
		for i := range value {
			value[i].Min, value[i].Order = 8, at(time.Hour)
		}
		writes(t, s, user, "values again", value, all(updated, 4)...)
		want := []health.Sample{only[1], value[0], value[1], value[2], value[3]}
		got, err := s.Latest(t.Context(), user)
		ok(t, "latest", err)
		equal(t, "latest", got, want)
	}},
	{"metrics/the latest start, where the dates of days run ahead of the clock", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		// The local date is the 10th, but the day began on the 9th in UTC, before the raw sample.
		day := summary("step_count", wake, health.GrainDay, 3)
		raw := quantity("step_count", wake+health.Second, 1)
		writes(t, s, user, "write", []health.Sample{raw, day}, inserted, inserted)
		got, err := s.Latest(t.Context(), user)
		ok(t, "latest", err)
		equal(t, "latest", got, []health.Sample{raw})
		metrics, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "first", metrics[0].First, day.Start)
		equal(t, "last", metrics[0].Last, raw.Start)
	}},
}
