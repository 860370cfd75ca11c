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
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

const (
	// versionTTL is how long a version is remembered that nobody asks for. It is longer than any answer.
	versionTTL    = time.Hour
	versionLength = 26 // that of rand.Text
	// maxAnswer is the largest answer that is remembered.
	maxAnswer = 1 << 20
)

// Question is one that may be asked again soon.
type Question struct {
	User uuid.UUID
	// Kind is the sort of question, one of few: it is a label of the metrics.
	Kind string
	// Text tells the question apart from all others of the user and the kind.
	Text string
	// Metric is the one metric that the answer depends on; "" where it depends on everything the user has.
	Metric string
	// TTL is how long the answer is remembered at most.
	TTL time.Duration
}

// Answers remembers what was answered, and never gives an answer that was found before a change that has been reported:
// an answer is kept with the versions, read before it was sought, of what it depends on, and a change ends those
// versions for every process that uses the same cache.
//
// Where the cache cannot be told of a change, this process does not ask it about that user until it has been told.
type Answers struct {
	cache   Cache
	metrics answerMetrics
	flights singleflight.Group

	mu sync.Mutex
	// pending has the users of whose changes the cache has yet to be told, with the number of the last such change.
	pending map[uuid.UUID]uint64
	changes uint64
}

// NewAnswers returns a memory of answers in a cache. Every process that changes what answers depend on must use the
// same one. A nil registerer leaves the metrics unregistered.
func NewAnswers(c Cache, registerer prometheus.Registerer) *Answers {
	return &Answers{cache: c, metrics: newAnswerMetrics(registerer), pending: map[uuid.UUID]uint64{}}
}

// Answer returns the answer to a question: one that is remembered, or the one that find returns, which then is
// remembered. Of several who ask the same at once, one calls find for all of them. An error of find is returned and
// not remembered; a cache that does not answer is no error.
func (a *Answers) Answer(ctx context.Context, q Question, find func(context.Context) ([]byte, error)) ([]byte, error) {
	begun := time.Now()
	answer, result, err := a.answer(ctx, q, find)
	if err == nil {
		a.metrics.answered(q.Kind, result, time.Since(begun))
	}
	return answer, err
}

func (a *Answers) answer(ctx context.Context, q Question, find func(context.Context) ([]byte, error)) (answer []byte, result string, err error) {
	if !a.toldOf(ctx, q.User) {
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
	versions := string(values[0]) + string(values[1])
	if kept := values[2]; len(kept) >= len(versions) && string(kept[:len(versions)]) == versions {
		return kept[len(versions):], "hit", nil
	}
	answer, err = a.findOnce(ctx, keys[2], versions, q.TTL, find)
	return answer, "miss", err
}

// beginVersions gives a version to what has none.
func (a *Answers) beginVersions(ctx context.Context, keys []string, versions [][]byte) (err error) {
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

// findOnce finds and remembers an answer for all who ask for it under the same versions. Those who ask after a change
// have other versions, and share nothing with those who asked before.
func (a *Answers) findOnce(ctx context.Context, key, versions string, ttl time.Duration, find func(context.Context) ([]byte, error)) ([]byte, error) {
	for {
		leading := false
		flight := a.flights.DoChan(versions+key, func() (any, error) {
			leading = true
			answer, err := recovering(ctx, find)
			if err == nil && len(answer) <= maxAnswer {
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

// recovering turns a panic of find into an error: it would end the process otherwise, in a goroutine of nobody's.
func recovering(ctx context.Context, find func(context.Context) ([]byte, error)) (answer []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return find(ctx)
}

// Changed reports that metrics of a user have changed. It is called when the change can be read, and before anybody is
// told that it was made: answers that are asked for after it has returned know the change.
func (a *Answers) Changed(ctx context.Context, user uuid.UUID, metrics []string) {
	keys := make([]string, 0, 1+len(metrics))
	keys = append(keys, anythingKey(user))
	for _, metric := range metrics {
		keys = append(keys, metricKey(user, metric))
	}
	a.forget(ctx, user, keys)
}

// InvalidateUser reports that anything of a user may have changed, as Changed does.
func (a *Answers) InvalidateUser(ctx context.Context, user uuid.UUID) {
	a.forget(ctx, user, []string{userKey(user)})
}

// Erase forgets everything about a user, who is gone. An error says that the cache cannot be reached; what it holds then
// is given to nobody, and ends in its time, an hour at most.
func (a *Answers) Erase(ctx context.Context, user uuid.UUID) error {
	a.InvalidateUser(ctx, user)
	return a.cache.DeleteAll(ctx, of(user))
}

// ForgetAll forgets everything about everybody: for changes of which it is not known whom they concern. An error says
// that the cache cannot be reached, and that the change is to be reported again.
func (a *Answers) ForgetAll(ctx context.Context) error { return a.cache.DeleteAll(ctx, "cache:") }

// Untold reports whether there are changes that the cache could not be told of, after it has tried once more.
func (a *Answers) Untold(ctx context.Context) bool {
	_ = a.Deliver(ctx) // what it could not tell is counted
	return len(a.pendingUsers()) > 0
}

// Deliver tells the cache of the changes that it could not be told of before. A job calls it.
func (a *Answers) Deliver(ctx context.Context) error {
	for _, user := range a.pendingUsers() {
		if !a.toldOf(ctx, user) {
			return nil // it is still away, which is logged and measured where it is noticed
		}
	}
	return nil
}

// forget ends versions. Until that is done the user is pending.
func (a *Answers) forget(ctx context.Context, user uuid.UUID, keys []string) {
	a.mu.Lock()
	if _, waiting := a.pending[user]; waiting {
		keys = append(keys, userKey(user)) // for what the cache may not have been told of before
	}
	a.changes++
	change := a.changes
	a.pending[user] = change
	a.metrics.pending.Set(float64(len(a.pending)))
	a.mu.Unlock()
	a.tell(ctx, user, change, keys)
}

// toldOf reports whether the cache knows of all changes of the user, after it has tried to tell it.
func (a *Answers) toldOf(ctx context.Context, user uuid.UUID) bool {
	a.mu.Lock()
	change, waiting := a.pending[user]
	a.mu.Unlock()
	// Which metrics have changed has not been kept; the user's own version ends all answers.
	return !waiting || a.tell(ctx, user, change, []string{userKey(user)})
}

// tell deletes versions from the cache; then the user is not pending any more, unless there was a change meanwhile.
func (a *Answers) tell(ctx context.Context, user uuid.UUID, change uint64, keys []string) bool {
	if a.cache.Delete(context.WithoutCancel(ctx), keys...) != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending[user] == change {
		delete(a.pending, user)
		a.metrics.pending.Set(float64(len(a.pending)))
	}
	_, waiting := a.pending[user]
	return !waiting
}

func (a *Answers) pendingUsers() []uuid.UUID {
	a.mu.Lock()
	defer a.mu.Unlock()
	users := make([]uuid.UUID, 0, len(a.pending))
	for user := range a.pending {
		users = append(users, user)
	}
	return users
}

// keys returns those of the two versions that an answer depends on, and that of the answer.
func (q Question) keys() [3]string {
	depends := anythingKey(q.User)
	if q.Metric != "" {
		depends = metricKey(q.User, q.Metric)
	}
	digest := sha256.Sum256([]byte(q.Metric + "\x00" + q.Text)) // some questions are long
	return [3]string{
		userKey(q.User), depends,
		of(q.User) + "answer:" + q.Kind + ":" + base64.RawURLEncoding.EncodeToString(digest[:16]),
	}
}

// The user in braces keeps what belongs together on one node of a cluster.
func of(user uuid.UUID) string { return "cache:{" + user.String() + "}:" }

// userKey is the key of the version that every change of everything ends.
func userKey(user uuid.UUID) string { return of(user) + "version" }

// anythingKey is the key of the version that every change ends.
func anythingKey(user uuid.UUID) string { return of(user) + "version:any" }

// metricKey is the key of the version that a change of this metric ends.
func metricKey(user uuid.UUID, metric string) string { return of(user) + "version:metric:" + metric }

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
