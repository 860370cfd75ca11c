package health

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportByType(t *testing.T) {
	t.Parallel()
	var r Report
	r.Count(Metrics, "steps", Inserted)
	r.CountN(Metrics, "steps", Unchanged, 3)
	r.Count(Events, "", Inserted)
	r.Reject(Metrics, "steps", &Rejection{Message: "No start."})
	want := []TypeCounts{{
		Type:    "steps",
		Counts:  Counts{Received: 5, Inserted: 1, Unchanged: 3, Rejected: 1},
		Reasons: map[string]int{"No start.": 1},
	}}
	if diff := cmp.Diff(want, r.Types); diff != "" {
		t.Error(diff)
	}
}

func TestReportBoundsTypesAndReasons(t *testing.T) {
	t.Parallel()
	var r Report
	for i := range maxTypes + 50 {
		r.Count(Metrics, fmt.Sprint(i), Inserted)
	}
	for i := range maxReasons + 50 {
		r.Reject(Metrics, "0", &Rejection{Message: fmt.Sprint(i)})
	}
	if len(r.Types) != maxTypes+1 || len(r.Types[0].Reasons) != maxReasons+1 {
		t.Errorf("%d types, %d reasons", len(r.Types), len(r.Types[0].Reasons))
	}
	received := 0
	for _, c := range r.Types {
		received += c.Received
	}
	if received != r.Total().Received {
		t.Errorf("the types add up to %d of %d", received, r.Total().Received)
	}
}
