package storetest

import (
	"testing"
	"time"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

var upkeepTests = []test{
	{"upkeep/preparing twice is harmless", func(t *testing.T, s store.Store) {
		ok(t, "prepare", s.Prepare(t.Context(), noon))
		ok(t, "prepare again", s.Prepare(t.Context(), noon.AddDate(0, 1, 0)))
	}},
	{"upkeep/the database says what it is and that it is prepared", func(t *testing.T, s store.Store) {
		before := time.Now()
		ok(t, "prepare", s.Prepare(t.Context(), before))
		d, err := s.Diagnose(t.Context())
		ok(t, "diagnose", err)
		if d.Version == "" || d.Clock.Sub(before).Abs() > time.Hour {
			t.Errorf("the database is %q and its clock shows %s", d.Version, d.Clock)
		}
		if !d.CoveredUntil.IsZero() && d.CoveredUntil.Before(before.AddDate(0, 6, 0)) {
			t.Errorf("what comes later than %s has no partition", d.CoveredUntil)
		}
	}},
	{"upkeep/the archive lets go of what is old and finished", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		old := put(t, s, user, noon.AddDate(0, -6, 0), "old")
		finish(t, s, old)
		recent := put(t, s, user, noon, "recent")
		finish(t, s, recent)
		ok(t, "drop", s.DropArchiveBefore(t.Context(), noon.AddDate(0, -1, 0)))

		_, err := s.Ingestion(t.Context(), user, old.ID)
		fails(t, "the old ingestion", err, problem.NotFound)
		_, err = s.Body(t.Context(), user, old.ID)
		fails(t, "the old body", err, problem.NotFound)
		equal(t, "the recent body", string(body(t, s, user, recent.ID)), "recent")
	}},
	{"upkeep/the archive keeps what is unfinished", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		unfinished := put(t, s, user, noon.AddDate(0, -6, 0), "unfinished")
		ok(t, "drop", s.DropArchiveBefore(t.Context(), noon))
		equal(t, "the unfinished body", string(body(t, s, user, unfinished.ID)), "unfinished")
		claims(t, s, noon.Add(time.Hour), unfinished.ID)
	}},
}
