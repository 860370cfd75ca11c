package server

import (
	"bytes"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
)

// A report without lists is written by hand: as the library writes it.
func TestAppendPlainMatchesTheLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 1<<40))
		counts := rapid.Custom(func(t *rapid.T) health.Counts {
			n := func(name string) int { return number.Draw(t, name) }
			return health.Counts{
				Received: n("received"), Inserted: n("inserted"), Updated: n("updated"), Unchanged: n("unchanged"), Merged: n("merged"),
				Rejected: rapid.SampledFrom([]int{0, 0, 0, 3}).Draw(t, "rejected"), // then there is a count of errors
			}
		})
		ingestion := health.Ingestion{
			ID:       uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
			Status:   rapid.SampledFrom([]health.Status{health.StatusProcessed, health.StatusAccepted, health.StatusRejected}).Draw(t, "status"),
			Duration: time.Duration(number.Draw(t, "duration")),
		}
		for _, kind := range []health.ElementKind{health.Metrics, health.Workouts, health.Events, health.ECGs} {
			ingestion.Report.Counts[kind] = counts.Draw(t, kind.String())
		}
		want, err := MarshalReport(&ingestion)
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		if err := writeReport(answer, 200, &ingestion); err != nil {
			t.Fatal(err)
		}
		if got := answer.Body.Bytes(); !bytes.Equal(got, want) {
			t.Fatalf("by hand:        %s\nby the library: %s", got, want)
		}
	})
}
