package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

const (
	// versionTTL is how long a version is remembered that nobody asks for. It is longer than any answer.
	versionTTL    = time.Hour
	versionLength = 26 // that of rand.Text
	// maxResponse is the largest answer that is remembered.
	maxResponse = 1 << 20
)

// Key is one that may be asked again soon.
type Key struct {
	User uuid.UUID
	// Kind is the sort of question, one of few: it is a label of the metrics.
	Kind string
	// Query tells the question apart from all others of the user and the kind.
	Query string
	// Metric is the one metric that the answer depends on; "" where it depends on everything the user has.
	Metric string
	// TTL is how long the answer is remembered at most.
	TTL time.Duration
}

// ResponseCache remembers what was answered, and never gives an answer that was found before a change that has been reported:
// an answer is kept with the versions, read before it was sought, of what it depends on, and a change ends those
// versions for every process that uses the same cache.
//
// Where the cache cannot be told of a change, no process believes it for a while, and then only what it was given later.
type ResponseCache struct {
	cache   Cache
	fence   fence
	metrics responseMetrics
	flights singleflight.Group
}

// NewResponseCache returns a memory of answers in a cache that this process alone uses, and that can always be told of
// changes: Memory. A nil registerer leaves the metrics unregistered.
func NewResponseCache(c Cache, registerer prometheus.Registerer) *ResponseCache {
	return NewSharedResponseCache(c, nil, registerer)
}

// NewSharedResponseCache returns a memory of answers in a cache that several processes share. Every process that changes what
// answers depend on must use the same cache, and the same trust in it. Nothing is remembered until Refresh has returned,
// and two seconds after it did last. A nil registerer leaves the metrics unregistered.
func NewSharedResponseCache(c Cache, trust Fence, registerer prometheus.Registerer) *ResponseCache {
	a := &ResponseCache{cache: c, fence: newFence(trust)}
	a.metrics = newResponseMetrics(registerer, a.fence.valid)
	return a
}

// Refresh asks whether the cache may be believed. A job calls it every half second.
func (a *ResponseCache) Refresh(ctx context.Context) error { return a.fence.refresh(ctx) }

// Get returns the answer to a question: one that is remembered, or the one that find returns, which then is
// remembered. Of several who ask the same at once, one calls find for all of them. An error of find is returned and
// not remembered; a cache that does not answer is no error.
func (a *ResponseCache) Get(ctx context.Context, q Key, find func(context.Context) ([]byte, error)) ([]byte, error) {
	begun := time.Now()
	answer, result, err := a.get(ctx, q, find)
	if err == nil {
		a.metrics.observe(q.Kind, result, time.Since(begun))
	}
	return answer, err
}

func (a *ResponseCache) get(ctx context.Context, q Key, find func(context.Context) ([]byte, error)) (answer []byte, result string, err error) {
	epoch, believed := a.fence.valid()
	if !believed {
		answer, err = find(ctx)
		return answer, "bypass", err
	}
	keys := q.keys()
	values, err := a.cache.GetAll(ctx, keys[:]...)
	if err == nil {
		err = a.beginVersions(ctx, keys[:2], values[:2])
	}
	if err != nil {
		answer, err = find(ctx)
		return answer, "error", err
	}
	versions := strconv.FormatInt(epoch, 10) + ":" + string(values[0]) + string(values[1])
	if kept := values[2]; len(kept) >= len(versions) && string(kept[:len(versions)]) == versions {
		return kept[len(versions):], "hit", nil
	}
	answer, err = a.loadOnce(ctx, keys[2], versions, q.TTL, find)
	return answer, "miss", err
}

// beginVersions gives a version to what has none.
func (a *ResponseCache) beginVersions(ctx context.Context, keys []string, versions [][]byte) (err error) {
	for i, key := range keys {
		if len(versions[i]) == versionLength {
			continue
		}
		if versions[i], err = a.cache.Add(ctx, key, []byte(rand.Text()), versionTTL); err != nil {
			return err
		}
	}
	return nil
}

// loadOnce finds and remembers an answer for all who ask for it under the same versions. Those who ask after a change
// have other versions, and share nothing with those who asked before.
func (a *ResponseCache) loadOnce(ctx context.Context, key, versions string, ttl time.Duration, find func(context.Context) ([]byte, error)) ([]byte, error) {
	for {
		leading := false
		flight := a.flights.DoChan(versions+key, func() (any, error) {
			leading = true
			answer, err := recoverLoad(ctx, find)
			if err == nil && len(answer) <= maxResponse {
				a.cache.Set(ctx, key, append([]byte(versions), answer...), ttl)
			}
			return answer, err
		})
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case found := <-flight:
			if found.Err == nil {
				return bytes.Clone(found.Val.([]byte)), nil
			}
			if leading || !isCancelled(found.Err) {
				return nil, found.Err
			}
			// Who was finding the answer for this caller has gone away.
		}
	}
}

// recoverLoad turns a panic of find into an error: it would end the process otherwise, in a goroutine of nobody's.
func recoverLoad(ctx context.Context, find func(context.Context) ([]byte, error)) (answer []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return find(ctx)
}

// InvalidateMetrics reports that metrics of a user have changed. It is called when the change can be read, and before anybody is
// told that it was made: answers that are asked for after it has returned know the change. It takes two seconds where
// the cache, but for a moment believed, cannot be told.
func (a *ResponseCache) InvalidateMetrics(ctx context.Context, user uuid.UUID, metrics []string) {
	keys := make([]string, 0, 1+len(metrics))
	keys = append(keys, anyKey(user))
	for _, metric := range metrics {
		keys = append(keys, metricKey(user, metric))
	}
	a.endVersions(ctx, keys)
}

// InvalidateUser reports that anything of a user may have changed, as Changed does.
func (a *ResponseCache) InvalidateUser(ctx context.Context, user uuid.UUID) {
	a.endVersions(ctx, []string{userKey(user)})
}

// Erase forgets everything about a user, who is gone. An error says that the cache cannot be reached; what it holds then
// is given to nobody, and ends in its time, an hour at most.
func (a *ResponseCache) Erase(ctx context.Context, user uuid.UUID) error {
	a.InvalidateUser(ctx, user)
	return a.cache.DeleteAll(ctx, of(user))
}

// InvalidateAll forgets everything about everybody: for changes of which it is not known whom they concern. An error says
// that the cache cannot be reached, and that the change is to be reported again.
func (a *ResponseCache) InvalidateAll(ctx context.Context) error {
	return a.cache.DeleteAll(ctx, "cache:")
}

// endVersions ends versions. Where the cache cannot be told, it is not believed.
func (a *ResponseCache) endVersions(ctx context.Context, keys []string) {
	if a.cache.Delete(context.WithoutCancel(ctx), keys...) == nil {
		return
	}
	if a.fence.invalidate(ctx) != nil {
		a.metrics.uninvalidated.Inc()
	}
}

// keys returns those of the two versions that an answer depends on, and that of the answer.
func (q Key) keys() [3]string {
	depends := anyKey(q.User)
	if q.Metric != "" {
		depends = metricKey(q.User, q.Metric)
	}
	digest := sha256.Sum256([]byte(q.Metric + "\x00" + q.Query)) // some questions are long
	return [3]string{
		userKey(q.User), depends,
		of(q.User) + "answer:" + q.Kind + ":" + base64.RawURLEncoding.EncodeToString(digest[:16]),
	}
}

// The user in braces keeps what belongs together on one node of a cluster.
func of(user uuid.UUID) string { return "cache:{" + user.String() + "}:" }

// userKey is the key of the version that every change of everything ends.
func userKey(user uuid.UUID) string { return of(user) + "version" }

// anyKey is the key of the version that every change ends.
func anyKey(user uuid.UUID) string { return of(user) + "version:any" }

// metricKey is the key of the version that a change of this metric ends.
func metricKey(user uuid.UUID, metric string) string { return of(user) + "version:metric:" + metric }

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
