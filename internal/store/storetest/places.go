package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// placed returns a workout whose route goes through places.
func placed(appID string, places ...health.Place) health.Workout {
	w := health.Workout{AppID: appID, Name: "Run", Start: at(0), Duration: health.Absent()}
	for _, place := range places {
		w.Route = append(w.Route, health.RoutePoint{Latitude: place.Latitude, Longitude: place.Longitude})
	}
	return w
}

// genPlace prefers places near the antimeridian and the poles.
var genPlace = rapid.Custom(func(t *rapid.T) health.Place {
	corner := rapid.SampledFrom([]health.Place{{Latitude: 52.5, Longitude: 13.4}, {Latitude: -18, Longitude: 180}, {Latitude: 89, Longitude: 0}, {}}).Draw(t, "corner")
	place := health.Place{
		Latitude:  corner.Latitude + genMicrodegrees(1).Draw(t, "latitude"),
		Longitude: corner.Longitude + genMicrodegrees(2).Draw(t, "longitude"),
	}
	if place.Longitude > 180 {
		place.Longitude -= 360
	}
	return place
})

// genMicrodegrees gives angles of up to so many degrees, in steps of a tenth of a metre. What is nearer to the edge of a box
// than that, no two ways of computing need agree on.
func genMicrodegrees(most int) *rapid.Generator[float64] {
	return rapid.Map(rapid.IntRange(-most*1_000_000, most*1_000_000), func(n int) float64 { return float64(n) / 1e6 })
}

var placeTests = []test{
	{"places/are found as package health finds them", func(t *testing.T, s store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			user := createUser(t, s)
			var workouts []health.Workout
			for i := range rapid.IntRange(1, 8).Draw(t, "workouts") {
				places := rapid.SliceOfN(genPlace, 0, 4).Draw(t, "route")
				workouts = append(workouts, placed(fmt.Sprint("app ", i), places...))
			}
			written, err := s.WriteWorkouts(t.Context(), store.Body{User: user}, workouts)
			outcomes(t, "write", written, err, all(inserted, len(workouts))...)

			a, b := genPlace.Draw(t, "corner of the box"), genPlace.Draw(t, "other corner")
			box := &health.Box{
				South: min(a.Latitude, b.Latitude), North: max(a.Latitude, b.Latitude), West: a.Longitude, East: b.Longitude,
			}
			near := &health.Circle{Center: genPlace.Draw(t, "center"), Radius: rapid.Float64Range(0, 300_000).Draw(t, "radius")}
			for _, query := range []store.WorkoutQuery{{Box: box}, {Near: near}, {Box: box, Near: near}} {
				var want []string
				for _, w := range workouts {
					if (query.Box == nil || health.Crosses(w.Route, *box)) &&
						(query.Near == nil || health.DistanceTo(w.Route, near.Center) <= near.Radius) {
						want = append(want, w.AppID)
					}
				}
				found := foundAt(t, s, user, query)
				equal(t, fmt.Sprintf("box %v, near %v", query.Box, query.Near), found, want)
			}
		})
	}},
	{"places/the shortest way bends towards the pole", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		flight := placed("app", health.Place{Latitude: 60, Longitude: -60}, health.Place{Latitude: 60, Longitude: 60})
		written, err := s.WriteWorkouts(t.Context(), store.Body{User: user}, []health.Workout{flight})
		outcomes(t, "write", written, err, inserted)
		for latitude, want := range map[float64][]string{60: nil, 73.9: {"app"}, 85: nil} {
			near := &health.Circle{Center: health.Place{Latitude: latitude}, Radius: 10_000}
			equal(t, fmt.Sprint("at ", latitude), foundAt(t, s, user, store.WorkoutQuery{Near: near}), want)
		}
	}},
	{"places/a page is filled although most workouts are elsewhere", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		var batch []health.Workout
		for i := range 60 {
			w := placed(fmt.Sprintf("app %02d", i), health.Place{Latitude: 50, Longitude: float64(i % 20)})
			w.Start -= health.Instant(i)
			batch = append(batch, w)
		}
		written, err := s.WriteWorkouts(t.Context(), store.Body{User: user}, batch)
		outcomes(t, "write", written, err, all(inserted, len(batch))...)
		query := store.WorkoutQuery{Box: &health.Box{South: 49, North: 51, West: 6.5, East: 7.5}}
		equal(t, "pages of two", pagesOfWorkouts(t, s, user, query, 2), []string{"app 07", "app 27", "app 47"})
	}},
}

func foundAt(t tester, s store.Store, user [16]byte, query store.WorkoutQuery) (ids []string) {
	t.Helper()
	query.Limit = 3
	for {
		page, err := s.Workouts(t.Context(), user, query)
		ok(t, "workouts", err)
		for _, w := range page {
			ids = append(ids, w.AppID)
			query.Before, query.BeforeStart = w.ID, w.Start
		}
		if len(page) < query.Limit {
			slices.SortFunc(ids, cmp.Compare)
			return ids
		}
	}
}
