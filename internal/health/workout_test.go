package health

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestSameWorkout(t *testing.T) {
	t.Parallel()
	run := Workout{Name: "Running", Start: 100, End: 200}
	with := func(change func(*Workout)) Workout {
		w := run
		change(&w)
		return w
	}
	hour := func(from, to Instant, source string) Workout {
		w := Workout{Name: "Running", Start: Day + from*Second, Source: source}
		if to != 0 {
			w.End = Day + to*Second
		}
		return w
	}
	id := func(id string) func(*Workout) { return func(w *Workout) { w.AppID = id } }
	for _, test := range []struct {
		name string
		a, b Workout
		same bool
	}{
		{"itself", run, run, true},
		{"same id, all else another", with(id("A")), Workout{AppID: "A", Name: "Walking", Start: 5}, true},
		{"other id, all else the same", with(id("A")), with(id("B")), false},
		{"one without id", with(id("A")), run, true},
		{"one without id, other end", with(id("A")), with(func(w *Workout) { w.End = 300 }), false},
		{"end not sent", run, with(func(w *Workout) { w.End = 0 }), true},
		{"other name", run, with(func(w *Workout) { w.Name = "Correr" }), false},
		{"other start", run, with(func(w *Workout) { w.Start = 101 }), false},
		{"cut off at the minute", hour(0, 3600, ""), hour(12, 3659, "Watch"), true},
		{"cut off at the minute, other end", hour(0, 3600, ""), hour(12, 3661, "Watch"), false},
		{"cut off at the minute, other start", hour(0, 3600, ""), hour(60, 3659, "Watch"), false},
		{"cut off at the minute, end not sent", hour(0, 3600, ""), hour(59, 0, ""), true},
		{"end cut off at the minute", hour(12, 3600, ""), hour(12, 3659, "Watch"), true},
		{"on the minute, but not cut off", hour(0, 3600, "Watch"), hour(12, 3659, "Watch"), false},
		{"other source and route", run, with(func(w *Workout) { w.Source, w.Route = "x", []RoutePoint{{}} }), true},
	} {
		if test.a.SameWorkout(&test.b) != test.same || test.b.SameWorkout(&test.a) != test.same {
			t.Errorf("%s: want %v both ways", test.name, test.same)
		}
	}
}

// A table of the app has times by the minute only: seconds that are known stay.
func TestMergeKeepsTheSeconds(t *testing.T) {
	t.Parallel()
	exact := Workout{Name: "Running", Start: Day + 12*Second, End: Day + 3659*Second, Source: "Watch", Duration: 3500, Order: 1}
	table := Workout{Name: "Running", Start: Day, End: Day + 3600*Second, Duration: 3500, Order: 2}
	merged := exact
	if merged.MergeFrom(&table) || merged.Start != exact.Start || merged.End != exact.End {
		t.Errorf("the table changed the times to %v, %v", merged.Start, merged.End)
	}
	merged = table
	if !merged.MergeFrom(&exact) || merged.Start != exact.Start || merged.End != exact.End {
		t.Errorf("the exact times were not taken over the table's: %v, %v", merged.Start, merged.End)
	}
	begun := Workout{Name: "Running", Start: Day + 12*Second, Duration: Absent(), Order: 3}
	merged = begun
	if !merged.MergeFrom(&table) || merged.Start != begun.Start || merged.End != table.End {
		t.Errorf("a start to the second and an end to the minute make %v, %v", merged.Start, merged.End)
	}
}

func TestMergeWorkouts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before, other := workouts().Draw(t, "workout"), workouts().Draw(t, "other")
		sent := copyOf(other)
		workout := copyOf(before)
		changed := workout.MergeFrom(&other)
		if changed == cmp.Equal(before, workout, cmpopts.EquateNaNs()) {
			t.Fatalf("changed = %v from %+v to %+v", changed, before, workout)
		}
		if diff := cmp.Diff(sent, other, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("merging changed what was merged:\n%s", diff)
		}
		once := copyOf(workout)
		if workout.MergeFrom(&other) {
			t.Fatalf("merging the same again changes\n%s", cmp.Diff(once, workout, cmpopts.EquateNaNs()))
		}
		earlier, later := inOrder(&before, &other, before.Order, other.Order)
		checkMerged(t, workoutFields(earlier), workoutFields(later), workoutFields(&workout))
		if last := max(before.Order, other.Order); changed && workout.Order != last {
			t.Fatalf("received %v, want %v", workout.Order, last)
		}
		empty := Workout{
			Duration:   Absent(),
			Quantities: map[string]Quantity{"distance": {Value: Absent()}},
			Series:     map[string][]SeriesPoint{"step_count": {}, "heart_rate_data": nil},
			Route:      []RoutePoint{},
			Order:      rapid.SampledFrom([]Instant{0, 9}).Draw(t, "empty received"),
		}
		if workout.MergeFrom(&empty) {
			t.Fatalf("merging nothing changes\n%s", cmp.Diff(once, workout, cmpopts.EquateNaNs()))
		}
	})
}

// Readings that differ by the noise of the app's own arithmetic are no change.
func TestMergeWorkoutsPassesOverNoise(t *testing.T) {
	t.Parallel()
	noisy := func(factor float64) Workout {
		return Workout{
			Name: "Running", Start: 100, Duration: 1800 * factor,
			Quantities: map[string]Quantity{"distance": {Value: 5 * factor, Unit: "km"}},
			Series:     map[string][]SeriesPoint{"step_count": {{Time: 100, Value: 150 * factor, Min: Absent(), Max: Absent()}}},
			Route:      []RoutePoint{{Time: 100, Latitude: 48.1 * factor, Longitude: 11.5, Altitude: Absent()}},
		}
	}
	a, b := noisy(1), noisy(1+1e-12)
	if a.MergeFrom(&b) {
		t.Errorf("noise changed the workout to %+v", a)
	}
	c := noisy(1.001)
	if !a.MergeFrom(&c) || !SameValue(a.Quantities["distance"].Value, 5.005) {
		t.Errorf("a real change was passed over: %+v", a)
	}
}

// One different reading anywhere in a series or a route is a change.
func TestMergeWorkoutsSeesEveryDifference(t *testing.T) {
	t.Parallel()
	point := SeriesPoint{Time: 1, Value: 1, Min: 1, Max: 1, Unit: "count", Source: "Watch"}
	for name, change := range map[string]func(*SeriesPoint){
		"time": func(p *SeriesPoint) { p.Time++ }, "value": func(p *SeriesPoint) { p.Value++ },
		"min": func(p *SeriesPoint) { p.Min++ }, "max": func(p *SeriesPoint) { p.Max++ },
		"unit": func(p *SeriesPoint) { p.Unit = "km" }, "source": func(p *SeriesPoint) { p.Source = "" },
		"absent": func(p *SeriesPoint) { p.Value = Absent() },
	} {
		other := point
		change(&other)
		w := Workout{Series: map[string][]SeriesPoint{"s": {point, point}}}
		if !w.MergeFrom(&Workout{Series: map[string][]SeriesPoint{"s": {point, other}}}) || len(w.Series["s"]) != 2 {
			t.Errorf("another %s in a series is no change", name)
		}
	}
	place := RoutePoint{Time: 1, Latitude: 1, Longitude: 1, Altitude: 1, Speed: 1, Course: 1}
	for name, change := range map[string]func(*RoutePoint){
		"time": func(p *RoutePoint) { p.Time++ }, "latitude": func(p *RoutePoint) { p.Latitude++ },
		"longitude": func(p *RoutePoint) { p.Longitude++ }, "altitude": func(p *RoutePoint) { p.Altitude++ },
		"speed": func(p *RoutePoint) { p.Speed++ }, "course": func(p *RoutePoint) { p.Course++ },
		"horizontal accuracy": func(p *RoutePoint) { p.HorizontalAccuracy++ },
		"vertical accuracy":   func(p *RoutePoint) { p.VerticalAccuracy++ },
		"speed accuracy":      func(p *RoutePoint) { p.SpeedAccuracy++ },
		"course accuracy":     func(p *RoutePoint) { p.CourseAccuracy++ },
	} {
		other := place
		change(&other)
		w := Workout{Route: []RoutePoint{place, place}}
		if !w.MergeFrom(&Workout{Route: []RoutePoint{place, other}}) || w.Route[1] != other {
			t.Errorf("another %s in a route is no change", name)
		}
	}
	w := Workout{Route: []RoutePoint{place}}
	if !w.MergeFrom(&Workout{Route: []RoutePoint{place, place}}) || len(w.Route) != 2 {
		t.Error("a longer route is no change")
	}
}

func workouts() *rapid.Generator[Workout] {
	names := rapid.SampledFrom([]string{"", "Running", "Correr"})
	quantity := rapid.Custom(func(t *rapid.T) Quantity {
		return Quantity{Value: readings().Draw(t, "value"), Unit: rapid.SampledFrom([]string{"km", "kcal"}).Draw(t, "unit")}
	})
	return rapid.Custom(func(t *rapid.T) Workout {
		w := Workout{
			AppID: rapid.SampledFrom([]string{"", "A"}).Draw(t, "id"), Name: names.Draw(t, "name"),
			Start: moments().Draw(t, "start"), End: moments().Draw(t, "end"),
			Offset: rapid.SampledFrom([]int32{0, 3600}).Draw(t, "offset"), Source: names.Draw(t, "source"),
			Duration:   readings().Draw(t, "duration"),
			Attributes: attributes().Draw(t, "attributes"),
			Order:      rapid.SampledFrom([]Instant{1, 2, 3}).Draw(t, "received"),
		}
		for _, name := range []string{"distance", "active_energy"} {
			if q := quantity.Draw(t, name); !IsAbsent(q.Value) {
				if w.Quantities == nil {
					w.Quantities = map[string]Quantity{}
				}
				w.Quantities[name] = q
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "points") {
			if w.Series == nil {
				w.Series = map[string][]SeriesPoint{}
			}
			w.Series["step_count"] = append(w.Series["step_count"], SeriesPoint{
				Time: moments().Draw(t, "time"), Value: readings().Draw(t, "value"), Min: Absent(), Max: Absent(),
			})
			w.Route = append(w.Route, RoutePoint{Time: moments().Draw(t, "time"), Altitude: readings().Draw(t, "altitude")})
		}
		return w
	})
}

// workoutFields lists the fields that a later entry may leave out.
func workoutFields(w *Workout) []any {
	return []any{
		w.AppID, w.Name, w.Source, w.Start, w.End, w.Duration,
		w.Quantities["distance"], w.Quantities["active_energy"], w.Series["step_count"], w.Route,
	}
}

func copyOf(w Workout) Workout {
	w.Quantities, w.Series = maps.Clone(w.Quantities), maps.Clone(w.Series)
	return w
}
