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

// auditSource is what the audit log records of why a body is processed: who acts and from where, which is in the context,
// and the action. The context may have ended.
type auditSource struct {
	ctx    context.Context
	action account.Action
}

// entry returns the audit entry for a finished ingestion. One that was resumed after a crash has no client address.
func (a auditSource) entry(i *health.Ingestion) account.AuditEntry {
	counts := i.Report.Total()
	entry := access.NewAuditEntry(a.ctx, a.action, i.UserID, i.ID.String(), i.FinishedAt, map[string]any{
		"status": string(i.Status), "format": i.Format, "bytes": i.Size, "attempt": i.Attempts,
		"received": counts.Received, "inserted": counts.Inserted, "updated": counts.Updated, "unchanged": counts.Unchanged,
		"merged": counts.Merged, "rejected": counts.Rejected,
	})
	entry.KeyID = cmp.Or(entry.KeyID, i.KeyID)
	entry.UserAgent = cmp.Or(entry.UserAgent, account.TrimUserAgent(i.Headers["user-agent"]))
	return entry
}

// isErased reports whether err is because the user, or what they had sent, was erased meanwhile.
func isErased(err error) bool {
	refusal, ok := errors.AsType[*problem.Error](err)
	return ok && (refusal.Kind == problem.NotFound || refusal.Code == "erased")
}
