package catalog

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestConvert(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, test := range []struct {
		metric, unit string
		value, want  float64
	}{
		{"active_energy", "kJ", 4.184, 1},
		{"active_energy", "kJ", 1824, 1824 / 4.184},
		{"active_energy", "Cal", 250, 250},
		{"active_energy", "cal", 250, 0.25},
		{"active_energy", "J", 4184, 1},
		{"active_energy", " KCAL ", 1, 1},
		{"walking_running_distance", "mi", 1, 1.609344},
		{"walking_running_distance", "m", 1234, 1.234},
		{"walking_running_distance", "ft", 1000, 0.3048},
		{"walking_running_distance", "yd", 1000, 0.9144},
		{"swimming_distance", "yd", 25, 22.86},
		{"height", "in", 70, 177.8},
		{"height", "ft", 6, 182.88},
		{"height", "m", 1.75, 175},
		{"weight_body_mass", "lb", 150, 68.0388555},
		{"weight_body_mass", "lbs", 1, 0.45359237},
		{"weight_body_mass", "st", 11, 69.85322498},
		{"weight_body_mass", "g", 70500, 70.5},
		{"body_temperature", "degF", 98.6, 37},
		{"body_temperature", "°F", 32, 0},
		{"body_temperature", "ºF", 212, 100},
		{"body_temperature", "K", 310.15, 37},
		{"body_temperature", "ºC", 36.6, 36.6},
		{"body_temperature", "degF", -40, -40},
		{"heart_rate", "bpm", 61, 61},
		{"heart_rate", "count/min", 61, 61},
		{"cycling_cadence", "rpm", 90, 90},
		{"walking_speed", "m/s", 1, 3.6},
		{"walking_speed", "mi/hr", 3, 4.828032},
		{"walking_speed", "mph", 3, 4.828032},
		{"walking_speed", "kmph", 5, 5},
		{"walking_speed", "ft/s", 1, 1.09728},
		{"stair_speed_up", "km/hr", 3.6, 1},
		{"stair_speed_up", "ft/s", 1, 0.3048},
		{"blood_glucose", "mmol/L", 5.5, 5.5 * 18.01558800000541},
		{"blood_glucose", "mmol<180.1558800000541>/L", 1, 18.01558800000541},
		{"blood_glucose", "mg/dl", 99, 99},
		{"vo2_max", "ml/(kg·min)", 42, 42},
		{"vo2_max", "mL/(kg*min)", 42, 42},
		{"vo2_max", "mL/min\u22c5kg", 42, 42},
		{"physical_effort", "MET", 3.5, 3.5},
		{"physical_effort", "kcal/hr-kg", 3.5, 3.5},
		{"environmental_audio_exposure", "dB", 63, 63},
		{"dietary_water", "fl_oz_us", 8, 236.5882365},
		{"dietary_water", "fl_oz_imp", 1, 28.4130625},
		{"dietary_water", "cup_us", 1, 236.5882365},
		{"dietary_water", "pt_us", 1, 473.176473},
		{"dietary_water", "L", 1.5, 1500},
		{"apple_exercise_time", "hr", 1.5, 90},
		{"apple_exercise_time", "s", 90, 1.5},
		{"heart_rate_variability", "s", 0.045, 45},
		{"blood_oxygen_saturation", "%", 97, 97},
		{"electrodermal_activity", "mcS", 2, 0.000002},
		{"electrodermal_activity", "\u03bcS", 2, 0.000002},
		{"electrodermal_activity", "\u00b5S", 2, 0.000002},
		{"blood_pressure", "kPa", 16, 120.00986928},
		{"insulin_delivery", "U", 4, 4},
		{"step_count", "steps", 10, 10},
		{"step_count", "", 10, 10},
		{"step_count", "??", 10, 10},
		{"heart_rate", "", 70, 70}, // it is in no other unit
		{"sexual_activity", "times", 1, 1},
		{"number_of_times_fallen", "falls", 1, 1},
		{"apple_stand_hour", "hours", 12, 12},
		{"apple_stand_hour", "hr", 12, 12},
		{"workout_effort_score", "appleEffortScore", 7, 7},
		{"body_mass_index", "kg/m^2", 22, 22},
		{"protein", "oz", 1, 28.349523125},
		{"protein", "mg", 1500, 1.5},
		{"vitamin_d", "\u00b5g", 10, 10},
		{"vitamin_d", "\u03bcg", 10, 10},
		{"vitamin_d", "mg", 0.01, 10},
		{"sodium", "g", 2.3, 2300},
		{"sodium", "mcg", 2300, 2.3},
		{"air_pressure", "kPa", 101.325, 1013.25},
		{"running_power", "watts", 250, 250},
	} {
		conversion, ok := lookup(t, c, test.metric).Convert(test.unit)
		if !ok {
			t.Errorf("%s does not accept %q", test.metric, test.unit)
			continue
		}
		if got := conversion.Apply(test.value); !near(got, test.want) {
			t.Errorf("%s: %v %s = %v, want %v", test.metric, test.value, test.unit, got, test.want)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, test := range []struct{ metric, unit string }{
		{"active_energy", "MJ"},               // a factor of 1000 is not guessed at
		{"active_energy", "CAL"},              // Cal or cal?
		{"active_energy", ""},                 // kcal or kJ?
		{"weight_body_mass", ""},              // kg or lb?
		{"blood_oxygen_saturation", ""},       // 97 or 0.97?
		{"vitamin_d", "IU"},                   // its mass depends on the substance
		{"dietary_cholesterol", "Mg"},         // megagrams
		{"dietary_water", "ML"},               // megalitres
		{"walking_running_distance", "M"},     // miles or metres?
		{"apple_exercise_time", "S"},          // siemens
		{"electrodermal_activity", "s"},       // seconds
		{"heart_rate_variability", "MS"},      // megasiemens
		{"step_count", "km"},                  // another dimension
		{"step_count", "hours"},               // hours are a count only for hours stood
		{"apple_stand_hour", "min"},           //
		{"walking_running_distance", "in"},    // exact, but not a unit of this metric
		{"blood_glucose", "mmol<194.2>/L"},    // the molar mass of something else
		{"blood_glucose", "mmol"},             //
		{"weight_body_mass", "kg\x00"},        //
		{"weight_body_mass", "stones of old"}, //
		{"symptom_headache", "count"},         // what has no value has no unit
	} {
		if conversion, ok := lookup(t, c, test.metric).Convert(test.unit); ok {
			t.Errorf("%s accepts %q (%v)", test.metric, test.unit, conversion)
		}
	}
	if _, ok := (&Metric{Unit: "kg"}).Convert("kg"); ok {
		t.Error("a metric that is not of the catalogue converts")
	}
}

func TestConversionBetweenUnits(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, test := range []struct {
		from, to    string
		value, want float64
	}{
		{"kcal", "kJ", 1, 4.184},
		{"km", "mi", 1.609344, 1},
		{"kg", "st", 6.35029318, 1},
		{"kg", "lb", 0.45359237, 1},
		{"degC", "degF", 37, 98.6},
		{"degC", "K", -273.15, 0},
		{"degF", "K", -459.67, 0},
		{"km/hr", "m/s", 3.6, 1},
		{"mg/dL", "mmol/L", 18.01558800000541, 1},
		{"mL", "fl_oz_us", 29.5735295625, 1},
		{"yd", "ft", 1, 3},
		{"lb", "oz", 1, 16},
		{"pt_us", "cup_us", 1, 2},
		{"min", "hr", 90, 1.5},
	} {
		conversion, ok := c.Conversion(test.from, test.to)
		if got := conversion.Apply(test.value); !ok || !near(got, test.want) {
			t.Errorf("%v %s = %v %s (%v), want %v", test.value, test.from, got, test.to, ok, test.want)
		}
	}
	for _, pair := range [][2]string{{"kg", "km"}, {"count", "kg/m²"}, {"furlong", "m"}, {"m", "furlong"}, {"", "m"}} {
		if _, ok := c.Conversion(pair[0], pair[1]); ok {
			t.Errorf("%q converts to %q", pair[0], pair[1])
		}
	}
}

func TestConversionToTheSameUnitChangesNothing(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, m := range c.Metrics() {
		if m.Unit == "" {
			continue
		}
		if conversion, ok := m.Convert(m.Unit); !ok || conversion != (Conversion{Factor: 1}) {
			t.Errorf("%s: from %s to itself is %v, %v", m.Name, m.Unit, conversion, ok)
		}
	}
}

func TestConversionThereAndBackIsIdentity(t *testing.T) {
	t.Parallel()
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(c.units.list).Draw(t, "from")
		to := rapid.SampledFrom(c.units.list).Draw(t, "to")
		v := rapid.Float64Range(-1e6, 1e6).Draw(t, "v")
		there, ok := c.Conversion(from.name, to.name)
		if ok != (from.dimension == to.dimension) {
			t.Fatalf("%s to %s: %v", from.name, to.name, ok)
		}
		back, okBack := c.Conversion(to.name, from.name)
		if ok != okBack {
			t.Fatalf("%s converts to %s one way only", from.name, to.name)
		}
		// A temperature near the zero of one scale is the difference of two numbers near 500.
		got, tolerance := back.Apply(there.Apply(v)), 1e-12*(math.Abs(v)+500*math.Abs(there.Offset))
		if ok && math.Abs(got-v) > tolerance {
			t.Fatalf("%v %s there and back over %s is %v", v, from.name, to.name, got)
		}
	})
}

func TestConversionsCompose(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, a := range c.units.list {
		for b, ab := range a.conversions {
			for d, bd := range b.conversions {
				direct, stepwise := a.conversions[d].Apply(321), bd.Apply(ab.Apply(321))
				if !near(direct, stepwise) {
					t.Errorf("321 %s is %v %s, over %s %v", a.name, direct, d.name, b.name, stepwise)
				}
			}
		}
	}
}

func FuzzConvert(f *testing.F) {
	c := load(f)
	for _, u := range c.units.list {
		f.Add(u.name, 1.5)
		for _, spelling := range u.spellings {
			f.Add(" "+strings.ToUpper(spelling), -2.5)
		}
	}
	f.Add("mmol<1e999>/L", 1e308)
	f.Add("\xff\u03bc\u212a", math.Inf(1))
	metrics := c.Metrics()
	f.Fuzz(func(t *testing.T, text string, v float64) {
		for _, m := range metrics {
			conversion, ok := m.Convert(text)
			if !ok {
				continue
			}
			if !(conversion.Factor > 0) || math.IsInf(conversion.Factor, 0) || math.IsNaN(conversion.Offset) {
				t.Errorf("%s from %q: %v", m.Name, text, conversion)
			}
			if again, _ := m.Convert("\t" + text + " "); again != conversion {
				t.Errorf("%s from %q: blanks around it matter", m.Name, text)
			}
			if conversion == (Conversion{Factor: 1}) && conversion.Apply(v) != v && !math.IsNaN(v) {
				t.Errorf("%s from %q changes %v", m.Name, text, v)
			}
		}
	})
}

// near allows for the rounding of a few operations, a thousandth of what counts as the same value.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-12*max(1, math.Abs(a), math.Abs(b))
}
