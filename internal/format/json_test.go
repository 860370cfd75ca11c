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

// testdata/hae/envelope-* has more cases of the envelope.

func TestDeferredMembersOverflow(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", maxDeferredBytes) + `"`
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"object in data": {
			`{"data":{"version":1,"device":{"a":` + long + `},"name":"x","metrics":[]}}`,
			[]string{"device 0.-1", "body 0.-1"},
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
	_, err := drain(decodeJSON(strings.NewReader(`{"device":`+long+`,"metrics":[]}`), Options{}))
	if !errors.Is(err, problem.Unrecognised) {
		t.Errorf("more deferred members than fit before a known one: %v", err)
	}
}

func TestTooLongToBeDeferred(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 2000) + `"}`
	want := []string{"device 0.-1 refused", "body 0.-1"}
	body := `{"data":{"device":` + long + `,"version":1}}`
	if diff := cmp.Diff(want, outcomes(t, decodeWithWindow(strings.NewReader(body), 64, 512, Options{}))); diff != "" {
		t.Error(diff)
	}
	body = `{"payload":{},"received_at":` + long + `,"data":` + long + `,"payload":` + long + `}`
	if _, err := drain(decodeWithWindow(strings.NewReader(body), 64, 512, Options{})); !errors.Is(err, problem.Invalid) {
		t.Errorf("payload is there twice: %v", err)
	}
}

// TestElementsBeforeAnErrorAreYielded truncates a body at every byte: complete elements before the cut are yielded,
// followed by an error.
func TestElementsBeforeAnErrorAreYielded(t *testing.T) {
	t.Parallel()
	body := `{"data":{"metrics":[{"name":"a","data":[` + point + `,` + point + `]}],"symptoms":[{"name":"Cough","start":"2026-03-10"}]}}`
	for cut := range body {
		records, err := drain(decodeJSON(strings.NewReader(body[:cut]), Options{}))
		want := strings.Count(body[:cut], `1}`) + strings.Count(body[:cut], `10"}`)
		if failure, ok := errors.AsType[*problem.Error](err); !ok || failure.Code != "malformed_json" || records != want {
			t.Errorf("cut at byte %d: %d records and %v, wanted %d", cut, records, err, want)
		}
	}
}

// TestEntryIsSharedByItsPoints checks the contract of Record.Entry: a name and a unit that come after the points are
// set in the entry that the points were yielded with.
func TestEntryIsSharedByItsPoints(t *testing.T) {
	t.Parallel()
	body := `{"data":{"metrics":[{"data":[` + point + `,5,` + point + `],"units":"kg","name":"a"},{"data":[` + point + `],"name":"b"}]}}`
	var entries []*health.MetricEntry
	for record := range decodeJSON(io.Reader(strings.NewReader(body)), Options{}) {
		entries = append(entries, record.Entry)
	}
	if len(entries) != 4 || entries[0] != entries[1] || entries[0] != entries[2] || entries[2] == entries[3] {
		t.Fatalf("entries %v", entries)
	}
	if diff := cmp.Diff([]health.MetricEntry{{Name: "a", Unit: "kg"}, {Name: "b"}}, []health.MetricEntry{*entries[0], *entries[3]}); diff != "" {
		t.Error(diff)
	}
}
