package format

import (
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// typedSchema says which fields one type of the typed form has.
type typedSchema struct {
	fields []typedField
	// notes are fields about the quantities; they become attributes.
	notes []string
	// open is true where the type may have any other notes.
	open bool
	// event is a flag that makes an object without quantities an event.
	event string
}

// typedField is one quantity.
type typedField struct {
	name   string
	metric string // its name in the catalogue
	unit   string // of the field; the catalogue can convert it for the metric
	kind   valueKind
	// boolean is true where the field is a boolean: true counts as one, false as none.
	boolean bool
	// allowed is the range that the typed form prescribes; where it is nil the catalogue's applies.
	allowed *valueRange
}

// number reads the value of the field.
func (f typedField) number(m *member) (v float64, ok bool) {
	switch kind := m.value.Kind(); {
	case f.boolean && kind == 't':
		return 1, true
	case f.boolean && kind == 'f':
		return 0, true
	}
	return parseNumberValue(m.value)
}

// valueRange is a range of allowed values.
type valueRange struct {
	min, max float64
	unit     string
}

// The ranges that the typed form prescribes.
var (
	heartRateRange = &valueRange{20, 300, "beats per minute"}
)

// valueKind is which of the values of a sample a field holds.
type valueKind uint8

const (
	mainValue valueKind = iota
	minValue
	maxValue
	systolicValue
	diastolicValue
)

func (p valueKind) in(s *health.Sample) *float64 {
	return [...]*float64{&s.Value, &s.Min, &s.Max, &s.Systolic, &s.Diastolic}[p]
}

// commonNotes are notes that any type may have; times and sources among them only where another field took precedence.
var commonNotes = []string{"recorded_at", "start_time", "started_at", "end_time", "ended_at", "source", "source_device"}

// knows reports whether the type has a field of that name.
func (s typedSchema) knows(name string) bool {
	return s.open || slices.Contains(s.notes, name) || slices.Contains(commonNotes, name) ||
		slices.Contains(s.fieldNames(), name)
}

func (s typedSchema) fieldNames() []string {
	names := make([]string, len(s.fields))
	for i, field := range s.fields {
		names[i] = field.name
	}
	return names
}

// typedNames returns the types of the typed form as its documentation spells them.
func typedNames() []string {
	return []string{
		"HeartRate", "BloodPressure", "Sleep", "Activity", "BodyMeasurement", "Temperature", "BloodGlucose", "Metabolic",
		"Respiratory", "Nutrition", "Environmental", "AudioExposure", "Mindfulness", "MentalHealth", "Menstrual",
		"Fertility", "Symptom", "SafetyEvent", "Hygiene", "Workout",
	}
}

// typedEvents are the types that are events, by familyName. An event without a name is named after its type.
var typedEvents = map[string]eventSchema{
	"symptom":      {kind: symptoms.kind, name: []string{"symptom_type"}},
	"menstrual":    {kind: cycleTracking.kind},
	"fertility":    {kind: cycleTracking.kind},
	"mentalhealth": {kind: stateOfMind.kind},
	"safetyevent":  {kind: safetyEvent, name: []string{"event_type"}},
	"hygiene":      {kind: "hygiene", name: []string{"event_type"}},
}

// safetyEvent is the kind of warnings about the person's safety: a fall, loud surroundings …
const safetyEvent = "safety_event"

// typedSchemas are the types that hold quantities, by familyName, except Nutrition, which comes from the catalogue.
var typedSchemas = map[string]typedSchema{
	"heartrate": {
		fields: []typedField{
			{name: "avg_bpm", metric: "heart_rate", unit: "count/min", allowed: heartRateRange},
			{name: "min_bpm", metric: "heart_rate", unit: "count/min", kind: minValue, allowed: heartRateRange},
			{name: "max_bpm", metric: "heart_rate", unit: "count/min", kind: maxValue, allowed: heartRateRange},
			{name: "heart_rate", metric: "heart_rate", unit: "count/min", allowed: heartRateRange},
			{name: "resting_heart_rate", metric: "resting_heart_rate", unit: "count/min", allowed: heartRateRange},
			{name: "walking_heart_rate_average", metric: "walking_heart_rate_average", unit: "count/min", allowed: heartRateRange},
			{name: "heart_rate_variability", metric: "heart_rate_variability", unit: "ms"},
			{name: "heart_rate_recovery_one_minute", metric: "cardio_recovery", unit: "count/min"},
			{name: "atrial_fibrillation_burden_percentage", metric: "atrial_fibrillation_burden", unit: "%"},
			{name: "vo2_max_ml_kg_min", metric: "vo2_max", unit: "mL/min·kg"},
		},
		notes: []string{"context"},
	},
	"bloodpressure": {
		fields: []typedField{
			{name: "systolic", metric: "blood_pressure", unit: "mmHg", kind: systolicValue},
			{name: "diastolic", metric: "blood_pressure", unit: "mmHg", kind: diastolicValue},
			{name: "pulse", metric: "heart_rate", unit: "count/min", allowed: heartRateRange},
		},
	},
	"activity": {fields: []typedField{
		{name: "step_count", metric: "step_count", unit: "count"},
		{name: "distance_meters", metric: "walking_running_distance", unit: "m"},
		{name: "flights_climbed", metric: "flights_climbed", unit: "count"},
		{name: "active_energy_burned_kcal", metric: "active_energy", unit: "kcal"},
		{name: "basal_energy_burned_kcal", metric: "basal_energy_burned", unit: "kcal"},
		{name: "distance_cycling_meters", metric: "cycling_distance", unit: "m"},
		{name: "distance_swimming_meters", metric: "swimming_distance", unit: "m"},
		{name: "distance_wheelchair_meters", metric: "wheelchair_distance", unit: "m"},
		{name: "distance_downhill_snow_sports_meters", metric: "distance_downhill_snow_sports", unit: "m"},
		{name: "push_count", metric: "push_count", unit: "count"},
		{name: "swimming_stroke_count", metric: "swimming_stroke_count", unit: "count"},
		{name: "nike_fuel_points", metric: "nike_fuel", unit: "count"},
		{name: "apple_exercise_time_minutes", metric: "apple_exercise_time", unit: "min"},
		{name: "apple_stand_time_minutes", metric: "apple_stand_time", unit: "min"},
		{name: "apple_move_time_minutes", metric: "apple_move_time", unit: "min"},
		{name: "apple_stand_hour_achieved", metric: "apple_stand_hour", unit: "count", boolean: true},
		{name: "walking_speed_m_per_s", metric: "walking_speed", unit: "m/s"},
		{name: "walking_step_length_cm", metric: "walking_step_length", unit: "cm"},
		{name: "walking_asymmetry_percent", metric: "walking_asymmetry_percentage", unit: "%"},
		{name: "walking_double_support_percent", metric: "walking_double_support_percentage", unit: "%"},
		{name: "six_minute_walk_test_distance_m", metric: "six_minute_walking_test_distance", unit: "m"},
		{name: "stair_ascent_speed_m_per_s", metric: "stair_speed_up", unit: "m/s"},
		{name: "stair_descent_speed_m_per_s", metric: "stair_speed_down", unit: "m/s"},
		{name: "ground_contact_time_ms", metric: "running_ground_contact_time", unit: "ms"},
		{name: "vertical_oscillation_cm", metric: "running_vertical_oscillation", unit: "cm"},
		{name: "running_stride_length_m", metric: "running_stride_length", unit: "m"},
		{name: "running_power_watts", metric: "running_power", unit: "W"},
		{name: "running_speed_m_per_s", metric: "running_speed", unit: "m/s"},
		{name: "cycling_speed_kmh", metric: "cycling_speed", unit: "km/hr"},
		{name: "cycling_power_watts", metric: "cycling_power", unit: "W"},
		{name: "cycling_cadence_rpm", metric: "cycling_cadence", unit: "count/min"},
		{name: "functional_threshold_power_watts", metric: "cycling_functional_threshold_power", unit: "W"},
		{name: "underwater_depth_meters", metric: "underwater_depth", unit: "m"},
		{name: "diving_duration_seconds", metric: "diving_duration", unit: "s"},
	}},
	"bodymeasurement": {fields: []typedField{
		{name: "body_weight_kg", metric: "weight_body_mass", unit: "kg"},
		{name: "body_mass_index", metric: "body_mass_index", unit: "count"},
		{name: "body_fat_percentage", metric: "body_fat_percentage", unit: "%"},
		{name: "lean_body_mass_kg", metric: "lean_body_mass", unit: "kg"},
		{name: "height_cm", metric: "height", unit: "cm"},
		{name: "waist_circumference_cm", metric: "waist_circumference", unit: "cm"},
		{name: "hip_circumference_cm", metric: "hip_circumference", unit: "cm"},
		{name: "chest_circumference_cm", metric: "chest_circumference", unit: "cm"},
		{name: "arm_circumference_cm", metric: "arm_circumference", unit: "cm"},
		{name: "thigh_circumference_cm", metric: "thigh_circumference", unit: "cm"},
		{name: "body_temperature_celsius", metric: "body_temperature", unit: "degC"},
		{name: "basal_body_temperature_celsius", metric: "basal_body_temperature", unit: "degC"},
	}},
	"temperature": {fields: []typedField{
		{name: "body_temperature", metric: "body_temperature", unit: "degC"},
		{name: "basal_body_temperature", metric: "basal_body_temperature", unit: "degC"},
		{name: "apple_sleeping_wrist_temperature", metric: "apple_sleeping_wrist_temperature", unit: "degC"},
		{name: "water_temperature", metric: "underwater_temperature", unit: "degC"},
	}},
	"bloodglucose": {
		fields: []typedField{
			{name: "blood_glucose_mg_dl", metric: "blood_glucose", unit: "mg/dL"},
			{name: "insulin_delivery_units", metric: "insulin_delivery", unit: "IU"},
		},
		notes: []string{"measurement_context"},
	},
	"metabolic": {
		fields: []typedField{
			{name: "blood_alcohol_content", metric: "blood_alcohol_content", unit: "%"},
			{name: "insulin_delivery_units", metric: "insulin_delivery", unit: "IU"},
		},
		notes: []string{"delivery_method"},
	},
	"respiratory": {fields: []typedField{
		{name: "respiratory_rate", metric: "respiratory_rate", unit: "count/min"},
		{name: "oxygen_saturation", metric: "blood_oxygen_saturation", unit: "%"},
		{name: "forced_vital_capacity", metric: "forced_vital_capacity", unit: "L"},
		{name: "forced_expiratory_volume_1", metric: "forced_expiratory_volume_1", unit: "L"},
		{name: "peak_expiratory_flow_rate", metric: "peak_expiratory_flow_rate", unit: "L/min"},
		{name: "inhaler_usage", metric: "inhaler_usage", unit: "count"},
	}},
	"environmental": {
		fields: []typedField{
			{name: "uv_index", metric: "uv_exposure", unit: "count"},
			{name: "uv_exposure_minutes", metric: "uv_exposure_time", unit: "min"},
			{name: "time_in_daylight_minutes", metric: "time_in_daylight", unit: "min"},
			{name: "ambient_temperature_celsius", metric: "ambient_temperature", unit: "degC"},
			{name: "humidity_percent", metric: "humidity", unit: "%"},
			{name: "air_pressure_hpa", metric: "air_pressure", unit: "hPa"},
			{name: "altitude_meters", metric: "altitude", unit: "m"},
		},
		notes: []string{"location_latitude", "location_longitude"},
	},
	"audioexposure": {
		fields: []typedField{
			{name: "environmental_audio_exposure_db", metric: "environmental_audio_exposure", unit: "dBASPL"},
			{name: "headphone_audio_exposure_db", metric: "headphone_audio_exposure", unit: "dBASPL"},
			{name: "exposure_duration_minutes", metric: "audio_exposure_duration", unit: "min"},
		},
		notes: []string{"audio_exposure_event"},
		event: "audio_exposure_event",
	},
	"mindfulness": {
		fields: []typedField{{name: "session_duration_minutes", metric: "mindful_minutes", unit: "min"}},
		open:   true,
	},
}
