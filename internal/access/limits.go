package access

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
)

// limitWindow is the length of the sliding window in which an allowance holds.
const limitWindow = time.Hour

// Allowance is what one key may do in an hour. Zero is no limit.
type Allowance struct {
	IngestRequests int64
	IngestBytes    int64 // of bodies, as they come over the wire
	Reads          int64 // every request that does not ingest
}

// DefaultAllowances returns the allowances of the tiers that have limits. Requests of the unlimited tier are not counted.
func DefaultAllowances() map[string]Allowance {
	return map[string]Allowance{
		TierDefault: {IngestRequests: 100, IngestBytes: 10 << 20, Reads: 1000},
		TierBulk:    {IngestRequests: 2000, IngestBytes: 5 << 30, Reads: 5000},
	}
}

// Use is the kind of a request. Each kind has an allowance of its own.
type Use string

// The uses. Each has an allowance of its own.
const (
	UseIngest Use = "ingest"
	UseRead   Use = "read"
)

// Limits counts the requests of API keys in a sliding window: at no moment has a key done more in the last hour than its
// tier allows. Refused requests are not counted. It is safe for concurrent use.
//
// With Redis, all processes that share it count together. While Redis does not answer, each counts for itself.
type Limits struct {
	allowances map[string]Allowance
	memory     *memoryLedger
	redis      ledger // nil: there is none
	addresses  *addressLimit
	metrics    limitMetrics
}

// LimitOptions are the optional settings of Limits.
type LimitOptions struct {
	// Allowances of the tiers that have limits; nil is DefaultAllowances.
	Allowances map[string]Allowance
	Redis      *cache.Redis          // nil: this process counts alone
	Now        func() time.Time      // nil: time.Now, and the clock of Redis there
	Registerer prometheus.Registerer // nil: the metrics are not registered
}

// NewLimits returns limits with nothing used yet, except for what is recorded in Redis.
func NewLimits(options LimitOptions) *Limits {
	if options.Allowances == nil {
		options.Allowances = DefaultAllowances()
	}
	now := options.Now
	if now == nil {
		now = time.Now
	}
	l := &Limits{
		allowances: options.Allowances,
		memory:     newMemoryLedger(now),
		addresses:  newAddressLimit(now),
		metrics:    newLimitMetrics(options.Registerer),
	}
	if options.Redis != nil {
		l.redis = &redisLedger{redis: options.Redis, now: options.Now}
	}
	return l
}

// Balance is what is left of an allowance.
type Balance struct {
	Limit     int64 // 0: there is none
	Remaining int64
	Reset     time.Duration // until all of it is available again, if nothing more is used
}

// Charge is a request that was counted.
type Charge struct {
	// Requests is the balance of the request's use, Bytes that of the bodies, after the request.
	Requests, Bytes Balance

	limits    *Limits
	ledger    ledger // nil: nothing is counted for the key
	allowance Allowance
	entry     ledgerEntry
	cancelled bool
}

// Exceeded is the error of a request that does not fit into an allowance now.
type Exceeded struct {
	Refusal *problem.Error
	// RetryAfter is the time until the same request fits, if nothing else is used meanwhile.
	RetryAfter time.Duration
}

// Error returns the message of the refusal.
func (e *Exceeded) Error() string { return e.Refusal.Error() }

// Unwrap returns the refusal.
func (e *Exceeded) Unwrap() error { return e.Refusal }

// Charge counts one request of a key, with the announced size of its body; a body of unannounced size is counted as it is
// read through Body. Only bodies that are ingested have their bytes counted.
//
// The error is an *Exceeded of kind RateLimited, or of kind TooLarge where the body exceeds what the key may send in a
// whole hour. The request is not counted then; the returned Charge holds the balances nevertheless.
func (l *Limits) Charge(ctx context.Context, actor Actor, use Use, bytes int64) (*Charge, error) {
	allowance, limited := l.allowances[actor.Tier]
	if !limited {
		return &Charge{}, nil
	}
	entry := ledgerEntry{key: actor.KeyID, use: use, id: rand.Uint64() | 1} // #nosec G404 -- the id distinguishes requests and is no secret
	c := &Charge{limits: l, allowance: allowance, entry: entry}
	if use == UseIngest {
		c.entry.bytes = max(bytes, 0)
	}
	tooLarge := c.entry.bytes > allowance.IngestBytes && allowance.IngestBytes > 0
	if tooLarge {
		c.entry.bytes = allowance.IngestBytes + 1 // which never fits
	}
	v, err := c.decide(ctx)
	if err != nil {
		return c, err
	}
	c.entry.at = v.now
	c.Requests = balance(c.requestLimit(), v.requests, v.requestsReset)
	c.Bytes = balance(allowance.IngestBytes, v.bytes, v.bytesReset)
	switch {
	case tooLarge:
		err = c.tooLarge()
	case v.wait > 0:
		err = c.exceeded(v)
	}
	l.metrics.count(use, err)
	return c, err
}

// decide asks Redis, and the memory of this process where Redis does not answer.
func (c *Charge) decide(ctx context.Context) (decision, error) {
	if redis := c.limits.redis; redis != nil {
		v, err := redis.charge(ctx, c.entry, c.allowance)
		if err == nil {
			c.ledger = redis
			return v, nil
		}
		if ctx.Err() != nil {
			return decision{}, ctx.Err()
		}
	}
	c.ledger = c.limits.memory
	return c.limits.memory.charge(ctx, c.entry, c.allowance)
}

func (c *Charge) requestLimit() int64 { return c.allowance.requests(c.entry.use) }

// requests returns how many requests of a use are allowed.
func (a Allowance) requests(use Use) int64 {
	if use == UseIngest {
		return a.IngestRequests
	}
	return a.Reads
}

func balance(limit, used, reset int64) Balance {
	return Balance{Limit: limit, Remaining: max(limit-used, 0), Reset: time.Duration(reset) * time.Microsecond}
}

// Amend changes how many bytes the request is counted with. Fewer bytes always fit. The error is that of Charge, and the
// request is no longer counted then.
func (c *Charge) Amend(ctx context.Context, bytes int64) error {
	if !c.countsBytes() || c.cancelled || bytes == c.entry.bytes {
		return nil
	}
	if bytes > c.allowance.IngestBytes {
		c.Cancel(ctx)
		err := c.tooLarge()
		c.limits.metrics.count(c.entry.use, err)
		return err
	}
	v, err := c.amend(ctx, bytes)
	if err != nil || v.wait == 0 {
		return err
	}
	c.Cancel(ctx)
	err = c.exceeded(v)
	c.limits.metrics.count(c.entry.use, err)
	return err
}

// amend tries to change the bytes. It succeeds when the ledger does not answer.
func (c *Charge) amend(ctx context.Context, bytes int64) (decision, error) {
	v, err := c.ledger.amend(ctx, c.entry, c.allowance, bytes)
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	if err != nil {
		v = decision{}
	}
	if v.wait == 0 {
		c.Bytes.Remaining = max(c.Bytes.Remaining-(bytes-c.entry.bytes), 0)
		c.entry.bytes = bytes
	}
	return v, nil
}

// Cancel takes the request back, as if it had not been made.
func (c *Charge) Cancel(ctx context.Context) {
	if c.ledger != nil && !c.cancelled {
		c.cancelled = true
		_, _ = c.ledger.amend(context.WithoutCancel(ctx), c.entry, c.allowance, -1)
	}
}

func (c *Charge) countsBytes() bool {
	return c.ledger != nil && c.entry.use == UseIngest && c.allowance.IngestBytes > 0
}

func (c *Charge) exceeded(v decision) error {
	wait := (time.Duration(v.wait)*time.Microsecond + time.Second - 1).Truncate(time.Second)
	sentence := fmt.Sprintf("This API key has used up its %d requests an hour.", c.requestLimit())
	if v.bytesShort {
		sentence = fmt.Sprintf("This API key has no room for the body in its %s an hour.", sizeText(c.allowance.IngestBytes))
	}
	return &Exceeded{
		Refusal: problem.New(problem.RateLimited, "rate_limited",
			sentence+" Send it again in "+wait.String()+", or use a key of a higher tier."),
		RetryAfter: wait,
	}
}

// tooLarge returns the refusal of a body that will never fit.
func (c *Charge) tooLarge() error {
	return &Exceeded{Refusal: problem.New(problem.TooLarge, "body_exceeds_allowance", fmt.Sprintf(
		"The body is larger than the %s that this API key may send in an hour. Use a key of the tier %s, which is meant for "+
			"first uploads, or send a shorter period.", sizeText(c.allowance.IngestBytes), c.limits.tierAbove(c.allowance)))}
}

// tierAbove returns a tier that may send more than the allowance.
func (l *Limits) tierAbove(a Allowance) string {
	if bulk, limited := l.allowances[TierBulk]; !limited || bulk.IngestBytes == 0 || bulk.IngestBytes > a.IngestBytes {
		return TierBulk
	}
	return TierUnlimited
}

// sizeText formats a number of bytes for people.
func sizeText(bytes int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.bytes {
			return strconv.FormatFloat(float64(bytes*10/unit.bytes)/10, 'f', -1, 64) + " " + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10) + " bytes"
}
