package query_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

// slow is a store whose rebuild takes longer than rebuildWait.
type slow struct{ store.Store }

func (slow) Rebuild(context.Context, uuid.UUID) (store.Rebuilt, error) {
	return store.Rebuilt{}, context.DeadlineExceeded
}

// Until the summaries follow a new source order, which a crash may delay, responses follow it all the same.
func TestAnOrderOfSourcesHoldsAtOnce(t *testing.T) {
	t.Parallel()
	known, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := testdb.New(t)
	user := account.User{ID: uuid.New(), Email: "ada@example.org", CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := s.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	walk := []health.Sample{
		until(t, steps(t, 0, watch, "2026-03-10T08:00:00+02:00", 900), "2026-03-10T09:00:00+02:00"),
		until(t, steps(t, 0, phone, "2026-03-10T08:00:00+02:00", 650), "2026-03-10T09:00:00+02:00"),
	}
	if _, err := s.WriteSamples(t.Context(), store.Body{User: user.ID}, walk); err != nil {
		t.Fatal(err)
	}
	responses := query.New(query.Config{Samples: s, Sleep: s, Workouts: s, Events: s, Summaries: s, Catalog: known})
	expect := func(want float64) {
		t.Helper()
		day, err := responses.Day(t.Context(), user, "", date(t, "2026-03-10"))
		if err != nil {
			t.Fatal(err)
		}
		if got := day.Metrics["activity"]["step_count"]; got.Sum == nil || *got.Sum != want {
			t.Errorf("the day has %+v, want %v", got, want)
		}
	}
	expect(900)
	late := query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: slow{s}, Catalog: known, Logger: testlog.Logger(t)})
	priority, err := late.SetSourcePriority(t.Context(), user, aggregate.SourceOrder{Sources: []string{phone}})
	if err != nil || priority.Applied {
		t.Fatalf("the order is %+v, error %v", priority, err)
	}
	expect(650)
	rebuilder := query.NewSummaryRebuilder(query.SummaryRebuilderConfig{Store: s, Catalog: known, Logger: testlog.Logger(t)})
	if err := rebuilder.RebuildStale(t.Context()); err != nil {
		t.Fatal(err)
	}
	if priority, err = rebuilder.SourcePriority(t.Context(), user); err != nil || !priority.Applied {
		t.Fatalf("the order is %+v, error %v", priority, err)
	}
	expect(650)
}
