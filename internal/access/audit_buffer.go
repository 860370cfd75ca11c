package access

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
)

const (
	// maxPending bounds the entries that wait to be written, to some 10 MB. Past it the oldest are dropped.
	maxPending = 10_000
	// maxDistinct is how many failures and limits, of different addresses and keys, are kept apart until the next Flush.
	// Those beyond it are merged into one entry without an address.
	maxDistinct = 1_000
	// entriesPerWrite is how many entries are written in one transaction.
	entriesPerWrite = 500
)

// AuditBuffer writes audit entries that belong to no transaction, such as failed logins, without delaying the caller:
// they are buffered in memory until the next Flush. Entries about the same failed login or limit are merged into one,
// with their number as "count" in the metadata and the time of the last as "until".
//
// It is safe for concurrent use. A nil *AuditBuffer discards all entries.
type AuditBuffer struct {
	audit   store.Audit
	now     func() time.Time
	logger  *slog.Logger
	written prometheus.Counter
	lost    prometheus.Counter

	flushing sync.Mutex

	mu      sync.Mutex
	pending []*pendingEntry // oldest first
	merged  map[dedupKey]*pendingEntry
	dropped int // since the last Flush
}

// pendingEntry is an entry that waits to be written, and how many entries it stands for.
type pendingEntry struct {
	account.AuditEntry
	key   dedupKey
	count int
	until time.Time
}

// dedupKey is equal for entries that are merged.
type dedupKey struct {
	action   account.Action
	subject  uuid.UUID
	key      string
	resource string
	address  netip.Addr
	code     string
}

// AuditBufferOptions are the optional settings of an AuditBuffer.
type AuditBufferOptions struct {
	Now        func() time.Time      // nil: time.Now
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: the metrics are not registered
}

// NewAuditBuffer returns a buffer that writes to an audit log. A job calls Flush, which is also called before the store
// is closed.
func NewAuditBuffer(audit store.Audit, options AuditBufferOptions) *AuditBuffer {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	factory := promauto.With(options.Registerer)
	return &AuditBuffer{
		audit: audit, now: options.Now, logger: options.Logger, merged: map[dedupKey]*pendingEntry{},
		written: factory.NewCounter(prometheus.CounterOpts{
			Name: "health_export_audit_entries_written_total",
			Help: "Buffered entries that were written to the audit log.",
		}),
		lost: factory.NewCounter(prometheus.CounterOpts{
			Name: "health_export_audit_entries_lost_total",
			Help: "Entries of the audit log that were lost because the store did not take them in time.",
		}),
	}
}

// Add buffers an entry about what is done in ctx; NewAuditEntry describes the arguments. It does not block.
func (b *AuditBuffer) Add(ctx context.Context, action account.Action, subject uuid.UUID, resource string, metadata map[string]any) {
	if b != nil {
		b.add(NewAuditEntry(ctx, action, subject, resource, b.now(), metadata))
	}
}

// add buffers an entry.
func (b *AuditBuffer) add(entry account.AuditEntry) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &pendingEntry{AuditEntry: entry, count: 1, until: entry.At}
	if entry.Action == account.ActionLoginFailed || entry.Action == account.ActionLimitHit {
		if b.merge(p) {
			return
		}
	}
	b.pending = append(b.pending, p)
	b.dropOldest()
}

// merge adds a failure to an equal entry. When there are already maxDistinct entries it adds the failure to the one entry
// for all others of its action and code. It reports whether p was merged; otherwise p is to be appended.
func (b *AuditBuffer) merge(p *pendingEntry) bool {
	code, _ := p.Metadata["code"].(string)
	p.key = dedupKey{p.Action, p.UserID, p.KeyID, p.Resource, p.Address, code}
	known := b.merged[p.key]
	if known == nil && len(b.merged) >= maxDistinct {
		p.key = dedupKey{action: p.Action, code: code}
		p.UserID, p.KeyID, p.Resource, p.UserAgent, p.RequestID = uuid.Nil, "", "", "", ""
		p.Address, p.Metadata = netip.Addr{}, withValue(p.Metadata, "many", true)
		known = b.merged[p.key]
	}
	if known == nil {
		b.merged[p.key] = p
		return false
	}
	known.count++
	known.until = p.At
	return true
}

// dropOldest drops the oldest entries while there are more than maxPending.
func (b *AuditBuffer) dropOldest() {
	for len(b.pending) > maxPending {
		oldest := b.pending[0]
		b.pending[0] = nil
		b.pending = b.pending[1:]
		if b.merged[oldest.key] == oldest {
			delete(b.merged, oldest.key)
		}
		b.dropped += oldest.count
		b.lost.Add(float64(oldest.count))
	}
}

// Flush writes the buffered entries. Those that cannot be written now are kept for the next call.
func (b *AuditBuffer) Flush(ctx context.Context) error {
	if b == nil {
		return nil
	}
	b.flushing.Lock()
	defer b.flushing.Unlock()
	taken := b.take(ctx)
	for len(taken) > 0 {
		n := min(len(taken), entriesPerWrite)
		entries := make([]account.AuditEntry, n)
		for i, p := range taken[:n] {
			entries[i] = p.entry()
		}
		if err := b.audit.AppendAudit(ctx, entries); err != nil {
			b.putBack(taken)
			return fmt.Errorf("write %d entries of the audit log: %w", len(taken), err)
		}
		b.written.Add(float64(n))
		taken = taken[n:]
	}
	return nil
}

func (b *AuditBuffer) take(ctx context.Context) []*pendingEntry {
	b.mu.Lock()
	taken, dropped := b.pending, b.dropped
	b.pending, b.dropped = nil, 0
	clear(b.merged)
	b.mu.Unlock()
	if dropped > 0 {
		b.logger.ErrorContext(ctx, "entries of the audit log were lost: the store did not take them in time", "count", dropped)
	}
	return taken
}

// putBack puts entries that could not be written before those that were added since. They are not merged with any more.
func (b *AuditBuffer) putBack(taken []*pendingEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(taken, b.pending...)
	b.dropOldest()
}

// entry returns the entry to write.
func (p *pendingEntry) entry() account.AuditEntry {
	e := p.AuditEntry
	if p.count > 1 {
		e.Metadata = withValue(withValue(e.Metadata, "count", p.count), "until", p.until.Format(time.RFC3339))
	}
	return e
}
