package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// night returns a night that ends on the morning of the 10th.
func night(source string, start, end health.Instant, total float64) health.Night {
	n := health.NewNight()
	n.Source, n.SleepStart, n.SleepEnd, n.Offset, n.Total, n.Order = source, start, end, 3600, total, at(0)
	n.Date = health.DateOf(noon)
	n.SetDate()
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
			InBedStart: at(-13 * time.Hour), InBedEnd: at(-4 * time.Hour), Offset: -12600, OffsetChange: -3600, Order: at(0) + 1,
			FieldOrders: `{"deep":7}`,
			Total:       7.5, Asleep: 0.25, Core: 4, Deep: 1.1, REM: 1.2, Awake: 0.3, InBed: 9, Attributes: `{"a":[1]}`,
		}
		full.SetDate()
		bare := health.NewNight()
		bare.Date = full.Date + 1
		writesNights(t, s, user, "write", []health.Night{full, bare}, inserted, inserted)
		holdsNights(t, s, user, full, bare)
		writesNights(t, s, user, "again", []health.Night{full, bare}, unchanged, unchanged)
	}},
	{"nights/a longer span takes the place of what lies in it", func(t *testing.T, s store.Store) {
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

		fragment := night("Watch", at(-9*time.Hour), at(-5*time.Hour), 3.5)
		fragment.Order, fragment.REM = at(2*time.Hour), 2
		writesNights(t, s, user, "a part of it", []health.Night{fragment}, unchanged)
		holdsNights(t, s, user, longer, other, nap)

		partial := night("Watch", at(-13*time.Hour), at(-5*time.Hour), health.Absent())
		partial.Order, partial.Core = at(2*time.Hour), 5
		writesNights(t, s, user, "the same span", []health.Night{partial}, updated)
		got, err := s.Nights(t.Context(), user, longer.Date, longer.Date)
		ok(t, "nights", err)
		if n := got[0]; n.Total != 7.5 || n.Deep != 1 || n.Core != 5 || n.Order != at(2*time.Hour) {
			t.Errorf("fields of one span are not merged: %+v", n)
		}
	}},
	{"nights/the whole takes the place of several parts, also of one body", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		evening := night("Watch", at(-20*time.Hour), at(-18*time.Hour), 1.8) // which is of the day before
		morning := night("Watch", at(-13*time.Hour), at(-5*time.Hour), 7.5)
		whole := night("Watch", at(-20*time.Hour), at(-5*time.Hour), 9.5)
		writesNights(t, s, user, "write", []health.Night{evening}, inserted)
		writesNights(t, s, user, "write", []health.Night{morning, whole}, inserted, updated)
		holdsNights(t, s, user, whole)
		writesNights(t, s, user, "again", []health.Night{morning, evening, whole}, all(unchanged, 3)...)
		holdsNights(t, s, user, whole)
	}},
	{"nights/any order of processing stores the same", func(t *testing.T, s store.Store) {
		rapid.Check(t, func(rt *rapid.T) {
			var sent []health.Night
			for i := range rapid.IntRange(1, 6).Draw(rt, "count") {
				from, length := rapid.IntRange(-16, -6).Draw(rt, "from"), rapid.IntRange(1, 8).Draw(rt, "length")
				n := night(rapid.SampledFrom([]string{"Watch", "Ring"}).Draw(rt, "source"),
					at(time.Duration(from)*time.Hour), at(time.Duration(from+length)*time.Hour), health.Absent())
				for _, field := range []*float64{&n.Total, &n.Deep, &n.InBed} {
					*field = rapid.SampledFrom([]float64{health.Absent(), 1, 2, 3}).Draw(rt, "hours")
				}
				if rapid.IntRange(0, 3).Draw(rt, "span") == 0 {
					n.SleepStart, n.SleepEnd = 0, 0
				}
				n.Order = at(time.Duration(i) * time.Hour)
				sent = append(sent, n)
			}
			stored := func(order []health.Night) []health.Night {
				user := createUser(t, s)
				for i := range order {
					_, err := s.WriteNights(t.Context(), store.Body{User: user}, order[i:i+1])
					ok(t, "write", err)
				}
				nights, err := s.Nights(t.Context(), user, health.DateOf(noon)-10, health.DateOf(noon)+10)
				ok(t, "nights", err)
				slices.SortFunc(nights, func(a, b health.Night) int {
					return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.SleepStart, b.SleepStart),
						cmp.Compare(a.SleepEnd, b.SleepEnd), cmp.Compare(a.Date, b.Date))
				})
				return nights
			}
			want, got := stored(sent), stored(rapid.Permutation(sent).Draw(rt, "order"))
			if diff := gocmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(health.Night{}, "ID")); diff != "" {
				rt.Fatalf("(-in order +in this order):\n%s", diff)
			}
		})
	}},
	{"nights/the rule that joins them", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		for _, gap := range []health.Instant{aggregate.DefaultSleepGap, 0, 90 * 60 * health.Second} {
			if gap != aggregate.DefaultSleepGap {
				ok(t, "set", s.SetSleepRule(t.Context(), user, aggregate.SleepRule{Gap: gap}))
			}
			got, err := s.SleepRule(t.Context(), user)
			ok(t, "rule", err)
			equal(t, "rule", got, aggregate.SleepRule{Gap: gap})
		}
		got, err := s.SleepRule(t.Context(), other)
		ok(t, "rule of somebody else", err)
		equal(t, "rule of somebody else", got, aggregate.SleepRule{Gap: aggregate.DefaultSleepGap})
		fails(t, "rule of nobody", s.SetSleepRule(t.Context(), newID(t), aggregate.SleepRule{}), problem.NotFound)
	}},
	{"nights/are found by their date", func(t *testing.T, s store.Store) {
		user, other := createUser(t, s), createUser(t, s)
		var batch []health.Night
		for day := range 4 {
			n := night("Watch", at(-12*time.Hour)+health.Instant(day)*health.Day, at(-5*time.Hour)+health.Instant(day)*health.Day, 7)
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
		deep := health.Segment{Source: "Watch", Start: at(0), End: at(time.Hour), Offset: 3600, OffsetChange: 3600, Stage: health.StageDeep}
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
