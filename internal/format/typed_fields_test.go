package format

import (
	"slices"
	"testing"

	"github.com/health-export/health-export/internal/catalog"
)

// TestTypedFieldsAreInTheCatalogue checks that every field of the typed form names a metric by its own name, not by an
// alias, and has a unit that can be converted to the metric's.
func TestTypedFieldsAreInTheCatalogue(t *testing.T) {
	t.Parallel()
	table, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for family, form := range fromCatalog().schemas {
		for _, field := range form.fields {
			metric, ok := table.Lookup(field.metric)
			if !ok || metric.Name != field.metric {
				t.Errorf("%s: %s: the catalogue has no metric named %q", family, field.name, field.metric)
				continue
			}
			if _, ok := metric.Convert(field.unit); !ok {
				t.Errorf("%s: %s: %s does not accept the unit %q", family, field.name, field.metric, field.unit)
			}
		}
	}
}

// TestWorkoutUnitsConvert checks that every unit that the app uses for a quantity of a workout can be converted to
// its canonical unit.
func TestWorkoutUnitsConvert(t *testing.T) {
	t.Parallel()
	table, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, units := range map[string][]string{
		"active_energy": {"kcal", "kJ"}, "basal_energy": {"kJ"}, "total_energy": {"kJ"}, "intensity": {"MET", "kcal/hr·kg"},
		"distance": {"mi", "m", "yd"}, "lap_length": {"yd", "km"}, "speed": {"mph", "kmph", "mi/hr", "m/s"},
		"avg_speed": {"mi/hr"}, "max_speed": {"km/hr"}, "elevation_up": {"ft"}, "elevation_down": {"ft"},
		"temperature": {"degF"}, "humidity": {"%"}, "avg_heart_rate": {"bpm"}, "max_heart_rate": {"bpm"},
		"min_heart_rate": {"bpm"}, "step_cadence": {"spm"}, "swim_cadence": {"spm", "count/min"},
		"step_count": {"steps", "count"}, "flights_climbed": {"count"}, "swimming_stroke_count": {"count"},
	} {
		for _, unit := range units {
			if _, ok := table.Conversion(unit, WorkoutUnits[name]); !ok {
				t.Errorf("%s: %q does not convert to %q", name, unit, WorkoutUnits[name])
			}
		}
	}
	for _, f := range workoutQuantities {
		if WorkoutUnits[f.name] == "" {
			t.Errorf("%s has no canonical unit", f.name)
		}
	}
}

// TestTypedNames checks that every type of the typed form that the list offers has a decoder, and the other way round.
func TestTypedNames(t *testing.T) {
	t.Parallel()
	var families []string
	for _, name := range typedNames() {
		families = append(families, familyName(name))
	}
	for family := range fromCatalog().schemas {
		if !slices.Contains(families, family) {
			t.Errorf("%s is not listed", family)
		}
	}
	for family := range typedEvents {
		if !slices.Contains(families, family) {
			t.Errorf("%s is not listed", family)
		}
	}
	if want := len(fromCatalog().schemas) + len(typedEvents) + 2; len(families) != want { // Workout and Sleep
		t.Errorf("%d types are listed, %d are read", len(families), want)
	}
}
