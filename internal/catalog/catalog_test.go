package catalog

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"testing"
)

// sourceNames has names, aliases and HealthKit identifiers in use by phones and other programs, each with the metric
// it stands for.
//
//go:embed testdata/names.tsv
var sourceNames string

// sourceUnits has units that were seen with a metric: metric, unit as sent, canonical unit.
//
//go:embed testdata/accepted_units.tsv
var sourceUnits string

func TestLookupKnowsEveryNameInUse(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range fields(t, sourceNames, 2) {
		metric, ok := c.Lookup(f[0])
		if !ok {
			t.Errorf("Lookup(%q) found nothing, want %s", f[0], f[1])
		} else if metric.Name != f[1] {
			t.Errorf("Lookup(%q) = %s, want %s", f[0], metric.Name, f[1])
		}
	}
}

func TestMetricsAcceptEveryUnitInUse(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, f := range fields(t, sourceUnits, 3) {
		metric := lookup(t, c, f[0])
		if metric.Unit != f[2] {
			t.Errorf("%s is kept in %s, want %s", metric.Name, metric.Unit, f[2])
		}
		if _, ok := metric.Convert(f[1]); !ok {
			t.Errorf("%s does not accept %q", metric.Name, f[1])
		}
	}
}

func TestLookupIgnoresCaseAndBlanks(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, name := range []string{
		"step_count", "Step_Count", "\tSTEP_COUNT ", "\u00a0steps\u202f", "steps",
		"HKQuantityTypeIdentifierStepCount", "hkquantitytypeidentifierstepcount",
	} {
		if metric, ok := c.Lookup(name); !ok || metric.Name != "step_count" {
			t.Errorf("Lookup(%q) = %v, %v, want step_count", name, metric, ok)
		}
	}
	for _, name := range []string{"", " ", "step count", "step_count\x00", "steps\xff", "HKQuantityTypeIdentifier"} {
		if metric, ok := c.Lookup(name); ok {
			t.Errorf("Lookup(%q) = %s, want nothing", name, metric.Name)
		}
	}
}

// The names under which fields of the typed form are looked up.
func TestMetricsBeyondHealthKit(t *testing.T) {
	t.Parallel()
	c := load(t)
	for name, unit := range map[string]string{
		"hip_circumference": "cm", "chest_circumference": "cm", "arm_circumference": "cm", "thigh_circumference": "cm",
		"ambient_temperature": "degC", "humidity": "%", "air_pressure": "hPa", "altitude": "m",
		"uv_exposure_time": "min", "audio_exposure_duration": "min", "diving_duration": "s",
	} {
		metric := lookup(t, c, name)
		if metric.HealthKitID != "" || metric.Unit != unit || metric.Name != name {
			t.Errorf("%s: identifier %q, unit %s, want none and %s", name, metric.HealthKitID, metric.Unit, unit)
		}
	}
	if metric := lookup(t, c, "uv_index"); metric.Name != "uv_exposure" {
		t.Errorf("uv_index is %s, want uv_exposure", metric.Name)
	}
}

// Apple has one identifier for two metrics: the app's number and the archive's category.
func TestSharedIdentifiersAreResolved(t *testing.T) {
	t.Parallel()
	c := load(t)
	for name, want := range map[string]string{
		"HKCategoryTypeIdentifierMenstrualFlow":                   "menstrual_flow_record",
		"menstrual_flow":                                          "menstrual_flow",
		"HKCorrelationTypeIdentifierBloodPressure":                "blood_pressure",
		"blood_pressure_correlation":                              "blood_pressure",
		"HKQuantityTypeIdentifierBloodPressureSystolic":           "blood_pressure_systolic",
		"HKCategoryTypeIdentifierAudioExposureEvent":              "environmental_audio_exposure_event",
		"HKCategoryTypeIdentifierEnvironmentalAudioExposureEvent": "environmental_audio_exposure_event",
	} {
		if metric := lookup(t, c, name); metric.Name != want {
			t.Errorf("%s is %s, want %s", name, metric.Name, want)
		}
	}
	if shape := lookup(t, c, "HKCategoryTypeIdentifierMenstrualFlow").Shape; shape != ShapeEvent {
		t.Errorf("the archive's menstrual flow has shape %s, want %s", shape, ShapeEvent)
	}
}

func TestMetricsAreOrdered(t *testing.T) {
	t.Parallel()
	c := load(t)
	metrics := c.Metrics()
	ordered := slices.IsSortedFunc(metrics, func(a, b *Metric) int { return strings.Compare(a.Name, b.Name) })
	if !ordered || len(metrics) < 200 {
		t.Errorf("%d metrics, ordered %v", len(metrics), ordered)
	}
	metrics[0] = nil
	if c.Metrics()[0] == nil {
		t.Error("a caller can change the catalogue's own list")
	}
}

// The lines of metrics.tsv are in the order of categories.tsv, and within a category by name.
func TestTableIsGroupedByCategory(t *testing.T) {
	t.Parallel()
	var categories []string
	for r, err := range rows("categories.tsv", categoriesTable, categoryColumns) {
		if err != nil {
			t.Fatal(err)
		}
		categories = append(categories, r.value("category"))
	}
	group, name := 0, ""
	for r, err := range rows("metrics.tsv", metricsTable, metricColumns) {
		if err != nil {
			t.Fatal(err)
		}
		g := slices.Index(categories, r.value("category"))
		if g < group || g == group && r.value("name") <= name {
			t.Errorf("%v", r.errorf("%s belongs further up", r.value("name")))
		}
		group, name = g, r.value("name")
	}
}

func TestRecordsAreInTheirOrder(t *testing.T) {
	t.Parallel()
	var got []string
	for _, m := range load(t).Records() {
		got = append(got, string(m.Record)+" "+m.Name)
	}
	if want := []string{
		"highest_day step_count", "highest_day walking_running_distance", "highest_day cycling_distance",
		"highest_day swimming_distance", "highest_day active_energy", "highest_day flights_climbed",
		"highest_day apple_exercise_time", "lowest resting_heart_rate", "highest vo2_max", "highest_day sleep_analysis",
	}; !slices.Equal(got, want) {
		t.Errorf("the records are %q, want %q", got, want)
	}
}

func TestRings(t *testing.T) {
	t.Parallel()
	got := map[Ring][2]string{}
	for ring, m := range load(t).Rings() {
		got[ring] = [2]string{m.Name, m.Goal.Name}
	}
	if want := map[Ring][2]string{
		RingMove:     {"active_energy", "active_energy_goal"},
		RingExercise: {"apple_exercise_time", "exercise_time_goal"},
		RingStand:    {"apple_stand_hour", "stand_hour_goal"},
	}; !maps.Equal(got, want) {
		t.Errorf("the rings are %q, want %q", got, want)
	}
}

// What people enter one by one, and what is measured once, is told from what the app makes summaries of.
func TestUserEnteredMetrics(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, m := range c.Metrics() {
		samples := m.Shape != ShapeEvent && m.Shape != ShapeCorrelation
		if (m.Category == "nutrition" || m.Category == "body") && samples && !m.UserEntered {
			t.Errorf("%s is not user_entered", m.Name)
		}
	}
	for name, want := range map[string]bool{
		"insulin_delivery": true, "blood_glucose": true, "blood_pressure": true, "blood_pressure_systolic": true,
		"mindful_minutes": true, "inhaler_usage": true, "toothbrushing": true, "body_temperature": true, "vo2_max": true,
		"step_count": false, "active_energy": false, "heart_rate": false, "flights_climbed": false, "apple_stand_hour": false,
		"resting_heart_rate": false, "blood_oxygen_saturation": false, "environmental_audio_exposure": false,
	} {
		if m := lookup(t, c, name); m.UserEntered != want {
			t.Errorf("%s: user_entered is %v", name, m.UserEntered)
		}
	}
}

func TestHalvesOfABloodPressureAreStoredInOne(t *testing.T) {
	t.Parallel()
	c := load(t)
	for name, want := range map[string]string{
		BloodPressureSystolic: BloodPressure, "HKQuantityTypeIdentifierBloodPressureDiastolic": BloodPressure,
		BloodPressure: BloodPressure, "steps": "step_count",
	} {
		if metric, ok := c.LookupStored(name); !ok || metric.Name != want {
			t.Errorf("LookupStored(%q) = %v, %v, want %s", name, metric, ok, want)
		}
	}
	if _, ok := c.LookupStored("blood_pressure_mean"); ok {
		t.Error("an unknown metric is found")
	}
}

func TestShapesOfKnownMetrics(t *testing.T) {
	t.Parallel()
	c := load(t)
	for name, want := range map[string]Metric{
		"step_count":       {Shape: ShapeQuantity, Aggregation: AggregationSum},
		"heart_rate":       {Shape: ShapeRange, Aggregation: AggregationAverage},
		"blood_pressure":   {Shape: ShapeBloodPressure, Aggregation: AggregationAverage},
		"sexual_activity":  {Shape: ShapeNamedCounts, Aggregation: AggregationSum},
		"sleep_analysis":   {Shape: ShapeSleep, Aggregation: AggregationSpecial},
		"symptom_headache": {Shape: ShapeEvent, Aggregation: AggregationLatest},
		"food_correlation": {Shape: ShapeCorrelation, Aggregation: AggregationSum},
		"weight_body_mass": {Shape: ShapeQuantity, Aggregation: AggregationLatest},
	} {
		metric := lookup(t, c, name)
		if metric.Shape != want.Shape || metric.Aggregation != want.Aggregation {
			t.Errorf("%s: %s, %s, want %s, %s", name, metric.Shape, metric.Aggregation, want.Shape, want.Aggregation)
		}
		if metric.Cumulative() != (want.Aggregation == AggregationSum) {
			t.Errorf("%s: Cumulative() = %v", name, metric.Cumulative())
		}
	}
}

// Lookup and Convert are called for every element of an archive of millions.
func TestLookupAndConvertDoNotAllocate(t *testing.T) {
	c := load(t)
	allocations := testing.AllocsPerRun(100, func() {
		metric, _ := c.Lookup("HKQuantityTypeIdentifierActiveEnergyBurned")
		metric.Convert("kJ")
		metric.Convert("Cal")
		c.Conversion("mi/hr", "km/hr")
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func FuzzLookup(f *testing.F) {
	c := load(f)
	for _, name := range []string{"step_count", " Steps ", "HKQuantityTypeIdentifierStepCount", "", "\xff\u212a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		metric, ok := c.Lookup(name)
		if !ok {
			return
		}
		if again, _ := c.Lookup(" " + strings.ToUpper(metric.Name) + " "); again != metric {
			t.Errorf("Lookup(%q) = %s, which is not found by its own name", name, metric.Name)
		}
	})
}

func BenchmarkLookupAndConvert(b *testing.B) {
	c := load(b)
	for b.Loop() {
		metric, _ := c.Lookup("active_energy")
		metric.Convert("kJ")
	}
}

func load(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lookup(t testing.TB, c *Catalog, name string) *Metric {
	t.Helper()
	metric, ok := c.Lookup(name)
	if !ok {
		t.Fatalf("there is no metric %q", name)
	}
	return metric
}

// fields splits a fixture into lines of n tab-separated fields.
func fields(t *testing.T, text string, n int) [][]string {
	t.Helper()
	var lines [][]string
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != n {
			t.Fatalf("%q has %d fields, want %d", line, len(f), n)
		}
		lines = append(lines, f)
	}
	if len(lines) < 100 {
		t.Fatalf("the fixture has only %d lines", len(lines))
	}
	return lines
}
