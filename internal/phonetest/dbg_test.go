package phonetest_test

import (
	"fmt"
	"testing"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/phonetest"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
)

func TestDbg(t *testing.T) {
	db, err := sqlite.OpenMemory(t.Context(), nil)
	_ = err
	plan := phonetest.NewPlan(27)
	v := newServer(t, db, plan.Person.Home())
	plan.Run(t.Context(), v)
	for sm, _ := range db.Samples(t.Context(), v.user.ID, store.SampleQuery{Metric: "mindful_minutes", Unit: "min"}) {
		fmt.Println(sm.Start, sm.Value, sm.Grain, sm.Offset/3600, sm.Order, sm.PerSource, sm.ZoneAssumed, sm.End-sm.Start, sm.Source)
	}
	for range 2 {
		days, _ := db.DaySummaries(t.Context(), v.user.ID, store.DayQuery{Metric: "mindful_minutes", Unit: "min", First: 20000, Last: 30000, Hours: true})
		for _, day := range days.Days {
			fmt.Println(day.Date, day.Values.Sum, day.Settled, day.Unplaced, day.Grain, day.Count)
			for _, h := range day.Hours {
				fmt.Println("   ", h.Start, h.Values.Sum, h.Grain, h.Settled, h.Count)
			}
		}
		fmt.Println(db.Rebuild(t.Context(), v.user.ID))
	}
	spans, _ := db.Spans(t.Context(), v.user.ID, store.SampleQuery{Metric: "mindful_minutes", Unit: "min"})
	for _, s := range spans {
		fmt.Println(s.Grain, s.From, s.To, s.Order, s.Session[:4], s.Gaps)
	}
	_ = health.Day
}
