package catalog

// The metrics that have rules of their own in Go, which the table cannot express. Load refuses a table that lacks
// one.
const (
	HeartRate = "heart_rate"
	// BloodPressure has the samples of both halves, which some senders write as metrics of their own.
	BloodPressure          = "blood_pressure"
	BloodPressureSystolic  = "blood_pressure_systolic"
	BloodPressureDiastolic = "blood_pressure_diastolic"
	// SleepAnalysis is stored as nights and segments, not as samples.
	SleepAnalysis = "sleep_analysis"
)

var namedMetrics = []string{HeartRate, BloodPressure, BloodPressureSystolic, BloodPressureDiastolic, SleepAnalysis}

// The categories that decide how decoders read a metric.
const (
	CategoryNutrition    = "nutrition"    // what is eaten and drunk
	CategoryReproductive = "reproductive" // entries of the cycle
	CategorySymptom      = "symptom"
)
