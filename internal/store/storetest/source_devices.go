package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

func device(source, model, hardware string, first, last health.Instant) health.SourceDevice {
	return health.SourceDevice{Source: source, Device: health.Device{Model: model, Hardware: hardware}, First: first, Last: last}
}

// writesDevices checks whether devices change the ranking of sources that have samples.
func writesDevices(t *testing.T, s store.Store, user uuid.UUID, what string, reranked bool, devices ...health.SourceDevice) {
	t.Helper()
	got, err := s.WriteSourceDevices(t.Context(), store.Body{User: user}, devices)
	ok(t, what, err)
	equal(t, what+": ranked anew", got, reranked)
}

func holdsDevices(t *testing.T, s store.Store, user uuid.UUID, want ...health.SourceDevice) {
	t.Helper()
	order, err := s.SourceOrder(t.Context(), user)
	ok(t, "order", err)
	equal(t, "devices", order.Devices, want)
}

var sourceDeviceTests = []test{
	{"devices/are kept for as long as they were seen", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		blue := device("Blue", "Watch", "Watch6,6", at(time.Hour), at(2*time.Hour))
		phone := device("Aki’s iPhone", "iPhone", "", health.MinInstant, health.MinInstant)
		writesDevices(t, s, ada, "two", false, blue, phone)
		writesDevices(t, s, ada, "the same", false, phone, blue)
		holdsDevices(t, s, ada, phone, blue)
		holdsDevices(t, s, bob)
		holdsDevices(t, s, newID(t))

		earlier := device("Blue", "Watch", "Watch6,6", at(0), at(time.Hour))
		next := device("Blue", "Watch", "Watch7,1", at(3*time.Hour), at(4*time.Hour))
		writesDevices(t, s, ada, "one earlier, and another one with its name", false, earlier, next)
		blue.First = earlier.First
		holdsDevices(t, s, ada, phone, blue, next)

		order := aggregate.SourceOrder{Sources: []string{"Blue"}}
		ok(t, "set an order", s.SetSourceOrder(t.Context(), ada, order))
		got, err := s.SourceOrder(t.Context(), ada)
		ok(t, "order", err)
		order.Devices = []health.SourceDevice{phone, blue, next}
		equal(t, "order and devices", got, order)
		writesDevices(t, s, ada, "none", false)
		_, err = s.WriteSourceDevices(t.Context(), store.Body{User: newID(t)}, order.Devices)
		fails(t, "of somebody unknown", err, problem.NotFound)
	}},
	{"devices/rank the sources of days, also of days that are stored", func(t *testing.T, s store.Store) {
		user, m := createUser(t, s), model{}
		write := func(batch ...health.Sample) {
			t.Helper()
			writes(t, s, user, "samples", batch, m.write(batch)...)
		}
		walk := func(source string, day int, steps float64) health.Sample {
			start := at(time.Duration(24*day) * time.Hour)
			return with(quantity("step_count", start, steps), func(s *health.Sample) { s.Source, s.End = source, start+600*health.Second })
		}
		total := func(what string, want ...float64) {
			t.Helper()
			found, err := s.DaySummaries(t.Context(), user, store.DayQuery{First: health.DateOf(noon) - 10, Last: health.DateOf(noon) + 10})
			ok(t, what, err)
			var got []float64
			for i := range found.Days {
				got = append(got, found.Days[i].Values.Sum)
			}
			equal(t, what, got, want)
		}
		write(walk("Aki iPhone", 0, 700), walk("Blue", 0, 1000))
		total("by their names", 700)

		phone := device("Aki iPhone", "iPhone", "iPhone14,5", at(0), at(0))
		writesDevices(t, s, user, "the phone is what its name says", false, phone)
		writesDevices(t, s, user, "a watch without samples", false, device("Red", "Watch", "Watch5,1", at(0), at(0)))
		watch := device("blue", "Watch", "Watch6,6", at(0), at(0))
		writesDevices(t, s, user, "a watch that was not known as one", true, watch)
		stale, err := s.Stale(t.Context())
		ok(t, "stale", err)
		equal(t, "stale", stale, []uuid.UUID{user})
		found, err := s.DaySummaries(t.Context(), user, store.DayQuery{First: health.DateOf(noon), Last: health.DateOf(noon)})
		ok(t, "days", err)
		equal(t, "stale days", found.Stale, true)

		_, err = s.Rebuild(t.Context(), user)
		ok(t, "rebuild", err)
		total("by their devices", 1000)
		write(walk("Aki iPhone", 1, 70), walk("Blue", 1, 100), walk("Red", 1, 90))
		total("a new day", 1000, 100)
		writesDevices(t, s, user, "a newer watch", true, device("Red", "Watch", "Watch7,1", at(0), at(0)))
		_, err = s.Rebuild(t.Context(), user)
		ok(t, "rebuild", err)
		total("by the newest watch", 1000, 90)
	}},
}
