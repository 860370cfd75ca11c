package access

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/health-export/health-export/internal/cache"
)

// Both scripts begin with limits.lua, which slides the window to now.
var (
	//go:embed limits.lua
	slideLua string
	//go:embed limits_charge.lua
	chargeLua string
	//go:embed limits_amend.lua
	amendLua string

	chargeScript = cache.NewScript(slideLua + chargeLua)
	amendScript  = cache.NewScript(slideLua + amendLua)
)

// redisLedger is a ledger that several processes share. A call is one round trip.
type redisLedger struct {
	redis *cache.Redis
	now   func() time.Time // nil: the clock of Redis, which is the same for all processes
}

func (l *redisLedger) charge(ctx context.Context, e ledgerEntry, a Allowance) (decision, error) {
	n, err := l.run(ctx, chargeScript, e.key, 7, string(e.use), strconv.FormatUint(e.id, 16),
		decimal(a.requests(e.use)), decimal(a.IngestBytes), decimal(e.bytes))
	if err != nil {
		return decision{}, err
	}
	return decision{
		now: n[0], wait: n[1], bytesShort: n[2] == 1, requests: n[3], requestsReset: n[4], bytes: n[5], bytesReset: n[6],
	}, nil
}

func (l *redisLedger) amend(ctx context.Context, e ledgerEntry, a Allowance, bytes int64) (decision, error) {
	entry := fmt.Sprintf("%d %x %d", e.at, e.id, e.bytes)
	n, err := l.run(ctx, amendScript, e.key, 2, entry, decimal(bytes), decimal(a.IngestBytes), string(e.use))
	if err != nil {
		return decision{}, err
	}
	return decision{now: n[0], wait: n[1], bytesShort: n[1] > 0}, nil
}

// run runs a script on the entries of a key; it returns want numbers or an error.
func (l *redisLedger) run(ctx context.Context, script *cache.Script, key string, want int, args ...string) ([]int64, error) {
	now := "0"
	if l.now != nil {
		now = decimal(l.now().UnixMicro())
	}
	prefix := "limit:{" + key + "}:"
	numbers, err := l.redis.Run(ctx, script, []string{prefix + "ingest", prefix + "bytes", prefix + "read"},
		append([]string{now, decimal(limitWindow.Microseconds())}, args...))
	if err == nil && len(numbers) != want {
		err = fmt.Errorf("the limits' script returned %d numbers, not %d", len(numbers), want)
	}
	return numbers, err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
