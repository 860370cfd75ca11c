package health

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var outcomes = []Outcome{Inserted, Updated, Unchanged, Merged, Rejected}

func TestCountsAreBalanced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var report Report
		received := 0
		want := map[ElementKind]map[Outcome]int{}
		for range rapid.IntRange(0, 50).Draw(t, "elements") {
			kind := ElementKind(rapid.IntRange(0, int(elementKinds)-1).Draw(t, "kind"))
			outcome := rapid.SampledFrom(outcomes).Draw(t, "outcome")
			n := rapid.IntRange(1, 3).Draw(t, "n")
			if n == 1 {
				report.Count(kind, "", outcome)
			} else {
				report.Counts[kind].addN(outcome, n)
			}
			if want[kind] == nil {
				want[kind] = map[Outcome]int{}
			}
			want[kind][outcome] += n
			received += n
		}
		for kind, c := range report.Counts {
			w := want[ElementKind(kind)]
			if !c.Balanced() || c.Inserted != w[Inserted] || c.Updated != w[Updated] || c.Unchanged != w[Unchanged] ||
				c.Merged != w[Merged] || c.Rejected != w[Rejected] {
				t.Fatalf("%v: %+v, want %v", ElementKind(kind), c, w)
			}
		}
		total := report.Total()
		if !total.Balanced() || total.Received != received || total.Accepted()+total.Rejected != received {
			t.Fatalf("total %+v of %d", total, received)
		}
	})
}

func TestUnbalancedCountsAreSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []Counts{{Received: 1}, {Inserted: 1}, {Received: 2, Rejected: 1}, {Received: 1, Merged: 2}} {
		if c.Balanced() {
			t.Errorf("%+v passes for balanced", c)
		}
	}
}

func TestStatusOfReport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outcomes []Outcome
		want     Status
	}{
		{nil, StatusProcessed},
		{[]Outcome{Inserted, Updated, Unchanged, Merged}, StatusProcessed},
		{[]Outcome{Rejected, Inserted}, StatusPartial},
		{[]Outcome{Rejected, Updated}, StatusPartial},
		{[]Outcome{Unchanged, Rejected}, StatusPartial},
		{[]Outcome{Rejected, Rejected}, StatusRejected},
	} {
		var report Report
		for i, outcome := range test.outcomes {
			report.Count(ElementKind(i%int(elementKinds)), "", outcome)
		}
		if got := report.Status(); got != test.want {
			t.Errorf("%v: %s, want %s", test.outcomes, got, test.want)
		}
	}
}

func TestReportListsOnlySoMany(t *testing.T) {
	t.Parallel()
	var report Report
	for i := range maxListed + 5 {
		report.Reject(Metrics, "", &Rejection{Position: Position{Type: "metric", Entry: i}, Code: ValidationError})
		report.Warn(Warning{Position: Position{Type: "metric", Entry: i}, Code: SuspiciousValue})
	}
	if len(report.Errors) != maxListed || report.Counts[Metrics].Rejected != maxListed+5 {
		t.Errorf("%d rejections listed, %d counted", len(report.Errors), report.Counts[Metrics].Rejected)
	}
	if len(report.Warnings) != maxListed || report.WarningCount != maxListed+5 {
		t.Errorf("%d warnings listed, %d counted", len(report.Warnings), report.WarningCount)
	}
	if first, last := report.Errors[0].Entry, report.Errors[maxListed-1].Entry; first != 0 || last != maxListed-1 {
		t.Errorf("listed from %d to %d, want the first ones", first, last)
	}
	if !report.Counts[Metrics].Balanced() {
		t.Errorf("%+v", report.Counts[Metrics])
	}
}

func TestListDoesNotCount(t *testing.T) {
	t.Parallel()
	var report Report
	report.List(&Rejection{Code: DatabaseError})
	if len(report.Errors) != 1 || report.Total() != (Counts{}) {
		t.Errorf("%d listed, %+v counted", len(report.Errors), report.Total())
	}
}

// What goes to a log must not hold a person's data.
func TestRejectionKeepsValuesOutOfItsText(t *testing.T) {
	t.Parallel()
	err := &Rejection{
		Position: Position{Type: "metric", Entry: 3, Metric: "secret metric", Point: 1},
		Code:     ValidationError, Message: "secret message", Suggestion: "secret suggestion",
		Details: map[string]any{"value": "secret value"},
	}
	if text := err.Error(); strings.Contains(text, "secret") || text != "metric 3 refused: validation_error" {
		t.Errorf("the text is %q", text)
	}
}

func TestNamesInAReport(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprint(Inserted, Updated, Unchanged, Merged, Rejected); got != "inserted updated unchanged merged rejected" {
		t.Errorf("outcomes: %s", got)
	}
	if got := fmt.Sprint(Metrics, Workouts, Events, ECGs); got != "metrics workouts events ecg" {
		t.Errorf("kinds: %s", got)
	}
}

func TestKindOfAnElement(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		position string
		record   Record
		want     ElementKind
	}{
		{"metric", Record{Samples: []Sample{NewSample()}}, Metrics},
		{"metric", Record{Night: &Night{}}, Metrics},
		{"metric", Record{Segment: &Segment{}}, Metrics},
		{"workout", Record{Workout: &Workout{}}, Workouts},
		{"symptom", Record{Event: &Event{}}, Events},
		{"somethingNew", Record{Event: &Event{}}, Events},
		{"ecg", Record{ECG: &ECG{}}, ECGs},
	} {
		if got := test.record.Kind(); got != test.want {
			t.Errorf("a %s is counted under %v, want %v", test.position, got, test.want)
		}
		if got := KindOfType(test.position); got != test.want {
			t.Errorf("a refused %s is counted under %v, want %v", test.position, got, test.want)
		}
	}
}
