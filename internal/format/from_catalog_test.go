package format

import (
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/catalog"
)

func TestTablesFromTheCatalogue(t *testing.T) {
	t.Parallel()
	is := func(table map[string]bool) []string {
		maps.DeleteFunc(table, func(_ string, is bool) bool { return !is })
		return slices.Sorted(maps.Keys(table))
	}
	got := newCatalogTables(catalogWith(t, ""))
	if diff := cmp.Diff([]string{
		"AppleWalkingSteadiness", "AtrialFibrillationBurden", "BloodAlcoholContent", "BodyFatPercentage",
		"OxygenSaturation", "PeripheralPerfusionIndex", "WalkingAsymmetryPercentage", "WalkingDoubleSupportPercentage",
	}, is(got.fractions)); diff != "" {
		t.Errorf("fractions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"HandwashingEvent", "MindfulSession", "ToothbrushingEvent"}, is(got.durations)); diff != "" {
		t.Errorf("durations (-want +got):\n%s", diff)
	}
	kinds := map[string][]string{}
	for category, kind := range got.kinds {
		kinds[kind] = append(kinds[kind], category)
	}
	for _, categories := range kinds {
		slices.Sort(categories)
	}
	if diff := cmp.Diff(map[string][]string{
		"symptom": {
			"AbdominalCramps", "Acne", "AppetiteChanges", "BladderIncontinence", "Bloating", "BreastPain",
			"ChestTightnessOrPain", "Chills", "Constipation", "Coughing", "Diarrhea", "Dizziness", "DrySkin", "Fainting",
			"Fatigue", "Fever", "GeneralizedBodyAche", "HairLoss", "Headache", "Heartburn", "HotFlashes", "LossOfSmell",
			"LossOfTaste", "LowerBackPain", "MemoryLapse", "MoodChanges", "Nausea", "NightSweats", "PelvicPain",
			"RapidPoundingOrFlutteringHeartbeat", "RunnyNose", "ShortnessOfBreath", "SinusCongestion", "SkippedHeartbeat",
			"SleepChanges", "SoreThroat", "VaginalDryness", "Vomiting", "Wheezing",
		},
		"cycle_tracking": {
			"BleedingAfterPregnancy", "BleedingDuringPregnancy", "CervicalMucusQuality", "Contraceptive",
			"InfrequentMenstrualCycles", "IntermenstrualBleeding", "IrregularMenstrualCycles", "Lactation", "MenstrualFlow",
			"OvulationTestResult", "PersistentIntermenstrualBleeding", "Pregnancy", "PregnancyTestResult",
			"ProgesteroneTestResult", "ProlongedMenstrualPeriods", "SexualActivity",
		},
		"heart_rate_notification": {"HighHeartRateEvent", "IrregularHeartRhythmEvent", "LowHeartRateEvent"},
		"safety_event": {
			"AppleWalkingSteadinessEvent", "AudioExposureEvent", "EnvironmentalAudioExposureEvent",
			"HeadphoneAudioExposureEvent", "LowCardioFitnessEvent", "SleepApneaEvent",
		},
	}, kinds); diff != "" {
		t.Errorf("kinds of events (-want +got):\n%s", diff)
	}
}

// The fields of the Nutrition type are those of its description.
func TestNutrients(t *testing.T) {
	t.Parallel()
	want := map[string][2]string{
		"dietary_biotin":                {"dietary_biotin", "mcg"},
		"dietary_caffeine":              {"caffeine", "mg"},
		"dietary_calcium":               {"calcium", "mg"},
		"dietary_carbohydrates":         {"carbohydrates", "g"},
		"dietary_chloride":              {"chloride", "mg"},
		"dietary_cholesterol":           {"dietary_cholesterol", "mg"},
		"dietary_chromium":              {"chromium", "mcg"},
		"dietary_copper":                {"copper", "mg"},
		"dietary_energy_consumed":       {"dietary_energy", "kcal"},
		"dietary_fat_monounsaturated":   {"monounsaturated_fat", "g"},
		"dietary_fat_polyunsaturated":   {"polyunsaturated_fat", "g"},
		"dietary_fat_saturated":         {"saturated_fat", "g"},
		"dietary_fat_total":             {"total_fat", "g"},
		"dietary_fiber":                 {"fiber", "g"},
		"dietary_folate":                {"folate", "mcg"},
		"dietary_iodine":                {"iodine", "mcg"},
		"dietary_iron":                  {"iron", "mg"},
		"dietary_magnesium":             {"magnesium", "mg"},
		"dietary_manganese":             {"manganese", "mg"},
		"dietary_molybdenum":            {"molybdenum", "mcg"},
		"dietary_niacin":                {"niacin", "mg"},
		"dietary_pantothenic_acid":      {"pantothenic_acid", "mg"},
		"dietary_phosphorus":            {"phosphorus", "mg"},
		"dietary_potassium":             {"potassium", "mg"},
		"dietary_protein":               {"protein", "g"},
		"dietary_riboflavin":            {"riboflavin", "mg"},
		"dietary_selenium":              {"selenium", "mcg"},
		"dietary_sodium":                {"sodium", "mg"},
		"dietary_sugar":                 {"dietary_sugar", "g"},
		"dietary_thiamin":               {"thiamin", "mg"},
		"dietary_thiamine":              {"thiamin", "mg"},
		"dietary_vitamin_a":             {"vitamin_a", "mcg"},
		"dietary_vitamin_b12":           {"vitamin_b12", "mcg"},
		"dietary_vitamin_b12_cobalamin": {"vitamin_b12", "mcg"},
		"dietary_vitamin_b6":            {"vitamin_b6", "mg"},
		"dietary_vitamin_b6_pyridoxine": {"vitamin_b6", "mg"},
		"dietary_vitamin_c":             {"vitamin_c", "mg"},
		"dietary_vitamin_d":             {"vitamin_d", "mcg"},
		"dietary_vitamin_e":             {"vitamin_e", "mg"},
		"dietary_vitamin_k":             {"vitamin_k", "mcg"},
		"dietary_water":                 {"dietary_water", "mL"},
		"dietary_zinc":                  {"zinc", "mg"},
	}
	got := map[string][2]string{}
	for _, field := range nutrients(catalogWith(t, "")) {
		got[field.name] = [2]string{field.metric, field.unit}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A line of the catalogue is all that a new nutrient, percentage, duration or symptom needs.
func TestNewMetricIsOneLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line string
		is   func(*catalogTables) bool
	}{
		"nutrient": {
			"choline\tHKQuantityTypeIdentifierDietaryCholine\tnutrition\tquantity\tmg\tmg|g\tsum\t0\t100000\t\t\t\t\tmg\t\t\t\t\t\t\t\t\t\n",
			func(t *catalogTables) bool {
				return slices.Contains(t.schemas["nutrition"].fields, typedField{name: "dietary_choline", metric: "choline", unit: "mg"})
			},
		},
		"fraction": {
			"hydration\tHKQuantityTypeIdentifierHydration\tvitals\tquantity\t%\t%\tavg\t0\t100\t\t\t\t\t%\t\t\t\t\t\t\t\t\t\n",
			func(t *catalogTables) bool { return t.fractions["Hydration"] },
		},
		"duration": {
			"flossing\tHKCategoryTypeIdentifierFlossingEvent\thygiene\tquantity\ts\ts|min\tsum\t0\t86400\t\t\t\t\ts\t\t\t\t\t\t\t\t\t\n",
			func(t *catalogTables) bool { return t.durations["FlossingEvent"] },
		},
		"symptom": {
			"symptom_hiccups\tHKCategoryTypeIdentifierHiccups\tsymptom\tevent\t\t\tlatest\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\n",
			func(t *catalogTables) bool { return t.kinds["Hiccups"] == "symptom" },
		},
	} {
		if test.is(newCatalogTables(catalogWith(t, ""))) || !test.is(newCatalogTables(catalogWith(t, test.line))) {
			t.Errorf("%s: the line does not make one", name)
		}
	}
}

// catalogWith returns the catalogue with one line more.
func catalogWith(t *testing.T, line string) *catalog.Catalog {
	t.Helper()
	text := func(name string) string {
		table, err := os.ReadFile("../catalog/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(table)
	}
	c, err := catalog.Parse(text("metrics.tsv")+line, text("categories.tsv"), text("units.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
