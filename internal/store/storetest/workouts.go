package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// workout returns a workout of an hour with a figure, a series and a route.
func workout(appID, name string, start health.Instant) health.Workout {
	nan := health.Absent()
	point := health.RoutePoint{
		Time: start, Latitude: 52.5, Longitude: 13.4, Altitude: 34.5, Speed: 2.5, Course: nan,
		HorizontalAccuracy: 3, VerticalAccuracy: nan, SpeedAccuracy: 0, CourseAccuracy: nan,
	}
	next := point
	next.Time, next.Latitude, next.Course = start+health.Second, 52.501, 359.9
	return health.Workout{
		AppID: appID, Name: name, Start: start, End: start + 3600*health.Second, Offset: 3600, OffsetChange: -3600, Source: "Watch", Duration: 3500.5,
		Quantities: map[string]health.Quantity{"active_energy": {Value: 512.25, Unit: "kcal"}, "distance": {Value: 10, Unit: "km"}},
		Series: map[string][]health.SeriesPoint{"heart_rate_data": {
			{Time: start, Offset: 3600, Value: 120, Min: 110, Max: 130, Unit: "count/min", Source: "Watch"},
			{Time: start + 60*health.Second, Offset: 3600, Value: nan, Min: nan, Max: 131.5, Unit: "count/min"},
			{Value: 0, Min: nan, Max: nan},
		}},
		Route:      []health.RoutePoint{point, next},
		Attributes: `{"isIndoor":false,"metadata":{"x":1}}`,
		Order:      at(0),
	}
}

func writesWorkouts(t *testing.T, s store.Store, user uuid.UUID, what string, batch []health.Workout, want ...health.Outcome) {
	t.Helper()
	written, err := s.WriteWorkouts(t.Context(), store.Body{User: user}, batch)
	outcomes(t, what, written, err, want...)
}

var anyID = cmpopts.IgnoreFields(health.Workout{}, "ID")

// holdsWorkouts compares all workouts, newest first, with all that belongs to them, but for their ids.
func holdsWorkouts(t *testing.T, s store.Store, user uuid.UUID, want ...health.Workout) []health.Workout {
	t.Helper()
	listed, err := s.Workouts(t.Context(), user, store.WorkoutQuery{Limit: 1000})
	ok(t, "workouts", err)
	var full []health.Workout
	for _, brief := range listed {
		got, err := s.Workout(t.Context(), user, brief.ID)
		ok(t, "workout", err)
		full = append(full, got)
		got.Series, got.Route = nil, nil
		equal(t, "a workout in a list, without series and route", brief, got)
	}
	equal(t, "workouts", full, want, anyID)
	return full
}

var workoutTests = []test{
	{"workouts/every field comes back", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		full := workout("app 1", "Indoor Läufe", at(0))
		bare := health.Workout{Start: at(-time.Hour), Duration: health.Absent()}
		writesWorkouts(t, s, user, "write", []health.Workout{full, bare}, inserted, inserted)
		got := holdsWorkouts(t, s, user, full, bare)
		if got[0].ID == uuid.Nil || got[0].ID == got[1].ID {
			t.Errorf("ids are %s and %s", got[0].ID, got[1].ID)
		}
		writesWorkouts(t, s, user, "again", []health.Workout{full, bare}, unchanged, unchanged)
	}},
	{"workouts/what is absent erases nothing", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		want := workout("app 1", "Run", at(0))
		writesWorkouts(t, s, user, "write", []health.Workout{want}, inserted)
		id := holdsWorkouts(t, s, user, want)[0].ID

		bare := health.Workout{AppID: "app 1", Name: "Run", Start: at(0), Duration: health.Absent(), Order: at(time.Hour)}
		bare.Series = map[string][]health.SeriesPoint{"heart_rate_data": nil}
		bare.Quantities = map[string]health.Quantity{"distance": {Value: health.Absent(), Unit: "km"}}
		writesWorkouts(t, s, user, "with nothing in it", []health.Workout{bare}, unchanged)
		holdsWorkouts(t, s, user, want)

		steps := []health.SeriesPoint{{Time: at(0), Value: 10, Min: health.Absent(), Max: health.Absent(), Unit: "count"}}
		bare.Series["step_count"] = steps
		bare.Quantities["distance"] = health.Quantity{Value: 11, Unit: "km"}
		writesWorkouts(t, s, user, "with something more", []health.Workout{bare}, updated)
		want.Series["step_count"], want.Quantities["distance"] = steps, bare.Quantities["distance"]
		want.OffsetChange = want.EndOffset() - bare.Offset
		want.Offset, want.Order = bare.Offset, bare.Order
		equal(t, "the id stays", holdsWorkouts(t, s, user, want)[0].ID, id)
	}},
	{"workouts/a series and a route are replaced by others", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first := workout("app 1", "Run", at(0))
		writesWorkouts(t, s, user, "write", []health.Workout{first}, inserted)
		second := workout("app 1", "Run", at(0))
		second.Series["heart_rate_data"] = second.Series["heart_rate_data"][:2]
		second.Route = append(second.Route, health.RoutePoint{Latitude: 1, Longitude: 2})
		writesWorkouts(t, s, user, "write", []health.Workout{second}, updated)
		holdsWorkouts(t, s, user, second)
		writesWorkouts(t, s, user, "again", []health.Workout{second}, unchanged)
	}},
	{"workouts/the app's id may come later, and then stays", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		without := workout("", "Run", at(0))
		writesWorkouts(t, s, user, "without an id", []health.Workout{without}, inserted)
		with := workout("app 1", "Run", at(0))
		writesWorkouts(t, s, user, "with an id", []health.Workout{with}, updated)
		writesWorkouts(t, s, user, "without one again", []health.Workout{without}, unchanged)
		holdsWorkouts(t, s, user, with)

		endless := without
		endless.End = 0
		writesWorkouts(t, s, user, "without an end", []health.Workout{endless}, unchanged)
		renamed := workout("app 1", "Trail run", at(time.Minute))
		writesWorkouts(t, s, user, "with the id, under another name and time", []health.Workout{renamed}, updated)
		holdsWorkouts(t, s, user, renamed)
	}},
	{"workouts/other ids, names and times are other workouts", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		first, second := workout("app 1", "Run", at(0)), workout("app 2", "Run", at(0))
		walk, early := workout("", "Walk", at(0)), workout("", "Run", at(-time.Hour))
		longer := workout("", "Walk", at(0))
		longer.End++
		batch := []health.Workout{first, second, walk, early, longer}
		writesWorkouts(t, s, user, "write", batch, all(inserted, 5)...)
		writesWorkouts(t, s, user, "again", batch, all(unchanged, 5)...)
		// One without an id that might be either is taken for one of them, and makes no third.
		either := workout("", "Run", at(0))
		writesWorkouts(t, s, user, "either of two", []health.Workout{either}, unchanged)
		// A new id takes over no workout that has another id.
		writesWorkouts(t, s, user, "a third id", []health.Workout{workout("app 3", "Run", at(0))}, inserted)
		list, err := s.Workouts(t.Context(), user, store.WorkoutQuery{Limit: 10})
		ok(t, "workouts", err)
		equal(t, "count", len(list), 6)
	}},
	{"workouts/times cut off at the minute are those of the same workout", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		exact := workout("app 1", "Run", at(12*time.Second))
		table := workout("", "Run", at(0))
		table.Source, table.Series, table.Route = "", nil, nil
		writesWorkouts(t, s, user, "from a table", []health.Workout{table}, inserted)
		writesWorkouts(t, s, user, "to the second", []health.Workout{exact}, updated)
		writesWorkouts(t, s, user, "from a table again", []health.Workout{table}, unchanged)
		holdsWorkouts(t, s, user, exact)
		other := workout("", "Run", at(59*time.Second))
		other.Source, other.End = "Watch", other.Start+1800*health.Second
		writesWorkouts(t, s, user, "another of the same minute", []health.Workout{other}, inserted)
		writesWorkouts(t, s, user, "all of them", []health.Workout{table, other}, all(unchanged, 2)...)
	}},
	{"workouts/an earlier body only adds", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		late := workout("app 1", "Run", at(0))
		late.Order, late.Route = at(time.Hour), nil
		early := workout("app 1", "Jog", at(0))
		early.Duration = 1
		writesWorkouts(t, s, user, "late", []health.Workout{late}, inserted)
		writesWorkouts(t, s, user, "early", []health.Workout{early}, updated)
		late.Route = early.Route
		holdsWorkouts(t, s, user, late)
	}},
	{"workouts/are filtered, and paged newest first", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var newestFirst []health.Workout
		for i := range 9 {
			w := workout("", []string{"Läufe", "Walk"}[i%2], at(time.Duration(i/3)*time.Hour))
			w.AppID = "app " + string(rune('a'+i))
			newestFirst = append([]health.Workout{w}, newestFirst...)
			writesWorkouts(t, s, user, "write", []health.Workout{w}, inserted)
		}
		for name, test := range map[string]struct {
			query store.WorkoutQuery
			keep  func(health.Workout) bool
		}{
			"everything": {keep: func(health.Workout) bool { return true }},
			"name":       {store.WorkoutQuery{Name: "läUFE"}, func(w health.Workout) bool { return w.Name == "Läufe" }},
			"range": {
				store.WorkoutQuery{Range: store.Range{From: at(time.Hour), To: at(2 * time.Hour)}},
				func(w health.Workout) bool { return w.Start == at(time.Hour) },
			},
		} {
			var want []string
			for _, w := range newestFirst {
				if test.keep(w) {
					want = append(want, w.AppID)
				}
			}
			for _, limit := range []int{1, 2, 100} {
				equal(t, name, pagesOfWorkouts(t, s, user, test.query, limit), want, cmpopts.SortSlices(func(a, b string) bool { return a < b }))
			}
		}
	}},
	{"workouts/of another user are out of reach", func(t *testing.T, s store.Store) {
		ada, bob := createUser(t, s), createUser(t, s)
		hers, his := workout("app 1", "Run", at(0)), workout("app 1", "Run", at(0))
		writesWorkouts(t, s, ada, "hers", []health.Workout{hers}, inserted)
		id := holdsWorkouts(t, s, ada, hers)[0].ID
		holdsWorkouts(t, s, bob)
		for _, user := range []uuid.UUID{bob, newID(t)} {
			_, err := s.Workout(t.Context(), user, id)
			fails(t, "workout", err, problem.NotFound)
		}
		his.Duration = 1
		writesWorkouts(t, s, bob, "his, with the same id of the app", []health.Workout{his}, inserted)
		holdsWorkouts(t, s, ada, hers)
		_, err := s.Workout(t.Context(), ada, newID(t))
		fails(t, "an id that does not exist", err, problem.NotFound)
	}},
}

// pagesOfWorkouts reads a listing page by page, checks its order, and returns the app ids.
func pagesOfWorkouts(t *testing.T, s store.Store, user uuid.UUID, query store.WorkoutQuery, limit int) (ids []string) {
	t.Helper()
	query.Limit = limit
	for {
		page, err := s.Workouts(t.Context(), user, query)
		ok(t, "workouts", err)
		for _, w := range page {
			before := w.Start < query.BeforeStart || w.Start == query.BeforeStart && w.ID.String() < query.Before.String()
			if query.Before != uuid.Nil && !before {
				t.Errorf("%s at %s comes after %s at %s", w.ID, w.Start, query.Before, query.BeforeStart)
			}
			ids = append(ids, w.AppID)
			query.Before, query.BeforeStart = w.ID, w.Start
		}
		if len(page) < limit {
			return ids
		}
	}
}
