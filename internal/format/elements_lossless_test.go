package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/health-export/health-export/internal/health"
)

// fixtureElement is one element of a fixture's body.
type fixtureElement struct {
	name string // fixture, array and index
	key  string
	raw  []byte
}

// fixtureElements returns every element of the fixtures that is not a metric of the app's own form.
func fixtureElements(tb testing.TB) []fixtureElement {
	tb.Helper()
	files, err := filepath.Glob("testdata/*/*/input.json")
	if err != nil || len(files) == 0 {
		tb.Fatal("no fixtures: ", err)
	}
	var list []fixtureElement
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		var body struct{ Data map[string]json.RawMessage }
		if json.Unmarshal(text, &body) != nil {
			continue // the fixtures of broken bodies
		}
		for _, key := range slices.Sorted(maps.Keys(body.Data)) {
			var array []json.RawMessage
			if key == "metrics" && !strings.Contains(file, "/typed/") || json.Unmarshal(body.Data[key], &array) != nil {
				continue
			}
			for i, raw := range array {
				list = append(list, fixtureElement{fmt.Sprintf("%s %s[%d]", file, key, i), key, raw})
			}
		}
	}
	return list
}

// TestEveryFieldMatters removes one field at a time from every element of the fixtures, at any depth, and checks that
// the record changes or is rejected: a field that makes no difference is lost.
func TestEveryFieldMatters(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, element := range fixtureElements(t) {
		record, err := tryElement(element.key, string(element.raw))
		if err != nil || slices.Contains(warningCodes(record), health.DroppedPoint) {
			continue // dropped points are reported as a whole
		}
		var value any
		if err := json.Unmarshal(element.raw, &value); err != nil {
			t.Fatal(err)
		}
		eachRemoval(value, "", func(path string) {
			without, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			other, err := tryElement(element.key, string(without))
			if err == nil && cmp.Equal(record, other, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()) {
				t.Errorf("%s: %s makes no difference", element.name, path)
			}
		})
	}
	if checked < 500 {
		t.Errorf("only %d fields were checked", checked)
	}
}

// ignoredFields are fields of the fixtures that make no difference.
var ignoredFields = []string{
	".id", ".user_id", ".created_at", // of the typed form, which ignores them; other ids are checked by TestIDs
	".type",                                                                 // of a workout that has a workout_type
	".averageHeartRate", ".averageHeartRate.qty", ".averageHeartRate.units", // 0 in some of the fixtures
	".samplingFrequency.units",         // hertz, which the number always is
	".heartRate.avg", ".heartRate.max", // avgHeartRate and maxHeartRate say the same
	".awake_minutes", // 0 is not recorded
}

// eachRemoval calls check for every member of every object in value while that member is missing from it.
func eachRemoval(value any, path string, check func(path string)) {
	switch value := value.(type) {
	case []any:
		for i, inner := range value {
			eachRemoval(inner, fmt.Sprintf("%s[%d]", path, i), check)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			member := value[name]
			here := path + "." + name
			eachRemoval(member, here, check)
			if empty(member) || slices.Contains(ignoredFields, here) {
				continue
			}
			delete(value, name)
			check(here)
			value[name] = member
		}
	}
}

func empty(value any) bool {
	list, isList := value.([]any)
	return value == nil || value == "" || isList && len(list) == 0
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for key, raw := range map[string]string{
		"workouts":               `{"id":"A-1","name":"Run","start":"2026-05-19 07:30:00 -0700"}`,
		"symptoms":               `{"id":"A-1","name":"Fatigue","start":"2026-05-19 07:30:00 -0700"}`,
		"stateOfMind":            `{"id":"A-1","start":"2026-05-19 07:30:00 -0700"}`,
		"medications":            `{"uuid":"A-1","displayText":"Ibuprofen","start":"2026-05-19 07:30:00 -0700"}`,
		"heartRateNotifications": `{"id":"A-1","start":"2026-05-19 07:30:00 -0700"}`,
		"beats":                  `{"id":"A-1"}`,
	} {
		record := decodeElement(t, key, raw)
		got := ""
		switch {
		case record.Workout != nil:
			got = record.Workout.AppID
		case record.Event != nil:
			got = record.Event.AppID
		}
		if got != "A-1" {
			t.Errorf("%s: id %q, want A-1", key, got)
		}
	}
	if id := decodeElement(t, "beats", `{"id":17}`).Event.AppID; id != "17" {
		t.Errorf("a number as id became %q", id)
	}
}
