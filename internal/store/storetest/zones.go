package storetest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

var zoneTests = []test{
	{"zones/a new zone moves what has none of its own", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		winter, summer := health.Date(20500).Midnight(0), health.Date(20650).Midnight(0) // 2026-02-16 and 2026-07-16
		sample := func(start health.Instant, offset int32, assumed bool) health.Sample {
			return with(quantity("step_count", start, 1), func(s *health.Sample) { s.Offset, s.ZoneAssumed = offset, assumed })
		}
		day := with(summary("step_count", winter, health.GrainDay, 5), func(s *health.Sample) { s.Offset, s.ZoneAssumed = 0, true })
		batch := []health.Sample{
			sample(winter-3600*health.Second, 0, true), day, sample(winter+3600*health.Second, 7200, false), sample(summer-3600*health.Second, 0, true),
		}
		writes(t, s, user, "write", batch, all(inserted, 4)...)
		entry := auditEntry(account.ActionUserTimeZone, user, user.String(), noon)
		ok(t, "set the zone", s.SetTimeZone(t.Context(), user, "America/New_York", entry))
		found, err := s.User(t.Context(), user)
		ok(t, "user", err)
		equal(t, "zone", found.TimeZone, "America/New_York")
		stale, err := s.Stale(t.Context())
		ok(t, "stale", err)
		equal(t, "stale", stale, []uuid.UUID{user})

		_, err = s.Rebuild(t.Context(), user)
		ok(t, "rebuild", err)
		batch[0].Offset, batch[3].Offset = -5*3600, -4*3600
		holds(t, s, user, "step_count", batch...)
		checkDays(t, s, user, modelOf(batch), aggregate.SourceOrder{})
		checkLatest(t, s, user, modelOf(batch))
		stale, err = s.Stale(t.Context())
		ok(t, "stale", err)
		if len(stale) != 0 {
			t.Errorf("%d users are stale after the rebuild", len(stale))
		}
		ok(t, "the same zone", s.SetTimeZone(t.Context(), user, "America/New_York"))
		if stale, err = s.Stale(t.Context()); err != nil || len(stale) != 0 {
			t.Errorf("%d users are stale in the zone they had, error %v", len(stale), err)
		}
		fails(t, "nobody's zone", s.SetTimeZone(t.Context(), newID(t), "UTC"), problem.NotFound)
	}},
}
