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
	user     uuid.UUID
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
func (j *AuditBuffer) Add(ctx context.Context, action account.Action, about uuid.UUID, resource string, metadata map[string]any) {
	if j != nil {
		j.add(NewAuditEntry(ctx, action, about, resource, j.now(), metadata))
	}
}

// add adds an entry to those that wait.
func (j *AuditBuffer) add(entry account.AuditEntry) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	p := &pendingEntry{AuditEntry: entry, count: 1, until: entry.At}
	if entry.Action == account.ActionLoginFailed || entry.Action == account.ActionLimitHit {
		if j.merge(p) {
			return
		}
	}
	j.pending = append(j.pending, p)
	j.dropOldest()
}

// merge adds a failure to one that says the same, or, when there are very many that differ, to the one that stands for
// all others of its action.
func (j *AuditBuffer) merge(p *pendingEntry) bool {
	code, _ := p.Metadata["code"].(string)
	p.key = dedupKey{p.Action, p.UserID, p.KeyID, p.Resource, p.Address, code}
	known := j.merged[p.key]
	if known == nil && len(j.merged) >= maxDistinct {
		p.key = dedupKey{action: p.Action, code: code}
		p.UserID, p.KeyID, p.Resource, p.UserAgent, p.RequestID = uuid.Nil, "", "", "", ""
		p.Address, p.Metadata = netip.Addr{}, withValue(p.Metadata, "many", true)
		known = j.merged[p.key]
	}
	if known == nil {
		j.merged[p.key] = p
		return false
	}
	known.count++
	known.until = p.At
	return true
}

// dropOldest lets the oldest entries give way when there are too many.
func (j *AuditBuffer) dropOldest() {
	for len(j.pending) > maxPending {
		oldest := j.pending[0]
		j.pending[0] = nil
		j.pending = j.pending[1:]
		if j.merged[oldest.key] == oldest {
			delete(j.merged, oldest.key)
		}
		j.dropped += oldest.count
		j.lost.Add(float64(oldest.count))
	}
}

// Flush writes what waits. What cannot be written now is kept for the next call.
func (j *AuditBuffer) Flush(ctx context.Context) error {
	if j == nil {
		return nil
	}
	j.flushing.Lock()
	defer j.flushing.Unlock()
	taken := j.take(ctx)
	for len(taken) > 0 {
		n := min(len(taken), entriesPerWrite)
		entries := make([]account.AuditEntry, n)
		for i, p := range taken[:n] {
			entries[i] = p.entry()
		}
		if err := j.audit.AppendAudit(ctx, entries); err != nil {
			j.putBack(taken)
			return fmt.Errorf("write %d entries of the audit log: %w", len(taken), err)
		}
		j.written.Add(float64(n))
		taken = taken[n:]
	}
	return nil
}

func (j *AuditBuffer) take(ctx context.Context) []*pendingEntry {
	j.mu.Lock()
	taken, dropped := j.pending, j.dropped
	j.pending, j.dropped = nil, 0
	clear(j.merged)
	j.mu.Unlock()
	if dropped > 0 {
		j.logger.ErrorContext(ctx, "entries of the audit log were lost: the store did not take them in time", "count", dropped)
	}
	return taken
}

// putBack puts what was taken before what has come since. It is not added to any more.
func (j *AuditBuffer) putBack(taken []*pendingEntry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = append(taken, j.pending...)
	j.dropOldest()
}

// entry returns what is written.
func (p *pendingEntry) entry() account.AuditEntry {
	e := p.AuditEntry
	if p.count > 1 {
		e.Metadata = withValue(withValue(e.Metadata, "count", p.count), "until", p.until.Format(time.RFC3339))
	}
	return e
}
