package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

var concurrencyTests = []test{
	{"concurrency/writers of one user store each element once", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		const writers, batches, size = 8, 6, 100
		var mu sync.Mutex
		counts := map[health.Outcome]int{}
		var group errgroup.Group
		for writer := range writers {
			group.Go(func() error {
				// Everybody writes the same samples, each begins with another batch.
				for i := range batches {
					written, err := s.WriteSamples(t.Context(), store.Body{User: user}, minutes("step_count", (i+writer)%batches, size))
					if err != nil {
						return err
					}
					mu.Lock()
					for _, outcome := range written.Outcomes {
						counts[outcome]++
					}
					mu.Unlock()
				}
				return nil
			})
		}
		ok(t, "write", group.Wait())
		equal(t, "outcomes", counts, map[health.Outcome]int{
			inserted: batches * size, unchanged: (writers - 1) * batches * size,
		})
		equal(t, "stored", len(samples(t, s, user, store.SampleQuery{Metric: "step_count"})), batches*size)
		metrics, err := s.Metrics(t.Context(), user)
		ok(t, "metrics", err)
		equal(t, "count", metrics[0].Count, int64(batches*size))
	}},
	{"concurrency/writers of many users and names, with readers beside them", func(t *testing.T, s store.Store) {
		const people, size = 8, 200
		users := make([]uuid.UUID, people)
		for i := range users {
			users[i] = createUser(t, s)
		}
		var group errgroup.Group
		for i, user := range users {
			group.Go(func() error {
				for part := range 4 {
					// Names that all users bring at the same time, and one of their own.
					for _, metric := range []string{fmt.Sprint("metric ", part), fmt.Sprint("own ", i)} {
						if _, err := s.WriteSamples(t.Context(), store.Body{User: user}, minutes(metric, part, size)); err != nil {
							return err
						}
					}
				}
				return nil
			})
			group.Go(func() error {
				for range 20 {
					if _, err := s.Metrics(t.Context(), user); err != nil {
						return err
					}
					for _, err := range s.Samples(t.Context(), user, store.SampleQuery{Metric: "metric 0"}) {
						if err != nil {
							return err
						}
					}
				}
				return nil
			})
		}
		ok(t, "write and read", group.Wait())
		for i, user := range users {
			holds(t, s, user, "metric 3", minutes("metric 3", 3, size)...)
			equal(t, "own", len(samples(t, s, user, store.SampleQuery{Metric: fmt.Sprint("own ", i)})), 4*size)
			equal(t, "somebody else's", len(samples(t, s, user, store.SampleQuery{Metric: fmt.Sprint("own ", i+1)})), 0)
		}
	}},
	{"concurrency/each ingestion is handed out once", func(t *testing.T, s store.Store) {
		const people, each, workers = 5, 4, 6
		for range people {
			user := createUser(t, s)
			for range each {
				put(t, s, user, noon, "x")
			}
		}
		var busy sync.Map // user → whether somebody works on one of theirs
		var finished atomic.Int32
		var group errgroup.Group
		for i := range workers {
			owner := fmt.Sprint("worker ", i)
			group.Go(func() error {
				for finished.Load() < people*each {
					ingestion, err := s.ClaimNext(t.Context(), owner, "", later, later.Add(time.Hour))
					if errors.Is(err, problem.NotFound) {
						continue
					}
					if err != nil {
						return err
					}
					if _, taken := busy.LoadOrStore(ingestion.UserID, true); taken {
						return errors.New("two workers have ingestions of one user")
					}
					busy.Delete(ingestion.UserID)
					ingestion.Status = health.StatusProcessed
					if err := s.Finish(t.Context(), ingestion, owner); err != nil {
						return err
					}
					finished.Add(1)
				}
				return nil
			})
		}
		ok(t, "work", group.Wait())
		equal(t, "finished", finished.Load(), int32(people*each))
	}},
	{"concurrency/a write that is cancelled on its way does all or nothing", func(t *testing.T, s store.Store) {
		user := createUser(t, s)
		for i := range 20 {
			metric := fmt.Sprint("metric ", i)
			batch := minutes(metric, 0, 2000)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
			_, err := s.WriteSamples(ctx, store.Body{User: user}, batch)
			cancel()
			stored := len(samples(t, s, user, store.SampleQuery{Metric: metric}))
			switch {
			case err == nil && stored == len(batch):
			case errors.Is(err, context.Canceled) && (stored == 0 || stored == len(batch)): // perhaps at the very end
			default:
				t.Errorf("error %v, and %d samples are stored", err, stored)
			}
		}
		writes(t, s, user, "afterwards", minutes("metric", 0, 5), all(inserted, 5)...)
	}},
	{"concurrency/one of many wins an email address", func(t *testing.T, s store.Store) {
		var won atomic.Int32
		var group errgroup.Group
		for i := range 8 {
			group.Go(func() error {
				email := "ada@example.org"
				if i%2 == 0 {
					email = strings.ToUpper(email)
				}
				err := s.CreateUser(t.Context(), account.User{ID: uuid.New(), Email: email, CreatedAt: noon})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, problem.Conflict) {
					return err
				}
				return nil
			})
		}
		ok(t, "create", group.Wait())
		equal(t, "created", won.Load(), int32(1))
	}},
}

// minutes returns one sample a minute of a part of a day; parts do not overlap.
func minutes(metric string, part, size int) []health.Sample {
	batch := make([]health.Sample, size)
	for i := range batch {
		batch[i] = summary(metric, at(time.Duration(part*size+i)*time.Minute), health.GrainMinute, float64(i))
	}
	return batch
}
