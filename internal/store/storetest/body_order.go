package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// nextOrder returns the order of a body that begins to arrive at a time.
func nextOrder(t tester, s store.Store, user uuid.UUID, now time.Time) health.Instant {
	t.Helper()
	order, err := s.NextOrder(t.Context(), user, now)
	ok(t, "order", err)
	return order
}

var bodyOrderTests = []test{
	{"order/is the time, and increases whatever the clock does", func(t *testing.T, s store.Store) {
		equal(t, "the first", nextOrder(t, s, createUser(t, s), noon), at(0))
		rapid.Check(t, func(t *rapid.T) {
			user, last := createUser(t, s), health.Instant(0)
			for _, minutes := range rapid.SliceOfN(rapid.IntRange(-1e6, 1e6), 1, 5).Draw(t, "clock") {
				now := at(time.Duration(minutes) * time.Minute)
				order := nextOrder(t, s, user, now.Time())
				equal(t, "order", order, max(now, last+1))
				if rapid.Bool().Draw(t, "does not arrive") {
					ok(t, "forget", s.ForgetOrder(t.Context(), user, order))
				}
				last = order
			}
		})
	}},
	{"order/bodies that begin to arrive at once have different ones", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		orders := make([]health.Instant, 40)
		var group errgroup.Group
		for i := range orders {
			group.Go(func() (err error) {
				orders[i], err = s.NextOrder(t.Context(), user, noon)
				return err
			})
		}
		ok(t, "orders", group.Wait())
		slices.Sort(orders)
		for i, order := range orders {
			equal(t, "order", order, at(0)+health.Instant(i))
		}
	}},
	{"order/an ingestion has it, or the time of its receipt", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		for want, order := range map[health.Instant]health.Instant{at(0): 0, at(time.Hour): at(time.Hour)} {
			ingestion := newIngestion(t, user, noon, "x")
			ingestion.Order = order
			ok(t, "put", s.Put(t.Context(), ingestion, strings.NewReader("x"), worker, later))
			got, err := s.Ingestion(t.Context(), user, ingestion.ID)
			ok(t, "ingestion", err)
			equal(t, "order", got.Order, want)
		}
	}},
	{"order/of somebody unknown", func(t *testing.T, s store.Store) {
		_, err := s.NextOrder(t.Context(), newID(t), noon)
		fails(t, "order", err, problem.NotFound)
	}},
}
