package format

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// More of the envelope is in testdata/hae/envelope-*.

func TestMuchThatIsUnknown(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", maxDeferredBytes) + `"`
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"object in data": {
			`{"data":{"version":1,"device":{"a":` + long + `},"name":"x","metrics":[]}}`,
			[]string{"device 0.-1", "name 0.-1", "version 0.-1"},
		},
		"after data": {
			`{"data":{},"device":{"a":` + long + `}}`,
			[]string{"device 0.-1"},
		},
	} {
		if diff := cmp.Diff(c.want, outcomes(t, decodeJSON(strings.NewReader(c.body), Options{}))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	_, err := last(decodeJSON(strings.NewReader(`{"device":`+long+`,"metrics":[]}`), Options{}))
	if !errors.Is(err, problem.Unrecognised) {
		t.Errorf("more than can be held before anything known: %v", err)
	}
}

func TestTooLongToBeHeld(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 2000) + `"}`
	want := []string{"device 0.-1 refused", "version 0.-1"}
	body := `{"data":{"device":` + long + `,"version":1}}`
	if diff := cmp.Diff(want, outcomes(t, decodeThrough(strings.NewReader(body), 64, 512, Options{}))); diff != "" {
		t.Error(diff)
	}
	body = `{"payload":{},"received_at":` + long + `,"data":` + long + `,"payload":` + long + `}`
	if _, err := last(decodeThrough(strings.NewReader(body), 64, 512, Options{})); !errors.Is(err, problem.Invalid) {
		t.Errorf("payload is there twice: %v", err)
	}
}

// TestEverythingBeforeAFaultIsYielded cuts a body at every byte: what came whole before the cut is yielded, and the
// error says that the body is not whole.
func TestEverythingBeforeAFaultIsYielded(t *testing.T) {
	t.Parallel()
	body := `{"data":{"metrics":[{"name":"a","data":[` + point + `,` + point + `]}],"symptoms":[{"name":"Cough","start":"2026-03-10"}]}}`
	for cut := range body {
		records, err := last(decodeJSON(strings.NewReader(body[:cut]), Options{}))
		want := strings.Count(body[:cut], `1}`) + strings.Count(body[:cut], `10"}`)
		if failure, ok := errors.AsType[*problem.Error](err); !ok || failure.Code != "malformed_json" || records != want {
			t.Errorf("cut at byte %d: %d records and %v, wanted %d", cut, records, err, want)
		}
	}
}

// TestItemsAreTheSameForTheirPoints holds the decoder to what Record.Item promises: the name and the unit that come
// after the points are in the item that the points were yielded with.
func TestItemsAreTheSameForTheirPoints(t *testing.T) {
	t.Parallel()
	body := `{"data":{"metrics":[{"data":[` + point + `,5,` + point + `],"units":"kg","name":"a"},{"data":[` + point + `],"name":"b"}]}}`
	var items []*health.MetricEntry
	for record := range decodeJSON(io.Reader(strings.NewReader(body)), Options{}) {
		items = append(items, record.Entry)
	}
	if len(items) != 4 || items[0] != items[1] || items[0] != items[2] || items[2] == items[3] {
		t.Fatalf("items %v", items)
	}
	if diff := cmp.Diff([]health.MetricEntry{{Name: "a", Unit: "kg"}, {Name: "b"}}, []health.MetricEntry{*items[0], *items[3]}); diff != "" {
		t.Error(diff)
	}
}
