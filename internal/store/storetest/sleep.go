package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// night returns a night that ends on the morning of the 10th.
func night(source string, start, end health.Instant, total float64) health.Night {
	n := health.NewNight()
	n.Source, n.SleepStart, n.SleepEnd, n.Offset, n.Total, n.Order = source, start, end, 3600, total, at(0)
	n.Date = health.DateOf(noon)
	return n
}

func writesNights(t *testing.T, s store.Store, user uuid.UUID, what string, batch []health.Night, want ...health.Outcome) {
	t.Helper()
	written, err := s.WriteNights(t.Context(), store.Body{User: user}, batch)
	outcomes(t, what, written, err, want...)
}

// holdsNights compares all nights but for the ids that the store gave, which must differ.
func holdsNights(t *testing.T, s store.Store, user uuid.UUID, want ...health.Night) []health.Night {
	t.Helper()
	got, err := s.Nights(t.Context(), user, health.DateOf(noon)-10, health.DateOf(noon)+10)
	ok(t, "nights", err)
	equal(t, "nights", got, want, cmpopts.IgnoreFields(health.Night{}, "ID"))
	ids := map[uuid.UUID]bool{uuid.Nil: true}
	for _, n := range got {
		if ids[n.ID] {
			t.Errorf("the id %s is not a new one", n.ID)
		}
		ids[n.ID] = true
	}
	return got
}

func writesSegments(t *testing.T, s store.Store, user uuid.UUID, what string, batch []health.Segment, want ...health.Outcome) {
	t.Helper()
	written, err := s.WriteSegments(t.Context(), store.Body{User: user}, batch)
	outcomes(t, what, written, err, want...)
}

func holdsSegments(t *testing.T, s store.Store, user uuid.UUID, r store.Range, want ...health.Segment) {
	t.Helper()
	got, err := s.Segments(t.Context(), user, r)
	ok(t, "segments", err)
	equal(t, "segments", got, want)
}

var sleepTests = []test{
	{"nights/every field comes back", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		full := health.Night{
			Source: "Ada’s Watch", Date: health.DateOf(noon), SleepStart: at(-12 * time.Hour), SleepEnd: at(-5 * time.Hour),
			InBedStart: at(-13 * time.Hour), InBedEnd: at(-4 * time.Hour), Offset: -12600, Order: at(0) + 1,
			Total: 7.5, Asleep: 0.25, Core: 4, Deep: 1.1, REM: 1.2, Awake: 0.3, InBed: 9, Attributes: `{"a":[1]}`,
		}
		bare := health.NewNight()
		bare.Date = full.Date + 1
		writesNights(t, s, user, "write", []health.Night{full, bare}, inserted, inserted)
		holdsNights(t, s, user, full, bare)
		writesNights(t, s, user, "again", []health.Night{full, bare}, unchanged, unchanged)
	}},
	{"nights/spans that overlap are one night, others are naps", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		main := night("Watch", at(-12*time.Hour), at(-5*time.Hour), 6.5)
		nap := night("Watch", at(-2*time.Hour), at(-time.Hour), 0.9)
		other := night("Ring", at(-12*time.Hour), at(-5*time.Hour), 6.4)
		writesNights(t, s, user, "write", []health.Night{nap, main, other}, all(inserted, 3)...)
		before := holdsNights(t, s, user, other, main, nap)

		longer := night("Watch", at(-13*time.Hour), at(-5*time.Hour), 7.5)
		longer.Deep, longer.Order = 1, at(time.Hour)
		writesNights(t, s, user, "more of it", []health.Night{longer}, updated)
		after := holdsNights(t, s, user, longer, other, nap)
		equal(t, "the night keeps its id", after[0].ID, before[1].ID)

		partial := night("Watch", at(-13*time.Hour), at(-5*time.Hour), health.Absent())
		partial.Order = at(2 * time.Hour)
		writesNights(t, s, user, "less of it erases nothing", []health.Night{partial}, unchanged)
		spanless := night("Watch", 0, 0, health.Absent())
		spanless.Order, spanless.InBed = at(2*time.Hour), 8
		writesNights(t, s, user, "without a span", []health.Night{spanless}, updated)
		longer.InBed, longer.Order = 8, at(2*time.Hour)
		holdsNights(t, s, user, longer, other, nap)
	}},
	{"nights/an earlier body only adds", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		late := night("Watch", at(-12*time.Hour), at(-5*time.Hour), 7)
		late.Order = at(time.Hour)
		early := night("Watch", at(-11*time.Hour), at(-5*time.Hour), 6)
		early.Core = 4
		writesNights(t, s, user, "late", []health.Night{late}, inserted)
		writesNights(t, s, user, "early", []health.Night{early}, updated)
		late.Core = 4
		holdsNights(t, s, user, late)
	}},
	{"nights/are found by their date", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		var batch []health.Night
		for day := range 4 {
			n := night("Watch", at(-12*time.Hour)+health.Instant(day)*health.Day, at(-5*time.Hour)+health.Instant(day)*health.Day, 7)
			n.Date += health.Date(day)
			batch = append(batch, n)
		}
		writesNights(t, s, user, "write", batch, all(inserted, 4)...)
		got, err := s.Nights(t.Context(), user, batch[1].Date, batch[2].Date)
		ok(t, "nights", err)
		equal(t, "two dates", got, batch[1:3], cmpopts.IgnoreFields(health.Night{}, "ID"))
		holdsNights(t, s, other)
	}},
	{"segments/are what their source, start, end and stage say", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		deep := health.Segment{Source: "Watch", Start: at(0), End: at(time.Hour), Offset: 3600, Stage: health.StageDeep}
		inBed := deep
		inBed.Stage = health.StageInBed
		longer := deep
		longer.End = at(2 * time.Hour)
		ring := deep
		ring.Source, ring.Stage = "Ring", "Tiefschlaf ⌚"
		batch := []health.Segment{deep, longer, inBed, ring}
		writesSegments(t, s, user, "write", batch, all(inserted, 4)...)
		holdsSegments(t, s, user, store.Range{}, ring, deep, inBed, longer)

		deep.Attributes = `{"a":1}`
		batch[0], batch[1].Offset = deep, 0
		writesSegments(t, s, user, "again, one with attributes", batch, updated, unchanged, unchanged, unchanged)
		batch[0].Attributes = ""
		writesSegments(t, s, user, "again, without them", batch, all(unchanged, 4)...)
		holdsSegments(t, s, user, store.Range{}, ring, deep, inBed, longer)
	}},
	{"segments/are found by their end", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		var batch []health.Segment
		for i := range 6 {
			start := at(time.Duration(i) * time.Hour)
			batch = append(batch, health.Segment{Start: start, End: start + 1800*health.Second, Stage: health.StageCore})
		}
		writesSegments(t, s, user, "write", batch, all(inserted, 6)...)
		holdsSegments(t, s, user, store.Range{From: batch[1].End, To: batch[3].End}, batch[1:3]...)
		holdsSegments(t, s, user, store.Range{From: batch[4].End}, batch[4:]...)
		holdsSegments(t, s, user, store.Range{To: batch[1].End}, batch[0])
		holdsSegments(t, s, other, store.Range{})
	}},
}
