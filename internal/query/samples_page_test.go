package query_test

import (
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

// A page ends early where the samples on it are long, and the next one goes on.
func TestPagesOfLongSamples(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range 30 {
		s := health.NewSample()
		s.Metric, s.Unit, s.Grain, s.Start = "beats", "ms", health.GrainRaw, health.Instant(i+1)*health.Second
		s.End, s.Attributes = s.Start, `{"beats":"`+strings.Repeat("x", 1<<20)+`"}`
		m.samples = append(m.samples, s)
	}
	service := newService(t, m)
	pages, seen := 0, 0
	for cursor := ""; ; pages++ {
		page, err := service.Samples(t.Context(), anna, query.SamplesRequest{Metric: "beats", Cursor: cursor})
		if err != nil || len(page.Samples) == 0 || len(page.Samples) > 8 {
			t.Fatalf("%d samples on page %d, %v", len(page.Samples), pages, err)
		}
		if seen += len(page.Samples); page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	if seen != 30 || pages < 3 {
		t.Errorf("%d samples on %d pages", seen, pages+1)
	}
}
