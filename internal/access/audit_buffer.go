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
	// maxPending bounds the entries that wait to be written, to some 10 MB. Past it the oldest give way.
	maxPending = 10_000
	// maxDistinct is how many failures and limits, of different addresses and keys, are told apart until the next Flush. What
	// comes beyond is told as one entry, without an address.
	maxDistinct = 1_000
	// entriesPerWrite is how many entries are written in one transaction.
	entriesPerWrite = 500
)

// AuditBuffer writes entries of the audit log that belong to no transaction, such as failed logins, without making anybody
// wait: they are kept in memory until the next Flush. Entries that say the same of a failed login or of a limit become
// one, with their number as count in the metadata and the time of the last as until.
//
// It may be used from several goroutines at once. A nil *AuditBuffer keeps nothing.
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

// pendingEntry is an entry that waits, with how many it stands for.
type pendingEntry struct {
	account.AuditEntry
	key   dedupKey
	count int
	until time.Time
}

// dedupKey is what two entries that become one have in common.
type dedupKey struct {
	action   account.Action
	subject  uuid.UUID
	key      string
	resource string
	address  netip.Addr
	code     string
}

// AuditBufferOptions is what a AuditBuffer can do without.
type AuditBufferOptions struct {
	Now        func() time.Time      // nil: time.Now
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: the metrics are not registered
}

// NewAuditBuffer returns a journal that writes to an audit log. Flush is called by a job, and once more before the store is
// closed.
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
			Help: "Entries that the journal has written to the audit log.",
		}),
		lost: factory.NewCounter(prometheus.CounterOpts{
			Name: "health_export_audit_entries_lost_total",
			Help: "Entries of the audit log that were lost because the store did not take them in time.",
		}),
	}
}

// Add records what is being done with ctx, see Deed for the arguments. It does not wait.
func (b *AuditBuffer) Add(ctx context.Context, action account.Action, subject uuid.UUID, resource string, metadata map[string]any) {
	if b != nil {
		b.add(NewAuditEntry(ctx, action, subject, resource, b.now(), metadata))
	}
}

// add adds an entry to those that wait.
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

// merge adds a failure to one that says the same, or, when there are very many that differ, to the one that stands for
// all others of its action.
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

// dropOldest lets the oldest entries give way when there are too many.
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

// Flush writes what waits. What cannot be written now is kept for the next call.
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

// putBack puts what was taken before what has come since. It is not added to any more.
func (b *AuditBuffer) putBack(taken []*pendingEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(taken, b.pending...)
	b.dropOldest()
}

// entry returns what is written.
func (p *pendingEntry) entry() account.AuditEntry {
	e := p.AuditEntry
	if p.count > 1 {
		e.Metadata = withValue(withValue(e.Metadata, "count", p.count), "until", p.until.Format(time.RFC3339))
	}
	return e
}
