package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/health-export/health-export/internal/tracing"
)

// Prefix begins every key that this program has in Redis.
const Prefix = "health-export:"

const (
	connectTimeout = 2 * time.Second // to reach a server, also in the background
	callTimeout    = 20 * time.Millisecond
	// deleteTimeout is longer: a writer can wait, and what cannot be deleted makes the whole cache invalid for a while.
	deleteTimeout = 60 * time.Millisecond
)

// Redis is a Cache in a Redis or Valkey server that several processes share: one server, one behind Sentinel, or a
// cluster. Keys begin with Prefix.
//
// A call waits for 20 ms (Delete for 60) at most. After three failed calls in a row no more are made, until an attempt in
// the background reaches the server again.
//
// Values that were set before the server was restarted, or before another one took its place, count as absent: the server
// may lack the last deletions.
type Redis struct {
	option  rueidis.ClientOption
	timeout time.Duration
	logger  *slog.Logger
	metrics redisMetrics
	breaker breaker

	client  atomic.Pointer[rueidis.Client] // nil until the server has been reached
	closing context.Context                // ends with Close
	close   context.CancelFunc
	probes  sync.WaitGroup
	mu      sync.Mutex // held while a probe is begun
}

var _ Cache = (*Redis)(nil)

// RedisOptions are the optional settings of Redis.
type RedisOptions struct {
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: the metrics are not registered
	// Timeout is how long a call waits; zero is 20 ms. Delete waits three times as long.
	Timeout time.Duration
}

// OpenRedis returns the cache at a URL: redis://user:password@host:port/database; rediss:// for TLS; for a cluster one or
// more nodes, as in redis://a:6379?addr=b:6379&addr=c:6379; with Sentinel the sentinels and the name of the set, as in
// redis://s1:26379?addr=s2:26379&master_set=mymaster.
//
// The error describes what is wrong with the URL. A server that cannot be reached is no error: it is connected to in the
// background.
func OpenRedis(url string, options RedisOptions) (*Redis, error) {
	option, err := clientOption(url)
	if err != nil {
		return nil, err
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Timeout == 0 {
		options.Timeout = callTimeout
	}
	r := &Redis{option: option, timeout: options.Timeout, logger: options.Logger, metrics: newRedisMetrics(options.Registerer)}
	r.closing, r.close = context.WithCancel(context.Background())
	r.connect()
	return r, nil
}

// clientOption reads the URL. Its error never holds the password.
func clientOption(url string) (rueidis.ClientOption, error) {
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return option, errors.New("a Redis is named redis://user:password@host:port/database, or rediss:// for TLS; more nodes " +
			"of a cluster, or sentinels, follow as ?addr=host:port&addr=…, the set of the sentinels as &master_set=name")
	}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.Username, option.Sentinel.Password = option.Username, option.Password
		option.Sentinel.TLSConfig = option.TLSConfig
		option.Sentinel.TopologyRefreshInterval = 5 * time.Second
	}
	if option.Dialer.Timeout == 0 {
		option.Dialer.Timeout = connectTimeout
	}
	if option.ConnWriteTimeout == 0 {
		option.ConnWriteTimeout = connectTimeout
	}
	option.ClientName = "health-export"
	option.DisableCache = true     // client-side caching would have to be invalidated as well
	option.DisableRetry = true     // a call that failed is not worth a second wait
	option.AlwaysPipelining = true // so that a call that times out does not close the connection
	option.ReadBufferEachConn, option.WriteBufferEachConn = 64<<10, 64<<10
	option.ClusterOption.ShardsRefreshInterval = 5 * time.Second
	option.ClusterOption.MaxMovedRedirections = 5
	return option, nil
}

// connect tries to reach the server for the first time.
func (r *Redis) connect() {
	for range failuresToOpen {
		r.breaker.failed()
	}
	r.probe()
}

// Close closes the connections. Nothing may be called after it.
func (r *Redis) Close() {
	r.mu.Lock()
	r.close()
	r.mu.Unlock()
	r.probes.Wait()
	if client := r.client.Load(); client != nil {
		(*client).Close()
	}
}

// Ping returns nil when the server answers.
func (r *Redis) Ping(ctx context.Context) error {
	return r.call(ctx, "ping", r.timeout, func(ctx context.Context, client rueidis.Client) error {
		return client.Do(ctx, client.B().Ping().Build()).Error()
	})
}

// redisSystem is the attribute of the span of every call.
var redisSystem = trace.WithAttributes(semconv.DBSystemNameRedis)

// call calls the server, unless the circuit is open. A failure is ErrUnreachable, or the error of ctx where that has
// ended.
func (r *Redis) call(ctx context.Context, operation string, timeout time.Duration, do func(context.Context, rueidis.Client) error) (err error) {
	ctx, span := tracing.Start(ctx, "redis "+operation, redisSystem)
	defer func() { span.End(err) }()
	allowed, probe := r.breaker.allows()
	if probe {
		r.probeInBackground()
	}
	if !allowed {
		r.metrics.failed(operation)
		return ErrUnreachable
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	err = do(limited, *r.client.Load())
	switch {
	case err == nil || rueidis.IsRedisNil(err):
		r.breaker.succeeded()
		r.metrics.observe(ctx, operation, time.Since(begun))
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // the caller was cancelled, which is no failure of the server
	}
	r.metrics.failed(operation)
	if r.breaker.failed() {
		r.logger.WarnContext(ctx, "Redis does not answer; going on without it", "err", err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (r *Redis) probeInBackground() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing.Err() == nil {
		r.probes.Go(r.probe)
	}
}

// probe calls the server, and connects to it if it was never reached.
func (r *Redis) probe() {
	err := r.connectAndPing()
	if err != nil {
		r.breaker.failed()
		r.logger.DebugContext(r.closing, "Redis is not there", "err", err)
		return
	}
	if r.breaker.succeeded() {
		r.logger.InfoContext(r.closing, "Redis answers")
	}
}

func (r *Redis) connectAndPing() error {
	client := r.client.Load()
	if client == nil {
		made, err := rueidis.NewClient(r.option)
		if err != nil {
			return err
		}
		r.client.Store(&made)
		client = &made
	}
	ctx, cancel := context.WithTimeout(r.closing, r.timeout*5)
	defer cancel()
	return (*client).Do(ctx, (*client).B().Ping().Build()).Error()
}

// Values are stored with the id of the server process that took them; a value with another id counts as absent.
var (
	getScript = rueidis.NewLuaScript(`
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local values = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
	local value = values[i]
	if value and string.sub(value, 1, #id) == id then
		values[i] = string.sub(value, #id + 1)
	else
		values[i] = false
	end
end
return values`)
	addScript = rueidis.NewLuaScript(`
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, #id) == id then
	return string.sub(value, #id + 1)
end
redis.call('SET', KEYS[1], id .. ARGV[1], 'PX', ARGV[2])
return ARGV[1]`)
	setScript = rueidis.NewLuaScript(`
local id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
return redis.call('SET', KEYS[1], id .. ARGV[1], 'PX', ARGV[2])`)
)

// Get is Cache.Get.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, bool) {
	values, err := r.GetAll(ctx, key)
	if err != nil || values[0] == nil {
		return nil, false
	}
	return values[0], true
}

// GetAll is Cache.GetAll, in one round trip.
func (r *Redis) GetAll(ctx context.Context, keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := r.call(ctx, "get", r.timeout, func(ctx context.Context, client rueidis.Client) error {
		found, err := getScript.Exec(ctx, client, prefixed(keys), nil).ToArray()
		if err != nil {
			return err
		}
		for i := range found {
			if text, err := found[i].ToString(); err == nil {
				values[i] = []byte(text)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Add is Cache.Add.
func (r *Redis) Add(ctx context.Context, key string, value []byte, ttl time.Duration) (current []byte, err error) {
	err = r.call(ctx, "add", r.timeout, func(ctx context.Context, client rueidis.Client) error {
		text, err := addScript.Exec(ctx, client, prefixed([]string{key}), []string{rueidis.BinaryString(value), milliseconds(ttl)}).ToString()
		current = []byte(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return current, nil
}

// Set is Cache.Set.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration) {
	if ttl <= 0 {
		_ = r.Delete(ctx, key) // as if it had been dropped; Delete is for callers that need the error
		return
	}
	_ = r.call(ctx, "set", r.timeout, func(ctx context.Context, client rueidis.Client) error {
		return setScript.Exec(ctx, client, prefixed([]string{key}), []string{rueidis.BinaryString(value), milliseconds(ttl)}).Error()
	})
}

// Delete is Cache.Delete.
func (r *Redis) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	return r.call(ctx, "delete", r.timeout*deleteTimeout/callTimeout, func(ctx context.Context, client rueidis.Client) error {
		return client.Do(ctx, client.B().Unlink().Key(prefixed(keys)...).Build()).Error()
	})
}

// Script is a Lua script that Redis runs atomically.
type Script struct{ lua *rueidis.Lua }

// NewScript returns the script with this Lua source.
func NewScript(text string) *Script { return &Script{rueidis.NewLuaScript(text)} }

// Run runs a script in one round trip and returns the integers that it returns. All keys have the same {tag}. An error
// means that the server does not answer.
func (r *Redis) Run(ctx context.Context, script *Script, keys, args []string) (numbers []int64, err error) {
	err = r.call(ctx, "run", r.timeout, func(ctx context.Context, client rueidis.Client) (err error) {
		numbers, err = script.lua.Exec(ctx, client, prefixed(keys), args).AsIntSlice()
		return err
	})
	if err != nil {
		return nil, err
	}
	return numbers, nil
}

func prefixed(keys []string) []string {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = Prefix + key
	}
	return full
}

// milliseconds rounds up: a duration that has not passed must not become zero.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Millisecond-1)/time.Millisecond), 10)
}
