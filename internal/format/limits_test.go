package format

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// TestHostileElements decodes elements of nearly the maximal length that make the decoder allocate as much as possible
// per byte. It is not parallel, since it counts the allocations of the process.
func TestHostileElements(t *testing.T) {
	const size = 15 << 20
	const limit = 50 // MiB
	long := func(before, part, after string) string {
		return before + strings.Repeat(part+",", size/(len(part)+1)) + part + after
	}
	const head = `"name":"Run","start":"2026-05-19 07:30:00 -0700"`
	for _, c := range []struct {
		name       string
		decode     elementDecoder
		raw, field string
	}{
		{"route", decodeWorkout, long(`{`+head+`,"route":[`, `{"lat":1,"lon":2}`, `]}`), "route"},
		{"series", decodeWorkout, long(`{`+head+`,"heartRateData":[`, `{"qty":1}`, `]}`), "heartRateData"},
		{"unknown series", decodeWorkout, long(`{`+head+`,"x":[`, `{"qty":1}`, `]}`), "x"},
		{"empty points", decodeWorkout, long(`{`+head+`,"route":[`, `{}`, `]}`), "route"},
		{"fields", decodeWorkout, long(`{`+head+`,`, `"a":1`, `}`), ""},
		{"voltages", decodeECG, long(`{`+head+`,"voltageMeasurements":[`, `{"voltage":1}`, `]}`), "voltageMeasurements"},
	} {
		raw := []byte(c.raw)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := c.decode(raw, health.Position{Point: -1}, Options{})
		runtime.ReadMemStats(&after)
		rejection, ok := errors.AsType[*health.Rejection](err)
		if !ok || rejection.Code != health.ValidationError {
			t.Errorf("%s: error %v, want a rejection", c.name, err)
			continue
		}
		if field, _ := rejection.Details["field"].(string); field != c.field {
			t.Errorf("%s: field %q, want %q", c.name, field, c.field)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > limit {
			t.Errorf("%s: it took %d MiB of memory in all, more than %d", c.name, took, limit)
		}
	}
}

// TestPointsOfOneElement checks that maxPoints bounds the points of all arrays together.
func TestPointsOfOneElement(t *testing.T) {
	t.Parallel()
	workout := func(route, series int) string {
		return `{"name":"Run","start":"2026-05-19 07:30:00 -0700","route":[` +
			strings.TrimSuffix(strings.Repeat(`{"lat":1,"lon":2},`, route), ",") + `],"heartRateData":[` +
			strings.TrimSuffix(strings.Repeat(`{"qty":1},`, series), ",") + `]}`
	}
	w := decodeElement(t, "workouts", workout(maxPoints-5, 5)).Workout
	if len(w.Route) != maxPoints-5 || len(w.Series["heart_rate_data"]) != 5 {
		t.Errorf("%d places and %d readings", len(w.Route), len(w.Series["heart_rate_data"]))
	}
	if _, err := tryElement("workouts", workout(maxPoints-5, 6)); err == nil {
		t.Error("one point too many was taken")
	}
}

// TestLongPoints checks that a point that is too long or has too many fields is rejected, and its neighbours are not.
func TestLongPoints(t *testing.T) {
	t.Parallel()
	fields := func(n int) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, `"f%d":1,`, i)
		}
		return text.String()
	}
	for name, c := range map[string]struct {
		point string
		want  string
	}{
		"long":            {`{"note":"` + strings.Repeat("x", maxPoint) + `","date":"2026-03-10","qty":1}`, "metric 0.1 refused"},
		"many fields":     {`{` + fields(maxFields) + `"date":"2026-03-10","qty":1}`, "metric 0.1 refused"},
		"almost too many": {`{` + fields(maxFields-2) + `"date":"2026-03-10","qty":1}`, "metric 0.1"},
	} {
		body := `{"data":{"metrics":[{"name":"a","data":[` + point + `,` + c.point + `,` + point + `]}]}}`
		got := outcomes(t, decodeJSON(strings.NewReader(body), Options{}))
		if diff := cmp.Diff([]string{"metric 0.0", c.want, "metric 0.2"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestUnknownMembersAreFew checks that maxUnknownMembers bounds the unknown members anywhere in the envelope.
func TestUnknownMembersAreFew(t *testing.T) {
	t.Parallel()
	members := func(n int) string { return strings.Repeat(`"x":{},`, n) }
	for name, body := range map[string]string{
		"before data":    `{%s"data":{"metrics":[]}}`,
		"in data":        `{"data":{%s"metrics":[]}}`,
		"after metrics":  `{"metrics":[],%s"symptoms":[]}`,
		"in the payload": `{"payload":{%s"metrics":[]}}`,
	} {
		if records, err := drain(decodeJSON(strings.NewReader(fmt.Sprintf(body, members(maxUnknownMembers))), Options{})); err != nil || records != maxUnknownMembers-1 {
			t.Errorf("%s: %d records before the last, %v", name, records, err)
		}
		_, err := drain(decodeJSON(strings.NewReader(fmt.Sprintf(body, members(maxUnknownMembers+1))), Options{}))
		if failure, ok := errors.AsType[*problem.Error](err); !ok || failure.Code != "too_many_members" || !errors.Is(err, problem.Invalid) {
			t.Errorf("%s: error %v, want too_many_members", name, err)
		}
	}
}
