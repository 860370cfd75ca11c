package health

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// entry returns an entry for a workout; its id identifies it.
func entry(id byte, appID, name, source string, start, end Instant) Workout {
	return Workout{
		ID: uuid.UUID{15: id}, AppID: appID, Name: name, Source: source, Start: start * Second, End: end * Second, Duration: Absent(),
	}
}

// groups returns the ids of the entries of each merged workout.
func groups(workouts []Workout) (all [][]byte) {
	for _, t := range MergeWorkouts(workouts) {
		group := []byte{t.ID[15]}
		for i := range t.Also {
			group = append(group, t.Also[i].ID[15])
		}
		all = append(all, group)
	}
	return all
}

func TestMergeWorkoutsByTimes(t *testing.T) {
	t.Parallel()
	const at = 1_700_000_040 // on a minute
	for name, c := range map[string]struct {
		workouts []Workout
		want     [][]byte
	}{
		"the app and Apple's export": {
			[]Workout{entry(1, "A", "Dauerlauf", "", at+7, at+1807), entry(2, "", "Running", "Anna's Watch", at+7, at+1807)},
			[][]byte{{1, 2}},
		},
		"the other way round": {
			[]Workout{entry(2, "", "Running", "Anna's Watch", at+7, at+1807), entry(1, "A", "Dauerlauf", "", at+7, at+1807)},
			[][]byte{{1, 2}},
		},
		"seconds are rounded": {
			[]Workout{entry(1, "A", "Run", "", at+7, at+1807), entry(2, "", "Running", "Watch", at+6, at+1809)},
			[][]byte{{1, 2}},
		},
		"one ends later": {
			[]Workout{entry(1, "A", "Run", "", at, at+1800), entry(2, "", "Running", "Watch", at, at+1804)},
			[][]byte{{1}, {2}},
		},
		"two ids are two workouts": {
			[]Workout{entry(1, "A", "Run", "", at, at+1800), entry(2, "B", "Run", "", at, at+1800)},
			[][]byte{{1}, {2}},
		},
		"two sources in the export are two workouts, of which the closer one is the app's": {
			[]Workout{
				entry(1, "A", "Run", "", at, at+1800),
				entry(2, "", "Running", "Watch", at+1, at+1800),
				entry(3, "B", "Run", "", at+1, at+1800),
				entry(4, "", "Walking", "Phone", at, at+1800),
			},
			[][]byte{{1, 4}, {3, 2}},
		},
		"a table cuts off at the minute": {
			[]Workout{
				entry(1, "", "Lauf", "", at, at+1800),
				entry(2, "", "Running", "Watch", at+40, at+1859),
				entry(3, "A", "Run", "", at+40, at+1859),
			},
			[][]byte{{3, 1, 2}},
		},
		"no end says nothing": {
			[]Workout{entry(1, "A", "Run", "", at, 0), entry(2, "", "Running", "Watch", at, at+1800)},
			[][]byte{{1}, {2}},
		},
	} {
		if diff := cmp.Diff(c.want, groups(c.workouts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Every entry is in one merged workout, whatever the order of the entries.
func TestMergeWorkoutsKeepsEveryEntryOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var workouts []Workout
		for i := range rapid.IntRange(0, 8).Draw(t, "count") {
			start := Instant(rapid.IntRange(0, 130).Draw(t, "start"))
			workouts = append(workouts, entry(byte(i+1), rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "id"), "Run",
				rapid.SampledFrom([]string{"", "Watch"}).Draw(t, "source"), start, start+600+Instant(rapid.IntRange(0, 4).Draw(t, "length"))))
		}
		shuffled := rapid.Permutation(workouts).Draw(t, "order")
		of := func(workouts []Workout) map[byte]byte {
			m := map[byte]byte{}
			for _, group := range groups(workouts) {
				for _, id := range group {
					if _, twice := m[id]; twice {
						t.Fatalf("%d is in two workouts", id)
					}
					m[id] = group[0]
				}
			}
			return m
		}
		if diff := cmp.Diff(of(workouts), of(shuffled)); diff != "" || len(of(workouts)) != len(workouts) {
			t.Fatal(diff)
		}
	})
}

func TestMergedWorkoutIsCompleted(t *testing.T) {
	t.Parallel()
	app := entry(1, "A", "Dauerlauf", "", 7, 1807)
	app.Quantities = map[string]Quantity{"distance": {Value: 5, Unit: "km"}, "humidity": {Value: Absent(), Unit: "%"}}
	app.Series = map[string][]SeriesPoint{"heart_rate_data": {{Time: 7 * Second, Value: 120, Min: Absent(), Max: Absent(), Unit: "count/min"}}}
	app.Route = make([]RoutePoint, 2)
	app.Attributes = `{"location":"Outdoor"}`
	exported := entry(2, "", "Running", "Anna's Watch", 7, 1807)
	exported.Duration = 1750
	exported.Quantities = map[string]Quantity{"distance": {Value: 4.9, Unit: "km"}, "humidity": {Value: 64, Unit: "%"}, "elevation_up": {Value: 65, Unit: "m"}}
	exported.Route = make([]RoutePoint, 9)
	exported.Attributes = `{"events":1,"location":"elsewhere"}`

	merged := MergeWorkouts([]Workout{exported, app})
	if len(merged) != 1 {
		t.Fatalf("%d workouts, want 1", len(merged))
	}
	merged[0].Complete()
	want := app
	want.Source, want.Duration = exported.Source, 1750
	want.Quantities = map[string]Quantity{"distance": {Value: 5, Unit: "km"}, "humidity": {Value: 64, Unit: "%"}, "elevation_up": {Value: 65, Unit: "m"}}
	want.Route = exported.Route
	want.Attributes = `{"events":1,"location":"Outdoor"}`
	if diff := cmp.Diff(want, merged[0].Workout, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(exported.Quantities) != 3 || exported.Quantities["distance"].Value != 4.9 {
		t.Error("an entry has changed")
	}
}
