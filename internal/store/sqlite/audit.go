package sqlite

import (
	"context"
	"database/sql"
	"net/netip"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// AppendAudit stores entries.
func (s *Store) AppendAudit(ctx context.Context, entries []account.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.write(ctx, "append to the audit log", func(tx *sql.Tx) error {
		for i := range entries {
			entry := entries[i]
			about, err := s.userState(ctx, tx, entry.UserID)
			if err == nil && about.accepts(health.InstantOf(entry.At)) != nil {
				entry.UserID = uuid.Nil
			}
			if err != nil && problem.KindOf(err) != problem.NotFound {
				return err
			}
			if err := insertAuditEntry(ctx, tx, &entry); err != nil {
				return err
			}
		}
		return nil
	})
}

// insertAudit writes the audit entries of a transaction.
func insertAudit(ctx context.Context, tx *sql.Tx, entries []account.AuditEntry) error {
	for i := range entries {
		if err := insertAuditEntry(ctx, tx, &entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func insertAuditEntry(ctx context.Context, tx *sql.Tx, e *account.AuditEntry) error {
	metadata, err := json.Marshal(e.Metadata, json.Deterministic(true))
	if err != nil {
		return err
	}
	address := ""
	if e.Address.IsValid() {
		address = e.Address.String()
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO audit_log (user_id, recorded_at, id, key_id, action, resource, address, user_agent, request_id, metadata)
		VALUES (coalesce((SELECT id FROM users WHERE uuid = ?), 0), ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.UserID[:], toMicros(e.At), e.ID[:], e.KeyID, string(e.Action), e.Resource, address, e.UserAgent, e.RequestID,
		string(metadata))
	return err
}

const selectAudit = `
SELECT a.id, u.uuid, a.recorded_at, a.key_id, a.action, a.resource, a.address, a.user_agent, a.request_id, a.metadata
FROM audit_log a
LEFT JOIN users u ON u.id = a.user_id
WHERE 1`

// AuditEntries returns entries, newest first.
func (s *Store) AuditEntries(ctx context.Context, query store.AuditQuery) (entries []account.AuditEntry, err error) {
	text, args := selectAudit, []any{}
	and := func(comparison string, values ...any) {
		text, args = text+` AND `+comparison, append(args, values...)
	}
	if query.Action != "" {
		and(`a.action = ?`, string(query.Action))
	}
	if query.KeyID != "" {
		and(`a.key_id = ?`, query.KeyID)
	}
	if !query.From.IsZero() {
		and(`a.recorded_at >= ?`, toMicros(query.From))
	}
	if !query.To.IsZero() {
		and(`a.recorded_at < ?`, toMicros(query.To))
	}
	if query.Before != uuid.Nil {
		and(`(a.recorded_at, a.id) < (?, ?)`, toMicros(query.BeforeAt), query.Before[:])
	}
	find := func(tx *sql.Tx) error {
		entries, err = list(ctx, tx, scanAuditEntry, text+` ORDER BY a.recorded_at DESC, a.id DESC LIMIT ?`,
			append(args, query.Limit)...)
		return err
	}
	if query.User != nil && *query.User == uuid.Nil {
		and(`a.user_id = 0`)
	}
	if query.User == nil || *query.User == uuid.Nil {
		err = s.read(ctx, "list the audit log", find)
		return entries, err
	}
	err = s.readOf(ctx, *query.User, "list the audit log", func(tx *sql.Tx, userID int64) error {
		and(`a.user_id = ?`, userID)
		return find(tx)
	})
	return entries, err
}

func scanAuditEntry(row row) (e account.AuditEntry, err error) {
	var at int64
	var user []byte
	var address, metadata string
	err = row.Scan(&e.ID, &user, &at, &e.KeyID, &e.Action, &e.Resource, &address, &e.UserAgent, &e.RequestID, &metadata)
	if err != nil {
		return e, err
	}
	e.At = time.UnixMicro(at).UTC()
	if user != nil {
		if e.UserID, err = uuid.FromBytes(user); err != nil {
			return e, err
		}
	}
	if address != "" {
		if e.Address, err = netip.ParseAddr(address); err != nil {
			return e, err
		}
	}
	return e, json.Unmarshal([]byte(metadata), &e.Metadata)
}
