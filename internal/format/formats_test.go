package format

import (
	"errors"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/problem"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		`{"data":{}}`:   "hae",
		` {"data":null`: "hae",
		`{"data":[]}`:   "hae",
		`{`:             "hae", // truncated; the decoder returns the error
		`{"da`:          "hae",
		`{]`:            "hae",
		`{"data":{"metrics":[{"name":"a","type":"b"`:                         "typed",
		`{"data":{"metrics":[{"data":[{"type":1}]`:                           "hae",
		`{"data":{"metrics":[{"recorded_at":"x"}]`:                           "typed",
		`{"data":{"metrics":[],"workouts":[{"start_time":"x"}]}}`:            "typed",
		`{"data":{"metrics":[null,{"name":"a"}]}}`:                           "hae",
		`{"data":{"metrics":{"HKQuantityTypeIdentifierStepCount":[]}}}`:      "typed",
		`{"data":{"type":"HeartRate"}}`:                                      "typed",
		`{"data":{"name":"step_count","qty":1}}`:                             "hae",
		`{"data":[{"name":"step_count","qty":1}]}`:                           "hae",
		`{"data":[{"type":"HeartRate"}]}`:                                    "typed",
		`{"metrics":[]}`:                                                     "hae",
		`{"ecg":[]}`:                                                         "hae",
		`{"workouts":[{"id":1,"name":"Run","start":"x","metadata":{}}]}`:     "hae",
		`{"received_at":"x","payload":{"data":{"metrics":[{"type":"a"}]}}}`:  "typed",
		`{"new":[1],"data":{"metrics":[]}}`:                                  "hae",
		"\ufeff{\"data\":{}}":                                                "hae",
		`{"data":{"symptoms":[{"type":1}],"workouts":[{"workout_type":"a"}]`: "typed",
		`{"payload":{}}`:                                                     "unrecognised_format",
		`{"foo":1}`:                                                          "unrecognised_format",
		`{"data":5}`:                                                         "unrecognised_format",
		`{"type":"a"}`:                                                       "unrecognised_format",
		`{}`:                                                                 "unrecognised_format",
		`[]`:                                                                 "unrecognised_format",
		`[1,2,3]`:                                                            "unrecognised_format",
		`[`:                                                                  "unrecognised_format",
		`"text"`:                                                             "unrecognised_format",
		`12 `:                                                                "unrecognised_format",
		`null`:                                                               "unrecognised_format",
		``:                                                                   "not_json",
		" \n\t":                                                              "not_json",
		`hello`:                                                              "not_json",
		`true story`:                                                         "not_json",
		`"text`:                                                              "not_json",
		`<?xml?>`:                                                            "not_json",
		"PK\x03\x04":                                                         "not_json",
		"\xff\xfe{\x00}":                                                     "not_json",
		"date,qty\n1,2\n":                                                    "not_json",
	} {
		format, err := Detect([]byte(head))
		got := format.Name
		if failure, ok := errors.AsType[*problem.Error](err); ok {
			got = failure.Code
		}
		if got != want {
			t.Errorf("%q is detected as %q (%v), wanted %q", head, got, err, want)
		}
	}
}

// TestDetectAgreesWithDecode checks that Detect and the decoder agree on what is unrecognised.
func TestDetectAgreesWithDecode(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"payload":{}}`, `{"data":5}`, `{"data":"a","metrics":[]}`, `{"a":1}`, `{"a":{"data":{}}}`, `{"payload":{"metrics":[]}}`,
		`{"payload":5,"ecg":[]}`, `[]`, `"a"`, `{}`, `{"type":"HeartRate"}`, `{"data":null}`, `{"workouts":null}`, `{"metrics":{}}`,
	} {
		_, detected := Detect([]byte(body))
		_, decoded := drain(decodeJSON(strings.NewReader(body), Options{}))
		if errors.Is(detected, problem.Unrecognised) != errors.Is(decoded, problem.Unrecognised) {
			t.Errorf("%s: Detect: %v; Decode: %v", body, detected, decoded)
		}
	}
}

func TestDetectLongBody(t *testing.T) {
	t.Parallel()
	body, _ := generated(t, generator.Options{Bytes: 1 << 20})
	if format, err := Detect(body[:DetectSize]); err != nil || format.Name != "hae" {
		t.Errorf("detected as %q, %v", format.Name, err)
	}
}
