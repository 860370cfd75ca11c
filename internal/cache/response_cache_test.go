package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/cache"
)

// about is a question about one metric of a user, or about everything.
func about(user uuid.UUID, metric string) cache.Key {
	return cache.Key{User: user, Kind: "test", Query: "what", Metric: metric, TTL: time.Minute}
}

// says finds an answer that never changes, and counts how often it is asked for.
func says(answer string, asked *int) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		*asked++
		return []byte(answer), nil
	}
}

func wantAnswer(t testing.TB, a *cache.ResponseCache, q cache.Key, find func(context.Context) ([]byte, error), want string) {
	t.Helper()
	if got, err := a.Get(t.Context(), q, find); err != nil || string(got) != want {
		t.Errorf("Answer = %q, %v; want %q", got, err, want)
	}
}

func TestResponsesAreCachedUntilAChange(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, _ func(string) string) {
		user, other := uuid.New(), uuid.New()
		for name, tt := range map[string]struct {
			metric string
			change func(a *cache.ResponseCache)
			want   int // questions to the store in all
		}{
			"nothing":                       {"", func(*cache.ResponseCache) {}, 1},
			"a change":                      {"", func(a *cache.ResponseCache) { a.InvalidateMetrics(t.Context(), user, []string{"steps"}) }, 2},
			"a change without a metric":     {"", func(a *cache.ResponseCache) { a.InvalidateMetrics(t.Context(), user, nil) }, 2},
			"of another user":               {"", func(a *cache.ResponseCache) { a.InvalidateMetrics(t.Context(), other, []string{"steps"}) }, 1},
			"of the metric":                 {"steps", func(a *cache.ResponseCache) { a.InvalidateMetrics(t.Context(), user, []string{"x", "steps"}) }, 2},
			"of another metric":             {"steps", func(a *cache.ResponseCache) { a.InvalidateMetrics(t.Context(), user, []string{"step", "steps2"}) }, 1},
			"of everything":                 {"", func(a *cache.ResponseCache) { a.InvalidateUser(t.Context(), user) }, 2},
			"of everything, about a metric": {"steps", func(a *cache.ResponseCache) { a.InvalidateUser(t.Context(), user) }, 2},
		} {
			t.Run(name, func(t *testing.T) {
				one, two := cache.NewResponseCache(c, nil), cache.NewResponseCache(c, nil)
				q := about(user, tt.metric)
				q.Query = name
				asked := 0
				wantAnswer(t, one, q, says("1", &asked), "1")
				wantAnswer(t, two, q, says("1", &asked), "1")
				if asked != 1 {
					t.Fatalf("asked %d times before any change", asked)
				}
				tt.change(two)
				wantAnswer(t, one, q, says("1", &asked), "1")
				wantAnswer(t, two, q, says("1", &asked), "1")
				if asked != tt.want {
					t.Errorf("asked %d times, want %d", asked, tt.want)
				}
			})
		}
	})
}

func TestKeysDoNotCollide(t *testing.T) {
	t.Parallel()
	a := cache.NewResponseCache(cache.NewMemory(roomy), nil)
	base := about(uuid.New(), "steps")
	questions := []cache.Key{base, about(uuid.New(), "steps"), about(base.User, ""), about(base.User, "step")}
	other := base
	other.Kind = "other"
	questions = append(questions, other)
	other = base
	other.Query = "s what"
	questions = append(questions, other)
	for range 2 {
		for i, q := range questions {
			asked := 0
			wantAnswer(t, a, q, says(strconv.Itoa(i), &asked), strconv.Itoa(i))
		}
	}
}

func TestFailuresAndPanicsAreNotCached(t *testing.T) {
	t.Parallel()
	a := cache.NewResponseCache(cache.NewMemory(roomy), nil)
	q := about(uuid.New(), "")
	broken := errors.New("broken")
	if _, err := a.Get(t.Context(), q, func(context.Context) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
	if _, err := a.Get(t.Context(), q, func(context.Context) ([]byte, error) { panic("oh") }); err == nil {
		t.Error("a panic is no error")
	}
	asked := 0
	wantAnswer(t, a, q, says("1", &asked), "1")
	large := make([]byte, 2<<20)
	q.Query = "large"
	for range 2 {
		wantAnswer(t, a, q, says(string(large), &asked), string(large))
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3: what is too large is not remembered", asked)
	}
}

// One miss is one question to the store, also for those whose leader goes away.
func TestConcurrentMissesLoadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := cache.NewResponseCache(cache.NewMemory(roomy), nil)
		q := about(uuid.New(), "")
		var asked atomic.Int32
		find := func(ctx context.Context) ([]byte, error) {
			asked.Add(1)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return []byte("1"), nil
			}
		}
		leader, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := a.Get(leader, q, find); !errors.Is(err, context.Canceled) {
				t.Errorf("the leader's error = %v", err)
			}
		})
		synctest.Wait()
		for range 8 {
			wg.Go(func() { wantAnswer(t, a, q, find, "1") })
		}
		synctest.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%d questions while the first was under way", n)
		}
		leave()
		wg.Wait()
		if n := asked.Load(); n != 2 {
			t.Errorf("%d questions in all, want 2: one that was given up, and one", n)
		}
	})
}

// An answer that was sought before a change must not be shared with, or kept for, those who ask after it.
func TestSlowLoadIsNotReturnedAfterAChange(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, _ func(string) string) {
		one, two := cache.NewResponseCache(c, nil), cache.NewResponseCache(c, nil)
		q := about(uuid.New(), "steps")
		begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			wantAnswer(t, one, q, func(context.Context) ([]byte, error) {
				close(begun)
				<-goOn
				return []byte("old"), nil
			}, "old")
		}()
		<-begun
		two.InvalidateMetrics(t.Context(), q.User, []string{"steps"})
		asked := 0
		wantAnswer(t, one, q, says("new", &asked), "new")
		close(goOn)
		<-done
		wantAnswer(t, one, q, says("new", &asked), "new")
		wantAnswer(t, two, q, says("new", &asked), "new")
		if asked != 2 { // the old answer took the place of the new one, and counts for nothing
			t.Errorf("asked %d times", asked)
		}
	})
}

// Several processes with one cache, answering and changing in any order: nobody gets an answer that is older than the
// last change that was over when they asked.
func TestNoResponseIsOlderThanTheLastChange(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c cache.Cache, _ func(string) string) {
		rapid.Check(t, func(rt *rapid.T) {
			w := newSimulation(cache.NewResponseCache(c, nil), cache.NewResponseCache(c, nil))
			var wg sync.WaitGroup
			for worker := range rapid.IntRange(2, 4).Draw(rt, "workers") {
				steps := rapid.SliceOfN(drawStep, 1, 12).Draw(rt, fmt.Sprint("steps of ", worker))
				wg.Go(func() {
					for _, s := range steps {
						w.do(t.Context(), s)
					}
				})
			}
			wg.Wait()
			if w.stale.Load() > 0 {
				rt.Fatalf("%d answers were older than the last change", w.stale.Load())
			}
		})
	})
}

// simulation is a store with one number in it for each of two metrics, and processes that answer for it.
type simulation struct {
	user      uuid.UUID
	instances []*cache.ResponseCache
	written   [2]atomic.Int64  // the value of each metric
	over      [2]atomic.Int64  // the last value whose change was reported in full
	writing   [2]chan struct{} // one at a time
	stale     atomic.Int64
}

func newSimulation(instances ...*cache.ResponseCache) *simulation {
	return &simulation{
		user: uuid.New(), instances: instances, writing: [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)},
	}
}

type step struct {
	Instance int
	Write    bool
	Metric   int // 0 and 1; a question about 2 is about both
	All      bool
}

var metricNames = [...]string{"steps", "pulse", ""}

var drawStep = rapid.Custom(func(t *rapid.T) step {
	return step{
		rapid.IntRange(0, 1).Draw(t, "instance"), rapid.Bool().Draw(t, "write"),
		rapid.IntRange(0, 2).Draw(t, "metric"), rapid.IntRange(0, 5).Draw(t, "all") == 0,
	}
})

func (w *simulation) do(ctx context.Context, s step) {
	a := w.instances[s.Instance]
	if s.Write {
		m := s.Metric % 2
		w.writing[m] <- struct{}{}
		defer func() { <-w.writing[m] }()
		value := w.written[m].Add(1)
		if s.All {
			a.InvalidateUser(ctx, w.user)
		} else {
			a.InvalidateMetrics(ctx, w.user, []string{metricNames[m]})
		}
		w.over[m].Store(value)
		return
	}
	least := [2]int64{w.over[0].Load(), w.over[1].Load()}
	answer, err := a.Get(ctx, about(w.user, metricNames[s.Metric]), func(context.Context) ([]byte, error) {
		return fmt.Appendf(nil, "%d %d", w.written[0].Load(), w.written[1].Load()), nil
	})
	var got [2]int64
	if _, scanErr := fmt.Sscan(string(answer), &got[0], &got[1]); err != nil || scanErr != nil {
		w.stale.Add(1)
		return
	}
	for m := range got {
		if got[m] < least[m] && (s.Metric == 2 || s.Metric == m) {
			w.stale.Add(1)
		}
	}
}

func BenchmarkResponseCacheHit(b *testing.B) {
	a := cache.NewResponseCache(cache.NewMemory(roomy), nil)
	q := about(uuid.New(), "")
	asked := 0
	for b.Loop() {
		if _, err := a.Get(b.Context(), q, says("1", &asked)); err != nil {
			b.Fatal(err)
		}
	}
}
