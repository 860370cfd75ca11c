package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/testdb"
)

// manualClock is a clock that a test sets.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func newManualClock() *manualClock {
	return &manualClock{now: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// onEveryLedger runs a test with limits in memory, in a Redis, and in a cluster.
func onEveryLedger(t *testing.T, test func(t *testing.T, limits func(LimitOptions) *Limits)) {
	t.Parallel()
	for name, variable := range map[string]string{"memory": "", "redis": "TEST_REDIS_URL", "cluster": "TEST_REDIS_CLUSTER_URL"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var redis *cache.Redis
			if variable != "" {
				redis = testRedis(t, variable)
			}
			test(t, func(options LimitOptions) *Limits {
				options.Redis = redis
				return NewLimits(options)
			})
		})
	}
}

func testRedis(t testing.TB, variable string) *cache.Redis {
	t.Helper()
	url := testdb.Service(t, variable)
	redis, err := cache.OpenRedis(url, cache.RedisOptions{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	if err := redis.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return redis
}

// someKey is an actor whose key nobody else has.
func someKey(tier string) Actor { return Actor{KeyID: uuid.NewString(), Tier: tier} }

// small is an allowance that a test can use up.
func small() LimitOptions {
	return LimitOptions{Allowances: map[string]Allowance{TierDefault: {IngestRequests: 3, IngestBytes: 1000, Reads: 2}}}
}

// charge charges and returns how long to wait: 0 where it fits.
func charge(t testing.TB, l *Limits, actor Actor, use Use, bytes int64) (*Charge, time.Duration) {
	t.Helper()
	c, err := l.Charge(context.Background(), actor, use, bytes)
	if err == nil {
		return c, 0
	}
	exceeded, ok := errors.AsType[*Exceeded](err)
	if !ok {
		t.Fatal(err)
	}
	if exceeded.RetryAfter == 0 {
		return c, -1
	}
	return c, exceeded.RetryAfter
}

func TestLimitsTable(t *testing.T) {
	type row struct {
		after            time.Duration
		use              Use
		bytes            int64
		wait             time.Duration // -1: it never fits
		requests, bytes2 int64         // what is left
	}
	onEveryLedger(t, func(t *testing.T, limits func(LimitOptions) *Limits) {
		for name, rows := range map[string][]row{
			"requests": {
				{0, UseIngest, 0, 0, 2, 1000},
				{10 * time.Second, UseIngest, 0, 0, 1, 1000},
				{10 * time.Second, UseIngest, 0, 0, 0, 1000},
				{10 * time.Second, UseIngest, 0, 3570 * time.Second, 0, 1000},
				{3570*time.Second - time.Microsecond, UseIngest, 0, time.Second, 0, 1000},
				{time.Microsecond, UseIngest, 0, 0, 0, 1000},
				{0, UseIngest, 0, 10 * time.Second, 0, 1000},
			},
			"bytes": {
				{0, UseIngest, 400, 0, 2, 600},
				{time.Minute, UseIngest, 600, 0, 1, 0},
				{time.Minute, UseIngest, 1, 58 * time.Minute, 1, 0},
				{0, UseIngest, 400, 58 * time.Minute, 1, 0},
				{0, UseIngest, 401, 59 * time.Minute, 1, 0},
				{0, UseIngest, 1000, 59 * time.Minute, 1, 0},
				{0, UseIngest, 1001, -1, 1, 0},
				{58 * time.Minute, UseIngest, 400, 0, 1, 0},
			},
			"reads have an allowance of their own": {
				{0, UseRead, 5000, 0, 1, 1000},
				{0, UseRead, 0, 0, 0, 1000},
				{time.Second, UseRead, 0, 3599 * time.Second, 0, 1000},
				{0, UseIngest, 300, 0, 2, 700},
				{3599 * time.Second, UseRead, 0, 0, 1, 700},
			},
			"what is refused is not counted": {
				{0, UseIngest, 900, 0, 2, 100},
				{0, UseIngest, 200, time.Hour, 2, 100},
				{0, UseIngest, 200, time.Hour, 2, 100},
				{0, UseIngest, 100, 0, 1, 0},
				{time.Hour, UseIngest, 1000, 0, 2, 0},
			},
		} {
			t.Run(name, func(t *testing.T) {
				clock, options, actor := newManualClock(), small(), someKey(TierDefault)
				options.Now = clock.Now
				l := limits(options)
				for i, r := range rows {
					clock.advance(r.after)
					c, wait := charge(t, l, actor, r.use, r.bytes)
					if wait != r.wait || c.Requests.Remaining != r.requests || c.Bytes.Remaining != r.bytes2 {
						t.Errorf("row %d: wait %v, %d requests and %d bytes left; want %v, %d and %d",
							i, wait, c.Requests.Remaining, c.Bytes.Remaining, r.wait, r.requests, r.bytes2)
					}
				}
			})
		}
	})
}

func TestLimitsReportWhenTheyReset(t *testing.T) {
	onEveryLedger(t, func(t *testing.T, limits func(LimitOptions) *Limits) {
		clock, options, actor := newManualClock(), small(), someKey(TierDefault)
		options.Now = clock.Now
		l := limits(options)
		charge(t, l, actor, UseIngest, 10)
		clock.advance(time.Minute)
		c, _ := charge(t, l, actor, UseRead, 0)
		if c.Requests != (Balance{2, 1, time.Hour}) || c.Bytes != (Balance{1000, 990, 59 * time.Minute}) {
			t.Errorf("balances %+v and %+v", c.Requests, c.Bytes)
		}
	})
}

func TestUnlimitedKeysAreNotCounted(t *testing.T) {
	t.Parallel()
	l := NewLimits(LimitOptions{})
	for range 3000 {
		c, wait := charge(t, l, someKey(TierUnlimited), UseIngest, 1<<40)
		if wait != 0 || c.Requests.Limit != 0 {
			t.Fatal("a key without limits was counted")
		}
	}
	if len(l.memory.keys) > 0 {
		t.Error("there is an account for it")
	}
}

func TestABodyThatNeverFitsNamesTheTier(t *testing.T) {
	t.Parallel()
	l := NewLimits(LimitOptions{})
	for tier, want := range map[string]string{TierDefault: "tier bulk", TierBulk: "tier unlimited"} {
		_, err := l.Charge(t.Context(), someKey(tier), UseIngest, 6<<30)
		if problem.KindOf(err) != problem.TooLarge || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", tier, err)
		}
	}
}

// A clock that is set back neither frees nor fills an allowance.
func TestLimitsWhenTheClockIsSetBack(t *testing.T) {
	onEveryLedger(t, func(t *testing.T, limits func(LimitOptions) *Limits) {
		clock, options, actor := newManualClock(), small(), someKey(TierDefault)
		options.Now = clock.Now
		l := limits(options)
		charge(t, l, actor, UseRead, 0)
		clock.advance(-30 * time.Minute)
		charge(t, l, actor, UseRead, 0)
		if _, wait := charge(t, l, actor, UseRead, 0); wait != time.Hour {
			t.Errorf("wait %v", wait)
		}
		clock.advance(90 * time.Minute)
		if _, wait := charge(t, l, actor, UseRead, 0); wait != 0 {
			t.Errorf("wait %v an hour later", wait)
		}
	})
}

// model is the limits, as plainly as they can be said.
type model struct {
	allowance Allowance
	entries   []modelEntry
}

type modelEntry struct {
	at    time.Time
	use   Use
	bytes int64
	gone  bool
}

// sums returns what was used in the hour before t, which does not reach back to its beginning.
func (m *model) sums(t time.Time, use Use) (requests, bytes int64) {
	for _, e := range m.entries {
		if !e.gone && e.use == use && e.at.After(t.Add(-time.Hour)) {
			requests++
			bytes += e.bytes
		}
	}
	return requests, bytes
}

func (m *model) fits(t time.Time, use Use, bytes int64) bool {
	requests, used := m.sums(t, use)
	return requests < m.allowance.requests(use) && (use == UseRead || used+bytes <= m.allowance.IngestBytes)
}

// wait returns the first whole second after which the request fits, by trying them all.
func (m *model) wait(now time.Time, use Use, bytes int64) time.Duration {
	for s := time.Duration(0); s <= time.Hour; s += time.Second {
		if m.fits(now.Add(s), use, bytes) {
			return s
		}
	}
	return -1
}

func TestLimitsAreThoseOfTheModel(t *testing.T) {
	onEveryLedger(t, func(t *testing.T, limits func(LimitOptions) *Limits) {
		rapid.Check(t, func(rt *rapid.T) {
			clock, actor := newManualClock(), someKey(TierDefault)
			m := &model{allowance: Allowance{
				IngestRequests: rapid.Int64Range(1, 6).Draw(rt, "requests"), IngestBytes: rapid.Int64Range(1, 500).Draw(rt, "bytes"),
				Reads: rapid.Int64Range(1, 4).Draw(rt, "reads"),
			}}
			l := limits(LimitOptions{Allowances: map[string]Allowance{TierDefault: m.allowance}, Now: clock.Now})
			charges := map[int]*Charge{}
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				clock.advance(time.Duration(rapid.Int64Range(0, int64(30*time.Minute/time.Microsecond)).Draw(rt, "pause")) * time.Microsecond)
				now := clock.Now()
				if i := rapid.IntRange(-3, len(m.entries)-1).Draw(rt, "amend"); i >= 0 {
					amendBoth(rt, m, i, charges[i], now)
					continue
				}
				use := rapid.SampledFrom([]Use{UseIngest, UseIngest, UseRead}).Draw(rt, "use")
				bytes := int64(0)
				if use == UseIngest {
					bytes = rapid.Int64Range(0, 600).Draw(rt, "size")
				}
				want := m.wait(now, use, bytes)
				c, got := charge(t, l, actor, use, bytes)
				if got != want {
					rt.Fatalf("%s of %d bytes: wait %v, the model says %v", use, bytes, got, want)
				}
				if want == 0 {
					charges[len(m.entries)] = c
					m.entries = append(m.entries, modelEntry{at: now, use: use, bytes: bytes})
				}
				requests, _ := m.sums(now, use)
				_, used := m.sums(now, UseIngest)
				if c.Requests.Remaining != m.allowance.requests(use)-requests || c.Bytes.Remaining != m.allowance.IngestBytes-used {
					rt.Fatalf("%d requests and %d bytes left, used %d and %d of %+v", c.Requests.Remaining, c.Bytes.Remaining, requests, used, m.allowance)
				}
			}
		})
	})
}

// amendBoth changes the bytes of an entry in the model and in the limits.
func amendBoth(rt *rapid.T, m *model, i int, c *Charge, now time.Time) {
	e := &m.entries[i]
	bytes := rapid.Int64Range(0, 600).Draw(rt, "new size")
	if e.use == UseRead || e.gone {
		return
	}
	if bytes == e.bytes {
		return
	}
	_, used := m.sums(now, UseIngest)
	inWindow := e.at.After(now.Add(-time.Hour))
	if inWindow {
		used -= e.bytes
	}
	wantErr := bytes > m.allowance.IngestBytes || inWindow && bytes > e.bytes && used+bytes > m.allowance.IngestBytes
	err := c.Amend(context.Background(), bytes)
	if (err != nil) != wantErr {
		rt.Fatalf("from %d to %d bytes with %d used otherwise: %v", e.bytes, bytes, used, err)
	}
	e.bytes, e.gone = bytes, wantErr
}

func TestBodyIsChargedItsSize(t *testing.T) {
	onEveryLedger(t, func(t *testing.T, limits func(LimitOptions) *Limits) {
		const mib = 1 << 20
		for name, tt := range map[string]struct {
			announced, comes int64
			breaks           bool
			want             int64 // charged
		}{
			"as announced":     {300, 300, false, 300},
			"broken off":       {mib, 1000, true, 1000},
			"without a length": {-1, mib + 7, false, mib + 7},
			"empty":            {-1, 0, false, 0},
		} {
			t.Run(name, func(t *testing.T) {
				l, actor := limits(LimitOptions{}), someKey(TierDefault)
				c, _ := charge(t, l, actor, UseIngest, tt.announced)
				var source io.Reader = io.LimitReader(zeros{}, tt.comes)
				if tt.breaks {
					source = io.MultiReader(source, iotest.ErrReader(errors.New("broken off")))
				}
				body := c.Body(t.Context(), io.NopCloser(source))
				if _, err := io.Copy(io.Discard, body); (err != nil) != tt.breaks {
					t.Fatal(err)
				}
				body.Finish()
				next, _ := charge(t, l, actor, UseIngest, 0)
				if got := next.Bytes.Limit - next.Bytes.Remaining; got != tt.want {
					t.Errorf("charged %d bytes, want %d", got, tt.want)
				}
			})
		}
	})
}

func TestABodyWithoutALengthIsCutOff(t *testing.T) {
	onEveryLedger(t, func(t *testing.T, limits func(LimitOptions) *Limits) {
		l, actor := limits(LimitOptions{}), someKey(TierDefault)
		charge(t, l, actor, UseIngest, 9<<20)
		read := func(size int64) error {
			c, _ := charge(t, l, actor, UseIngest, -1)
			_, err := io.Copy(io.Discard, c.Body(t.Context(), io.NopCloser(io.LimitReader(zeros{}, size))))
			return err
		}
		exceeded, ok := errors.AsType[*Exceeded](read(1<<20 + 1))
		if !ok || exceeded.Refusal.Kind != problem.RateLimited || exceeded.RetryAfter < 3590*time.Second {
			t.Errorf("error = %+v", exceeded)
		}
		if err := read(1 << 20); err != nil {
			t.Errorf("what was cut off was counted, or what just fits does not: %v", err)
		}
		c, wait := charge(t, l, actor, UseRead, 0)
		if wait != 0 || c.Bytes.Remaining != 0 {
			t.Errorf("%d bytes left", c.Bytes.Remaining)
		}
		other := someKey(TierDefault)
		c, _ = charge(t, l, other, UseIngest, -1)
		_, err := io.Copy(io.Discard, c.Body(t.Context(), io.NopCloser(io.LimitReader(zeros{}, 11<<20))))
		if problem.KindOf(err) != problem.TooLarge {
			t.Errorf("a body that never fits: %v", err)
		}
	})
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Processes that share a Redis count together, and at the same time no more than is allowed.
func TestProcessesCountTogether(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"TEST_REDIS_URL", "TEST_REDIS_CLUSTER_URL"} {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			one, two := NewLimits(LimitOptions{Redis: testRedis(t, variable)}), NewLimits(LimitOptions{Redis: testRedis(t, variable)})
			actor := someKey(TierDefault)
			var mu sync.Mutex
			allowed := 0
			var wg sync.WaitGroup
			for _, l := range []*Limits{one, two, one, two} {
				wg.Go(func() {
					for range 40 {
						if _, wait := charge(t, l, actor, UseIngest, 0); wait == 0 {
							mu.Lock()
							allowed++
							mu.Unlock()
						}
					}
				})
			}
			wg.Wait()
			if allowed != 100 {
				t.Errorf("%d of 160 requests were allowed, want 100", allowed)
			}
		})
	}
}

func TestADecisionIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	wire := proxyRedis(t)
	redis, err := cache.OpenRedis(wire.url, cache.RedisOptions{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	l, actor := NewLimits(LimitOptions{Redis: redis}), someKey(TierDefault)
	charge(t, l, actor, UseIngest, 10) // the script is there now
	before := wire.commands.Load()
	for range 5 {
		charge(t, l, actor, UseIngest, 10)
		charge(t, l, actor, UseRead, 0)
	}
	if n := wire.commands.Load() - before; n != 10 {
		t.Errorf("%d commands for 10 decisions", n)
	}
}

// redisProxy passes everything on between clients and Redis, and counts the scripts that are run.
type redisProxy struct {
	url      string
	commands atomic.Int64
}

func proxyRedis(t *testing.T) *redisProxy {
	t.Helper()
	address := testdb.Service(t, "TEST_REDIS_URL")
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	wire := &redisProxy{url: "redis://" + listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target.Host)
			if err != nil {
				client.Close()
				return
			}
			go func() { _, _ = io.Copy(client, server) }()
			go func() { _, _ = io.Copy(server, io.TeeReader(client, wire)) }()
		}
	}()
	return wire
}

// Write counts the commands in what a client sends. One that is cut in two by a packet would be missed, not made up.
func (w *redisProxy) Write(p []byte) (int, error) {
	w.commands.Add(int64(bytes.Count(p, []byte("EVAL"))))
	return len(p), nil
}

// Without Redis every process counts for itself, and nothing fails.
func TestLimitsWithoutTheirRedis(t *testing.T) {
	t.Parallel()
	redis, err := cache.OpenRedis("redis://127.0.0.1:1", cache.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	options := small()
	options.Redis = redis
	l, actor := NewLimits(options), someKey(TierDefault)
	for i, want := range []bool{true, true, false} {
		if _, wait := charge(t, l, actor, UseRead, 0); (wait == 0) != want {
			t.Errorf("request %d: wait %v", i, wait)
		}
	}
}

func TestIdleKeysAreForgotten(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	l := NewLimits(LimitOptions{Now: clock.Now})
	for range 100 {
		charge(t, l, someKey(TierDefault), UseRead, 0)
	}
	clock.advance(time.Hour)
	for range sweepEvery {
		charge(t, l, Actor{KeyID: "busy", Tier: TierDefault}, UseRead, 0)
	}
	if n := len(l.memory.keys); n != 1 {
		t.Errorf("%d accounts, want 1", n)
	}
}

func TestAddressesAreLimited(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	l := NewLimits(LimitOptions{Now: clock.Now})
	for i := range addressRequests {
		if err := l.ChargeAddress(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i))); err != nil {
			t.Fatal(err)
		}
	}
	exceeded, ok := errors.AsType[*Exceeded](l.ChargeAddress(netip.MustParseAddr("2001:db8::1:1")))
	if !ok || exceeded.RetryAfter != time.Minute {
		t.Errorf("error = %+v", exceeded)
	}
	for _, other := range []string{"2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.2"} {
		if err := l.ChargeAddress(netip.MustParseAddr(other)); err != nil {
			t.Errorf("%s: %v", other, err)
		}
	}
	clock.advance(time.Minute)
	if err := l.ChargeAddress(netip.MustParseAddr("2001:db8::1")); err != nil {
		t.Error(err)
	}
}

func TestAddressesAreBounded(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	l := NewLimits(LimitOptions{Now: clock.Now})
	address := netip.MustParseAddr("10.0.0.0")
	for range maxAddresses + addressRequests {
		address = address.Next()
		if err := l.ChargeAddress(address); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.ChargeAddress(address.Next()); err == nil {
		t.Error("addresses beyond the bound are not limited together")
	}
	if n := len(l.addresses.addresses); n > maxAddresses+1 {
		t.Errorf("%d addresses", n)
	}
	clock.advance(time.Minute)
	if err := l.ChargeAddress(address.Next()); err != nil {
		t.Error(err)
	}
}

func BenchmarkCharge(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkCharge(b, NewLimits(LimitOptions{Allowances: busy})) })
	b.Run("redis", func(b *testing.B) {
		benchmarkCharge(b, NewLimits(LimitOptions{Allowances: busy, Redis: testRedis(b, "TEST_REDIS_URL")}))
	})
	b.Run("one round trip", func(b *testing.B) {
		redis := testRedis(b, "TEST_REDIS_URL")
		for b.Loop() {
			if err := redis.Ping(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// busy is so large that no benchmark exceeds it.
var busy = map[string]Allowance{TierDefault: {IngestRequests: 1 << 40, IngestBytes: 1 << 50, Reads: 1 << 40}}

func benchmarkCharge(b *testing.B, l *Limits) {
	actor := someKey(TierDefault)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Charge(b.Context(), actor, UseIngest, 300); err != nil {
			b.Fatal(err)
		}
	}
}
