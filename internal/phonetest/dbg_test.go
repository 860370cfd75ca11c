package phonetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/phonetest"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
)

func TestDbg(t *testing.T) {
	db, err := sqlite.OpenMemory(t.Context(), nil)
	_ = err
	plan := phonetest.NewPlan(8)
	v := newServer(t, db, plan.Person.Home())
	plan.Run(t.Context(), v)
	spans, _ := db.Spans(t.Context(), v.user.ID, store.SampleQuery{Metric: "walking_running_distance", Unit: "km"})
	for _, s := range spans {
		fmt.Println(s.Grain, s.From, s.To, s.Order, s.Session[:4], s.Gaps)
	}
	key := health.InstantOf(time.Date(2025, 11, 1, 18, 30, 0, 0, time.UTC))
	byHour := map[health.Instant]float64{}
	for sm, _ := range db.Samples(t.Context(), v.user.ID, store.SampleQuery{Metric: "walking_running_distance", Unit: "km", Range: store.Range{From: key, To: key + 24*3600*health.Second}}) {
		for i := range spans {
			if spans[i].Gap(sm.Start) {
				fmt.Println("GAP", sm.Start, sm.Order, spans[i].Session[:4], spans[i].Order)
			}
		}
		h := sm.Start - (sm.Start-key)%(3600*health.Second)
		byHour[h] += sm.Value
		if sm.Offset != 19800 {
			fmt.Println("offset", sm.Start, sm.Offset, sm.Value, sm.Grain, sm.PerSource)
		}
	}
	d := health.DateOf(time.Date(2025, 11, 2, 0, 0, 0, 0, time.UTC))
	days, _ := db.DaySummaries(t.Context(), v.user.ID, store.DayQuery{Metric: "walking_running_distance", Unit: "km", First: d, Last: d, Hours: true})
	for _, day := range days.Days {
		fmt.Println(day.Date, day.Values.Sum, day.Settled, day.Unplaced, day.Grain, day.Count)
		for _, h := range day.Hours {
			fmt.Println(h.Start, h.Values.Sum, byHour[h.Start], h.Grain, h.Settled, h.Count)
		}
	}
}
