package postgres

import (
	"testing"
	"time"
)

func TestCoveredUntil(t *testing.T) {
	t.Parallel()
	month := func(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC) }
	months := func(list ...time.Month) (spans []span) {
		for _, m := range list {
			spans = append(spans, span{from: month(m), to: month(m + 1)})
		}
		return spans
	}
	now := month(3).AddDate(0, 0, 9)
	for name, test := range map[string]struct {
		spans []span
		want  time.Time
	}{
		"none":            {nil, now},
		"only the past":   {months(1, 2), now},
		"to the end":      {months(2, 3, 4), month(5)},
		"to the gap":      {months(3, 4, 6), month(5)},
		"not from now on": {months(4, 5), now},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := coveredUntil(test.spans, now); !got.Equal(test.want) {
				t.Errorf("covered until %v, want %v", got, test.want)
			}
		})
	}
}
