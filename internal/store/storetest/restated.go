package storetest

import (
	"testing"
	"time"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// inferred is a reading that may be a summary.
func inferred(start health.Instant, value float64) health.Sample {
	return with(quantity("step_count", start, value), func(s *health.Sample) { s.Inferred = true })
}

func modelOf(samples []health.Sample) model {
	m := model{}
	for _, s := range samples {
		m[s.Key()] = s
	}
	return m
}

// restatedTests are about inferred readings that a summary says again.
var restatedTests = []test{
	{"samples/a summary replaces the inferred reading it restates", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		hour, midnight := at(5*time.Hour), at(0).Date(0).Midnight(0)
		kept := inferred(hour+60*health.Second, 3)
		own := with(inferred(hour+120*health.Second, 4), func(s *health.Sample) { s.Inferred = false })
		writes(t, s, user, "readings", []health.Sample{inferred(midnight, 9), inferred(hour, 5), kept, own}, all(inserted, 4)...)
		holds(t, s, user, "step_count", inferred(midnight, 9), inferred(hour, 5), kept, own)

		summaries := []health.Sample{
			summary("step_count", midnight, health.GrainDay, 9), summary("step_count", hour, health.GrainHour, 5),
			summary("step_count", kept.Start, health.GrainMinute, 7), summary("step_count", own.Start, health.GrainMinute, 4),
		}
		writes(t, s, user, "summaries", summaries, all(inserted, 4)...)
		stored := []health.Sample{summaries[0], summaries[1], kept, summaries[2], own, summaries[3]}
		holds(t, s, user, "step_count", stored...)
		writes(t, s, user, "summaries again", summaries, all(unchanged, 4)...)

		infos, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "metrics", infos, modelOf(stored).metrics())
		checkDays(t, s, user, modelOf(stored), aggregate.SourceOrder{})
	}},
	{"samples/an inferred reading that a summary restates is not stored", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		hour := at(5 * time.Hour)
		writes(t, s, user, "a summary", []health.Sample{summary("step_count", hour, health.GrainHour, 5)}, inserted)
		writes(t, s, user, "the reading", []health.Sample{inferred(hour, 5)}, unchanged)
		holds(t, s, user, "step_count", summary("step_count", hour, health.GrainHour, 5))
		other := inferred(hour, 6)
		writes(t, s, user, "another value", []health.Sample{other}, inserted)
		other.Value = 5
		writes(t, s, user, "the value of the summary", []health.Sample{other}, updated)
		stored := []health.Sample{summary("step_count", hour, health.GrainHour, 5)}
		holds(t, s, user, "step_count", stored...)
		checkDays(t, s, user, modelOf(stored), aggregate.SourceOrder{})
	}},
	{"samples/a reading that two of a batch replace is removed once", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		hour := at(5 * time.Hour)
		writes(t, s, user, "a summary", []health.Sample{summary("step_count", hour, health.GrainMinute, 6)}, inserted)
		writes(t, s, user, "a reading", []health.Sample{inferred(hour, 5)}, inserted)
		// The minute says what is sent of the reading now, and the hour what was sent of it before.
		stored := []health.Sample{
			with(inferred(at(time.Hour), 1), func(s *health.Sample) { s.Inferred = false }), summary("step_count", hour, health.GrainMinute, 6),
			summary("step_count", hour, health.GrainHour, 5),
		}
		batch := []health.Sample{stored[0], inferred(hour, 6), stored[2]}
		writes(t, s, user, "both", batch, inserted, updated, inserted)
		holds(t, s, user, "step_count", stored...)
		infos, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "metrics", infos, modelOf(stored).metrics())
	}},
	{"samples/the latest value follows a reading that is replaced", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		hour := at(5 * time.Hour)
		writes(t, s, user, "readings", []health.Sample{quantity("step_count", at(time.Hour), 1), inferred(hour, 5)}, all(inserted, 2)...)
		replacing := summary("step_count", hour, health.GrainHour, 5)
		writes(t, s, user, "a summary", []health.Sample{replacing}, inserted)
		latest, err := s.Latest(t.Context(), user)
		ok(t, "latest", err)
		equal(t, "latest", latest, []health.Sample{replacing})
	}},
	{"samples/a day in another offset restates the midnight it was sent with", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		midnight := health.Date(20000).Midnight(3600)
		reading := with(inferred(midnight, 9), func(s *health.Sample) { s.Offset = 3600 })
		day := with(summary("step_count", health.Date(20000).Midnight(7200), health.GrainDay, 9), func(s *health.Sample) { s.Offset = 7200 })
		writes(t, s, user, "a reading", []health.Sample{reading}, inserted)
		writes(t, s, user, "a day", []health.Sample{day}, inserted)
		holds(t, s, user, "step_count", day)
	}},
}
