package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

func writesEvents(t *testing.T, s store.Store, user uuid.UUID, what string, batch []health.Event, want ...health.Outcome) {
	t.Helper()
	written, err := s.WriteEvents(t.Context(), store.Body{User: user}, batch)
	outcomes(t, what, written, err, want...)
}

func holdsEvents(t *testing.T, s store.Store, user uuid.UUID, query store.EventQuery, want ...health.Event) {
	t.Helper()
	got, err := s.Events(t.Context(), user, query)
	ok(t, "events", err)
	equal(t, "events", got, want)
}

func symptom(name string, start health.Instant) health.Event {
	return health.Event{Kind: "symptom", Name: name, Start: start, Source: "Health", Order: at(0), Attributes: `{"severity":"mild"}`}
}

var eventTests = []test{
	{"events/every field comes back", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		full := health.Event{
			Kind: "state_of_mind", AppID: "app 1", Name: "Zufrieden ☺", Start: at(0), End: at(time.Hour), Offset: -12600,
			Source: "iPhone", Attributes: `{"valence":0.5,"labels":["a"]}`, Order: at(time.Second) + 1,
		}
		timeless := health.Event{Kind: "newThings", Digest: "d1g35t", Attributes: `{"x":1}`}
		writesEvents(t, s, user, "write", []health.Event{full, timeless}, inserted, inserted)
		holdsEvents(t, s, user, store.EventQuery{}, timeless, full)
		writesEvents(t, s, user, "again", []health.Event{full, timeless}, unchanged, unchanged)
	}},
	{"events/without an id: kind, name and start tell them apart", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first, name, start := symptom("Fatigue", at(0)), symptom("Headache", at(0)), symptom("Fatigue", at(time.Second))
		kind := symptom("Fatigue", at(0))
		kind.Kind = "medication"
		one, other := symptom("", 0), symptom("", 0)
		one.Digest, other.Digest = "1", "2"
		batch := []health.Event{first, name, start, kind, one, other}
		writesEvents(t, s, user, "write", batch, all(inserted, 6)...)
		holdsEvents(t, s, user, store.EventQuery{}, one, other, kind, first, name, start)

		first.Attributes, first.End, first.Order = `{"severity":"severe"}`, at(time.Hour), at(time.Hour)
		writesEvents(t, s, user, "changed", []health.Event{first}, updated)
		holdsEvents(t, s, user, store.EventQuery{}, one, other, kind, first, name, start)
		bare := symptom("Fatigue", at(0))
		bare.Attributes, bare.Source, bare.Order = "", "", at(2*time.Hour)
		writesEvents(t, s, user, "what is absent erases nothing", []health.Event{bare}, unchanged)
	}},
	{"events/several of one kind, name and start", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		dose := func(attributes string, order time.Duration) health.Event {
			e := symptom("Ibuprofen", at(0))
			e.Kind, e.Attributes, e.Order = health.Medication, attributes, at(order)
			return e
		}
		numbered := func(e health.Event, digest string) health.Event {
			e.Digest = digest
			return e
		}
		one, two := dose(`{"dosage":1,"status":"Taken"}`, 0), dose(`{"dosage":2,"status":"Taken"}`, 0)
		batch := []health.Event{one, two, two}
		writesEvents(t, s, user, "write", batch, all(inserted, 3)...)
		equal(t, "the caller's batch", batch, []health.Event{one, two, two})
		stored := []health.Event{one, numbered(two, "2"), numbered(two, "3")}
		holdsEvents(t, s, user, store.EventQuery{}, stored...)
		writesEvents(t, s, user, "again, in another order", []health.Event{two, one, two}, all(unchanged, 3)...)

		skipped := dose(`{"dosage":2,"status":"Skipped"}`, time.Hour)
		writesEvents(t, s, user, "the status of one", []health.Event{skipped}, updated)
		stored[1] = numbered(skipped, "2")
		holdsEvents(t, s, user, store.EventQuery{}, stored...)
		var paged []health.Event
		for after := (*health.EventKey)(nil); len(paged) < 5; {
			page, err := s.Events(t.Context(), user, store.EventQuery{Limit: 1, After: after})
			ok(t, "events", err)
			if len(page) == 0 {
				break
			}
			key := page[0].Place()
			paged, after = append(paged, page...), &key
		}
		equal(t, "in pages of one", paged, stored)

		mild, severe := symptom("Headache", at(0)), symptom("Headache", at(0))
		severe.Attributes = `{"severity":"severe"}`
		writesEvents(t, s, user, "two symptoms", []health.Event{mild, severe}, inserted, inserted)
		writesEvents(t, s, user, "one of them", []health.Event{severe}, unchanged)
	}},
	{"events/with an id: all else may change", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := symptom("Fatigue", at(0))
		first.AppID = "app 1"
		without := symptom("Fatigue", at(0))
		second := symptom("Fatigue", at(0))
		second.AppID = "app 2"
		writesEvents(t, s, user, "write", []health.Event{first, without, second}, all(inserted, 3)...)
		moved := first
		moved.Name, moved.Start, moved.Order = "Tired", at(time.Hour), at(time.Hour)
		writesEvents(t, s, user, "moved", []health.Event{moved}, updated)
		holdsEvents(t, s, user, store.EventQuery{}, without, second, moved)
		writesEvents(t, s, user, "an earlier body", []health.Event{first}, unchanged)
		holdsEvents(t, s, user, store.EventQuery{}, without, second, moved)
	}},
	{"events/are filtered, and paged so that each comes once", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var batch []health.Event
		for i := range 24 {
			e := symptom(fmt.Sprint("name ", i%2), at(time.Duration(i/8)*time.Hour))
			e.Kind = []string{"symptom", "medication"}[i/4%2]
			switch i % 4 {
			case 1, 2:
				e.AppID = fmt.Sprint("app ", 99-i)
			case 3:
				e.Start, e.Digest = 0, fmt.Sprint("digest ", i)
			}
			batch = append(batch, e)
		}
		writesEvents(t, s, user, "write", batch, all(inserted, len(batch))...)
		slices.SortFunc(batch, func(a, b health.Event) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
				cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Digest, b.Digest))
		})
		for name, test := range map[string]struct {
			query store.EventQuery
			keep  func(health.Event) bool
		}{
			"everything": {keep: func(health.Event) bool { return true }},
			"kind":       {store.EventQuery{Kind: "medication"}, func(e health.Event) bool { return e.Kind == "medication" }},
			"name":       {store.EventQuery{Name: "name 1"}, func(e health.Event) bool { return e.Name == "name 1" }},
			"range": {
				store.EventQuery{Range: store.Range{From: at(0), To: at(time.Hour)}},
				func(e health.Event) bool { return e.Start == at(0) },
			},
		} {
			want := slices.DeleteFunc(slices.Clone(batch), func(e health.Event) bool { return !test.keep(e) })
			holdsEvents(t, s, user, test.query, want...)
			for _, limit := range []int{1, 5} {
				query := test.query
				query.Limit = limit
				var got []health.Event
				for {
					page, err := s.Events(t.Context(), user, query)
					ok(t, "events", err)
					got = append(got, page...)
					if len(page) < limit {
						break
					}
					key := page[len(page)-1].Key()
					query.After = &key
				}
				equal(t, fmt.Sprintf("%s, pages of %d", name, limit), got, want)
			}
		}
	}},
	{"events/of another user are out of reach", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		hers := symptom("Fatigue", at(0))
		hers.AppID = "app 1"
		his := hers
		his.Name = "Headache"
		writesEvents(t, s, ada, "hers", []health.Event{hers}, inserted)
		holdsEvents(t, s, bob, store.EventQuery{})
		writesEvents(t, s, bob, "his", []health.Event{his}, inserted)
		holdsEvents(t, s, ada, store.EventQuery{}, hers)
	}},
}
