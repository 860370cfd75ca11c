package ingest

import (
	"cmp"
	"context"
	"errors"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// auditSource is why a body is processed: for whom, which the audit log tells, and what that is called there. The context is
// only asked who acts and from where; it may have ended.
type auditSource struct {
	ctx    context.Context
	action account.Action
}

// entry returns the entry of the audit log for an ingestion that is finished. One that was taken up again after a crash
// has no address any more.
func (c auditSource) entry(i *health.Ingestion) account.AuditEntry {
	counts := i.Report.Total()
	entry := access.NewAuditEntry(c.ctx, c.action, i.UserID, i.ID.String(), i.FinishedAt, map[string]any{
		"status": string(i.Status), "format": i.Format, "bytes": i.Size, "attempt": i.Attempts,
		"received": counts.Received, "inserted": counts.Inserted, "updated": counts.Updated, "unchanged": counts.Unchanged,
		"merged": counts.Merged, "rejected": counts.Rejected,
	})
	entry.KeyID = cmp.Or(entry.KeyID, i.KeyID)
	entry.UserAgent = cmp.Or(entry.UserAgent, account.TrimUserAgent(i.Headers["user-agent"]))
	return entry
}

// isErased reports whether work came to nothing because its user, or what they had sent, is not there any more.
func isErased(err error) bool {
	refusal, ok := errors.AsType[*problem.Error](err)
	return ok && (refusal.Kind == problem.NotFound || refusal.Code == "erased")
}
