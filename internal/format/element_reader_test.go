package format

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/health-export/health-export/internal/health"
)

// decodeElement decodes one element of the array key, and fails the test where it is rejected.
func decodeElement(t *testing.T, key, raw string) health.Record {
	t.Helper()
	record, err := tryElement(key, raw)
	if err != nil {
		var rejection *health.Rejection
		errors.As(err, &rejection)
		t.Fatalf("%s refused: %+v", key, rejection)
	}
	return record
}

func tryElement(key, raw string) (health.Record, error) {
	decode, ok := elementDecoders[key]
	switch {
	case key == "metrics":
		decode = decodeTyped
	case !ok:
		decode = unknownDecoder(key)
	}
	at := health.Position{Type: elementType(key), Entry: 3, Point: -1}
	if key == "metrics" {
		at.Type = "metric"
	}
	return decode([]byte(raw), at, Options{Location: time.UTC})
}

// equal fails the test where two values differ. Absent numbers are equal.
func equal(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

func instant(t *testing.T, text string) health.Instant {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return health.InstantOf(at)
}

func warningCodes(r health.Record) []string {
	var codes []string
	for _, w := range r.Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

// TestRejections checks for every reason that the element alone is rejected, with the field at fault.
func TestRejections(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", maxText+1)
	for _, c := range []struct{ name, key, raw, field string }{
		{"not an object", "workouts", `[1]`, ""},
		{"not JSON", "workouts", `{"name":`, ""},
		{"two values", "workouts", `{} {}`, ""},
		{"name twice", "workouts", `{"name":"Run","name":"Walk","start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"name twice among many", "symptoms", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"a":2}`, "a"},
		{"name twice in an attribute", "workouts", `{"name":"Run","start":"2026-05-19 07:30:00 -0700","metadata":{"a":1,"a":2}}`, ""},
		{"field name too long", "symptoms", `{"` + long + `":1}`, strings.Repeat("n", 60)},
		{"field name with NUL", "symptoms", `{"a\u0000b":1}`, "a�b"},
		{"name missing", "workouts", `{"start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"name blank", "workouts", `{"name":" ","start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"name with NUL", "workouts", `{"name":"Ru\u0000n","start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"name too long", "workouts", `{"name":"` + long + `","start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"source too long", "symptoms", `{"name":"Fatigue","start":"2026-05-19 07:30:00 -0700","source":"` + long + `"}`, "source"},
		{"start missing", "workouts", `{"name":"Run","end":"2026-05-19 07:30:00 -0700"}`, "start"},
		{"start null", "workouts", `{"name":"Run","start":null}`, "start"},
		{"start impossible", "workouts", `{"name":"Run","start":"2026-02-31 07:30:00 -0700"}`, "start"},
		{"start too old", "workouts", `{"name":"Run","start":-9e9}`, "start"},
		{"end impossible", "workouts", `{"name":"Run","start":"2026-05-19 07:30:00 -0700","end":"soon"}`, "end"},
		{"end before start", "workouts", `{"name":"Run","start":"2026-05-19 07:30:00 -0700","end":"2026-05-19 07:29:59 -0700"}`, "end"},
		{"infinite figure", "workouts", `{"name":"Run","start":"2026-05-19 07:30:00 -0700","distance":{"qty":1e999,"units":"km"}}`, "distance"},
		{"symptom without name", "symptoms", `{"start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"symptom without time", "symptoms", `{"name":"Fatigue"}`, "start"},
		{"symptom ends before it starts", "symptoms", `{"name":"Fatigue","start":"2026-05-19 07:30:00 -0700","end":"2026-05-18 07:30:00 -0700"}`, "end"},
		{"cycle entry without name", "cycleTracking", `{"start":"2026-05-19 07:30:00 -0700"}`, "name"},
		{"medication without name", "medications", `{"start":"2026-05-19 07:30:00 -0700","displayText":" "}`, "displayText"},
		{"notification without time", "heartRateNotifications", `{"heartNotification":"low_heart_rate_notification"}`, "start"},
		{"ECG without start", "ecg", `{"classification":"sinusRhythm"}`, "start"},
		{"unknown, not JSON", "beats", `{`, ""},
		{"unknown, name twice", "beats", `{"x":{"a":1,"a":2}}`, ""},
		{"unknown, endless key", long, `{}`, strings.Repeat("n", 60)},
		{"typed, unknown type", "metrics", `{"type":"Telepathy","recorded_at":"2026-05-19T07:30:00Z"}`, "type"},
		{"typed, no type", "metrics", `{"recorded_at":"2026-05-19T07:30:00Z"}`, "type"},
		{"typed, no time", "metrics", `{"type":"HeartRate","heart_rate":60}`, "recorded_at"},
		{"typed, no quantity", "metrics", `{"type":"HeartRate","recorded_at":"2026-05-19T07:30:00Z","heart_rate":null}`, "type"},
		{"typed, no number", "metrics", `{"type":"HeartRate","recorded_at":"2026-05-19T07:30:00Z","heart_rate":"fast"}`, "heart_rate"},
		{"typed, true is no number", "metrics", `{"type":"Activity","recorded_at":"2026-05-19T07:30:00Z","step_count":true}`, "step_count"},
		{"typed, infinite", "metrics", `{"type":"Activity","recorded_at":"2026-05-19T07:30:00Z","step_count":1e400}`, "step_count"},
		{"typed, heart rate too low", "metrics", `{"type":"HeartRate","recorded_at":"2026-05-19T07:30:00Z","min_bpm":19.9,"avg_bpm":60}`, "min_bpm"},
		{"typed, heart rate too high", "metrics", `{"type":"HeartRate","recorded_at":"2026-05-19T07:30:00Z","heart_rate":300.5}`, "heart_rate"},
		{"typed, pulse", "metrics", `{"type":"BloodPressure","recorded_at":"2026-05-19T07:30:00Z","systolic":120,"pulse":10}`, "pulse"},
		{"typed, event without content", "metrics", `{"type":"Symptom","recorded_at":"2026-05-19T07:30:00Z"}`, "type"},
		{"typed, night without anything", "metrics", `{"type":"Sleep","recorded_at":"2026-05-19T07:30:00Z"}`, "type"},
		{"typed, night without time", "metrics", `{"type":"Sleep","duration_minutes":400}`, "sleep_end"},
		{"typed, night backwards", "metrics", `{"type":"Sleep","sleep_start":"2026-05-19T07:30:00Z","sleep_end":"2026-05-19T07:00:00Z"}`, "sleep_end"},
		{"typed, negative minutes", "metrics", `{"type":"Sleep","sleep_start":"2026-05-19T00:00:00Z","sleep_end":"2026-05-19T07:00:00Z","awake_minutes":-1}`, "awake_minutes"},
		{"typed, workout's heart rate", "workouts", `{"workout_type":"Running","start_time":"2026-05-19T07:30:00Z","avg_heart_rate":5}`, "avg_heart_rate"},
		{"typed, workout without time", "metrics", `{"type":"Workout","workout_type":"Running"}`, "start"},
		{"HealthKit, no value", "metrics", `{"type":"HKQuantityTypeIdentifierStepCount","value":"abc","startDate":"2026-05-19 07:30:00 -0700"}`, "value"},
		{"HealthKit, no time", "metrics", `{"type":"HKQuantityTypeIdentifierStepCount","value":"12"}`, "startDate"},
		{"HealthKit, neither", "metrics", `{"type":"HKClinicalTypeIdentifierLab","startDate":"2026-05-19 07:30:00 -0700"}`, "type"},
		{"HealthKit, segment without stage", "metrics", `{"type":"HKCategoryTypeIdentifierSleepAnalysis","startDate":"2026-05-19 07:30:00 -0700"}`, "value"},
		{"HealthKit, stand hour without value", "metrics", `{"type":"HKCategoryTypeIdentifierAppleStandHour","startDate":"2026-05-19 07:30:00 -0700"}`, "value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := tryElement(c.key, c.raw)
			rejection, ok := errors.AsType[*health.Rejection](err)
			if !ok {
				t.Fatalf("error %v, want a rejection", err)
			}
			if rejection.Entry != 3 || rejection.Code != health.ValidationError || rejection.Message == "" || rejection.Suggestion == "" {
				t.Errorf("rejection incomplete: %+v", rejection)
			}
			if field, _ := rejection.Details["field"].(string); field != c.field {
				t.Errorf("field %q, want %q (%s)", field, c.field, rejection.Message)
			}
		})
	}
}

// TestRejectionType checks that a rejected element has the type it would have had as a record.
func TestRejectionType(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"type":"Workout"}`:           "workout",
		`{"type":"Symptom"}`:           "symptom",
		`{"type":"HeartRate"}`:         "metric",
		`{"type":"SafetyEvent"}`:       "safety_event",
		`{"workout_type":"Running"}`:   "workout",
		`{"type":"MentalHealth","x":}`: "metric",
	} {
		_, err := tryElement("metrics", raw)
		rejection, ok := errors.AsType[*health.Rejection](err)
		if !ok || rejection.Type != want {
			t.Errorf("%s: %v, want a rejection of a %s", raw, err, want)
		}
	}
}

func TestSnakeCase(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"heartRateData": "heart_rate_data", "avgPower": "avg_power", "SDNN": "sdnn", "avgHRV": "avg_hrv",
		"HRVData": "hrv_data", "already_snake": "already_snake", "With Blank": "with_blank", "vo2Max": "vo2_max", "": "",
		"größe": "größe",
	} {
		if got := snakeCase(name); got != want {
			t.Errorf("snakeCase(%q) = %q, want %q", name, got, want)
		}
	}
}

// A number of seconds is a time in UTC: who stores it knows where the person was.
func TestEpochTimesAreInUTC(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	record, err := decodeWorkout([]byte(`{"name":"Run","start":1780000000000,"end":1780003600}`), health.Position{}, Options{Location: zone})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, record.Workout.Start, health.Instant(1780000000_000000))
	equal(t, record.Workout.End, health.Instant(1780003600_000000))
	equal(t, record.Workout.Offset, int32(0))
}

// TestNumbersAsText decodes numbers in quotes. Texts that are not JSON numbers become attributes.
func TestNumbersAsText(t *testing.T) {
	t.Parallel()
	record := decodeElement(t, "workouts", `{"name":"Run","start":"2026-05-19 07:30:00 -0700","distance":" 5.25 ",
		"duration":{"qty":"30","units":"min"},"speed":"NaN","maxSpeed":"0x10","avgSpeed":"Infinity"}`)
	equal(t, record.Workout.Quantities, map[string]health.Quantity{"distance": {Value: 5.25}})
	equal(t, record.Workout.Duration, 1800.0)
	equal(t, record.Workout.Attributes, `{"avgSpeed":"Infinity","maxSpeed":"0x10","speed":"NaN"}`)
}

// TestWorkoutUnitsAreComplete checks that every quantity and series that the decoder knows by name has a canonical
// unit.
func TestWorkoutUnitsAreComplete(t *testing.T) {
	t.Parallel()
	for _, quantity := range workoutQuantities {
		if WorkoutUnits[quantity.name] == "" {
			t.Errorf("the quantity %q has no unit", quantity.name)
		}
	}
	for field := range workoutSeries {
		if name := snakeCase(field); WorkoutUnits[name] == "" {
			t.Errorf("the series %q has no unit", name)
		}
	}
}
