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
	// versionTTL is how long an unread version lives. It is longer than any response.
	versionTTL    = 2 * time.Hour
	versionLength = 26 // that of rand.Text
	// maxResponse is the largest response that is cached, in bytes.
	maxResponse = 2 << 20
)

// Key identifies a response.
type Key struct {
	User uuid.UUID
	// Kind is the kind of query, one of few: it is a label of the metrics.
	Kind string
	// Query distinguishes the response from all others of the user and the kind.
	Query string
	// Metric is the one metric that the response depends on; "" where it depends on all data of the user.
	Metric string
	// TTL is how long the response is cached at most.
	TTL time.Duration
}

// ResponseCache caches responses, and never returns one that was loaded before a change that has been reported: a
// response is stored with the versions of what it depends on, read before it was loaded, and a change deletes those
// versions for every process that uses the same cache.
//
// Where the versions cannot be deleted, no process uses the cache for a while, and after that only responses stored
// later.
type ResponseCache struct {
	cache   Cache
	fence   fence
	metrics responseMetrics
	flights singleflight.Group
}

// NewResponseCache returns a ResponseCache in a cache that only this process uses and that is always reachable: Memory. A
// nil registerer leaves the metrics unregistered.
func NewResponseCache(c Cache, registerer prometheus.Registerer) *ResponseCache {
	return NewSharedResponseCache(c, nil, registerer)
}

// NewSharedResponseCache returns a ResponseCache in a cache that several processes share. Every process that changes what
// responses depend on must use the same cache and the same fence. Nothing is cached before Refresh has returned, nor two
// seconds after its last return. A nil registerer leaves the metrics unregistered.
func NewSharedResponseCache(c Cache, shared Fence, registerer prometheus.Registerer) *ResponseCache {
	r := &ResponseCache{cache: c, fence: newFence(shared)}
	r.metrics = newResponseMetrics(registerer, r.fence.valid)
	return r
}

// Refresh reads whether cached responses are valid. A job calls it every half second.
func (r *ResponseCache) Refresh(ctx context.Context) error { return r.fence.refresh(ctx) }

// Get returns the cached response, or the one that load returns, which it then caches. Of several simultaneous calls with
// one key, one calls load for all of them. An error of load is returned and not cached; a cache that cannot be reached is
// no error.
func (r *ResponseCache) Get(ctx context.Context, k Key, load func(context.Context) ([]byte, error)) ([]byte, error) {
	start := time.Now()
	response, result, err := r.get(ctx, k, load)
	if err == nil {
		r.metrics.observe(k.Kind, result, time.Since(start))
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

// ensureVersions creates the versions that are absent.
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

// loadOnce loads and caches a response once for all who ask for it under the same versions. Those who ask after a change
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
			// The caller that loaded the response for this one was cancelled: try again.
		}
	}
}

// recoverLoad turns a panic of load into an error: it runs in a goroutine of singleflight, where a panic would end the
// process.
func recoverLoad(ctx context.Context, load func(context.Context) ([]byte, error)) (response []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return load(ctx)
}

// InvalidateMetrics reports that metrics of a user have changed. Call it when the change can be read, and before anybody
// is told that it was made: responses returned after it include the change. It takes two seconds where the cache cannot
// be reached and was valid until now.
func (r *ResponseCache) InvalidateMetrics(ctx context.Context, user uuid.UUID, metrics []string) {
	keys := make([]string, 0, 1+len(metrics))
	keys = append(keys, anyVersionKey(user))
	for _, metric := range metrics {
		keys = append(keys, metricVersionKey(user, metric))
	}
	r.deleteVersions(ctx, keys)
}

// InvalidateUser reports that anything of a user may have changed, as InvalidateMetrics does.
func (r *ResponseCache) InvalidateUser(ctx context.Context, user uuid.UUID) {
	r.deleteVersions(ctx, []string{userVersionKey(user)})
}

// Erase removes everything about a user who is deleted. An error means that the cache cannot be reached; what it holds is
// not returned to anybody, and expires within an hour.
func (r *ResponseCache) Erase(ctx context.Context, user uuid.UUID) error {
	r.InvalidateUser(ctx, user)
	return r.cache.DeleteAll(ctx, userPrefix(user))
}

// InvalidateAll drops the responses of all users, for changes whose user is not known. An error means that the cache
// cannot be reached, and that the change is to be reported again.
func (r *ResponseCache) InvalidateAll(ctx context.Context) error {
	return r.cache.DeleteAll(ctx, "cache:")
}

// deleteVersions deletes versions. Where the cache cannot be reached, it invalidates all of it through the fence.
func (r *ResponseCache) deleteVersions(ctx context.Context, keys []string) {
	if r.cache.Delete(context.WithoutCancel(ctx), keys...) == nil {
		return
	}
	if r.fence.invalidate(ctx) != nil {
		r.metrics.failedInvalidations.Inc()
	}
}

// keys returns those of the two versions that a response depends on, and that of the response.
func (k Key) keys() [3]string {
	dependency := anyVersionKey(k.User)
	if k.Metric != "" {
		dependency = metricVersionKey(k.User, k.Metric)
	}
	digest := sha256.Sum256([]byte(k.Metric + "\x00" + k.Query)) // some queries are long
	return [3]string{
		userVersionKey(k.User), dependency,
		userPrefix(k.User) + "answer:" + k.Kind + ":" + base64.RawURLEncoding.EncodeToString(digest[:16]),
	}
}

// userPrefix begins all keys of a user. The braces keep them on one node of a cluster.
func userPrefix(user uuid.UUID) string { return "cache:{" + user.String() + "}:" }

// userVersionKey is the version that InvalidateUser deletes.
func userVersionKey(user uuid.UUID) string { return userPrefix(user) + "version" }

// anyVersionKey is the version that every change deletes.
func anyVersionKey(user uuid.UUID) string { return userPrefix(user) + "version:any" }

// metricVersionKey is the version that a change of this metric deletes.
func metricVersionKey(user uuid.UUID, metric string) string {
	return userPrefix(user) + "version:metric:" + metric
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
