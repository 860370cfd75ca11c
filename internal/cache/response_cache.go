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
func NewSharedResponseCache(c Cache, shared Fence, registerer prometheus.Registerer) *ResponseCache {
	r := &ResponseCache{cache: c, fence: newFence(shared)}
	r.metrics = newResponseMetrics(registerer, r.fence.valid)
	return r
}

// Refresh asks whether the cache may be believed. A job calls it every half second.
func (r *ResponseCache) Refresh(ctx context.Context) error { return r.fence.refresh(ctx) }

// Get returns the answer to a question: one that is remembered, or the one that find returns, which then is
// remembered. Of several who ask the same at once, one calls find for all of them. An error of find is returned and
// not remembered; a cache that does not answer is no error.
func (r *ResponseCache) Get(ctx context.Context, k Key, load func(context.Context) ([]byte, error)) ([]byte, error) {
	begun := time.Now()
	response, result, err := r.get(ctx, k, load)
	if err == nil {
		r.metrics.observe(k.Kind, result, time.Since(begun))
	}
	return response, err
}

func (r *ResponseCache) get(ctx context.Context, k Key, load func(context.Context) ([]byte, error)) (response []byte, result string, err error) {
	epoch, valid := r.fence.valid()
	if !valid {
		response, err = load(ctx)
		return response, "bypass", err
	}
	keys := k.keys()
	values, err := r.cache.GetAll(ctx, keys[:]...)
	if err == nil {
		err = r.ensureVersions(ctx, keys[:2], values[:2])
	}
	if err != nil {
		response, err = load(ctx)
		return response, "error", err
	}
	versions := strconv.FormatInt(epoch, 10) + ":" + string(values[0]) + string(values[1])
	if kept := values[2]; len(kept) >= len(versions) && string(kept[:len(versions)]) == versions {
		return kept[len(versions):], "hit", nil
	}
	response, err = r.loadOnce(ctx, keys[2], versions, k.TTL, load)
	return response, "miss", err
}

// ensureVersions gives a version to what has none.
func (r *ResponseCache) ensureVersions(ctx context.Context, keys []string, versions [][]byte) (err error) {
	for i, key := range keys {
		if len(versions[i]) == versionLength {
			continue
		}
		if versions[i], err = r.cache.Add(ctx, key, []byte(rand.Text()), versionTTL); err != nil {
			return err
		}
	}
	return nil
}

// loadOnce finds and remembers an answer for all who ask for it under the same versions. Those who ask after a change
// have other versions, and share nothing with those who asked before.
func (r *ResponseCache) loadOnce(ctx context.Context, key, versions string, ttl time.Duration, load func(context.Context) ([]byte, error)) ([]byte, error) {
	for {
		leader := false
		flight := r.flights.DoChan(versions+key, func() (any, error) {
			leader = true
			response, err := recoverLoad(ctx, load)
			if err == nil && len(response) <= maxResponse {
				r.cache.Set(ctx, key, append([]byte(versions), response...), ttl)
			}
			return response, err
		})
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case found := <-flight:
			if found.Err == nil {
				return bytes.Clone(found.Val.([]byte)), nil
			}
			if leader || !isCancelled(found.Err) {
				return nil, found.Err
			}
			// Who was finding the answer for this caller has gone away.
		}
	}
}

// recoverLoad turns a panic of find into an error: it would end the process otherwise, in a goroutine of nobody's.
func recoverLoad(ctx context.Context, load func(context.Context) ([]byte, error)) (response []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return load(ctx)
}

// InvalidateMetrics reports that metrics of a user have changed. It is called when the change can be read, and before anybody is
// told that it was made: answers that are asked for after it has returned know the change. It takes two seconds where
// the cache, but for a moment believed, cannot be told.
func (r *ResponseCache) InvalidateMetrics(ctx context.Context, user uuid.UUID, metrics []string) {
	keys := make([]string, 0, 1+len(metrics))
	keys = append(keys, anyVersionKey(user))
	for _, metric := range metrics {
		keys = append(keys, metricVersionKey(user, metric))
	}
	r.deleteVersions(ctx, keys)
}

// InvalidateUser reports that anything of a user may have changed, as Changed does.
func (r *ResponseCache) InvalidateUser(ctx context.Context, user uuid.UUID) {
	r.deleteVersions(ctx, []string{userVersionKey(user)})
}

// Erase forgets everything about a user, who is gone. An error says that the cache cannot be reached; what it holds then
// is given to nobody, and ends in its time, an hour at most.
func (r *ResponseCache) Erase(ctx context.Context, user uuid.UUID) error {
	r.InvalidateUser(ctx, user)
	return r.cache.DeleteAll(ctx, userPrefix(user))
}

// InvalidateAll forgets everything about everybody: for changes of which it is not known whom they concern. An error says
// that the cache cannot be reached, and that the change is to be reported again.
func (r *ResponseCache) InvalidateAll(ctx context.Context) error {
	return r.cache.DeleteAll(ctx, "cache:")
}

// deleteVersions ends versions. Where the cache cannot be told, it is not believed.
func (r *ResponseCache) deleteVersions(ctx context.Context, keys []string) {
	if r.cache.Delete(context.WithoutCancel(ctx), keys...) == nil {
		return
	}
	if r.fence.invalidate(ctx) != nil {
		r.metrics.failedInvalidations.Inc()
	}
}

// keys returns those of the two versions that an answer depends on, and that of the answer.
func (k Key) keys() [3]string {
	dependency := anyVersionKey(k.User)
	if k.Metric != "" {
		dependency = metricVersionKey(k.User, k.Metric)
	}
	digest := sha256.Sum256([]byte(k.Metric + "\x00" + k.Query)) // some questions are long
	return [3]string{
		userVersionKey(k.User), dependency,
		userPrefix(k.User) + "answer:" + k.Kind + ":" + base64.RawURLEncoding.EncodeToString(digest[:16]),
	}
}

// The user in braces keeps what belongs together on one node of a cluster.
func userPrefix(user uuid.UUID) string { return "cache:{" + user.String() + "}:" }

// userVersionKey is the key of the version that every change of everything ends.
func userVersionKey(user uuid.UUID) string { return userPrefix(user) + "version" }

// anyVersionKey is the key of the version that every change ends.
func anyVersionKey(user uuid.UUID) string { return userPrefix(user) + "version:any" }

// metricVersionKey is the key of the version that a change of this metric ends.
func metricVersionKey(user uuid.UUID, metric string) string {
	return userPrefix(user) + "version:metric:" + metric
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
