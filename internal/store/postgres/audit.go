package postgres

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// AppendAudit stores entries.
func (s *Store) AppendAudit(ctx context.Context, entries []account.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	users := make([]uuid.UUID, len(entries))
	for i := range entries {
		users[i] = entries[i].UserID
	}
	return s.writeAuditEntries(ctx, "append to the audit log", "", entries, func(ctx context.Context, tx pgx.Tx) error {
		erased, err := lockErasures(ctx, tx, users)
		if err != nil {
			return err
		}
		for i := range entries {
			at, known := erased[entries[i].UserID]
			if !known || health.InstantOf(entries[i].At) <= at {
				users[i] = uuid.Nil
			}
		}
		return nil
	}, users...)
}

// lockErasures returns until when the data of users was erased; those who do not exist are missing. No user is erased
// until the transaction ends: their locks are taken in order, so that two transactions do not wait for each other.
func lockErasures(ctx context.Context, tx pgx.Tx, users []uuid.UUID) (map[uuid.UUID]health.Instant, error) {
	locks := make([]int64, len(users))
	for i, user := range users {
		locks[i] = archiveLock(user)
	}
	slices.Sort(locks)
	for _, key := range slices.Compact(locks) {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, key); err != nil {
			return nil, err
		}
	}
	rows, err := list(ctx, tx, scanErased, `SELECT id, erased_at FROM users WHERE id = ANY ($1)`, users)
	if err != nil {
		return nil, err
	}
	erased := map[uuid.UUID]health.Instant{}
	for _, row := range rows {
		erased[row.user] = row.at
	}
	return erased, nil
}

type erasedAt struct {
	user uuid.UUID
	at   health.Instant
}

func scanErased(row pgx.Row) (e erasedAt, err error) {
	err = row.Scan(&e.user, instantInto{&e.at})
	return e, err
}

// writeAuditEntries runs a function and writes its audit entries in one transaction. first are statements that come before
// everything else. about, if not empty, replaces the users of the entries.
func (s *Store) writeAuditEntries(
	ctx context.Context, operation, first string, entries []account.AuditEntry, change func(ctx context.Context, tx pgx.Tx) error,
	about ...uuid.UUID,
) error {
	return s.writeAuditEntriesWithin(ctx, s.timeout, operation, first, entries, change, about...)
}

func (s *Store) writeAuditEntriesWithin(
	ctx context.Context, limit time.Duration, operation, first string, entries []account.AuditEntry,
	change func(ctx context.Context, tx pgx.Tx) error, about ...uuid.UUID,
) error {
	times := make([]time.Time, len(entries))
	for i := range entries {
		times[i] = entries[i].At
	}
	for again := false; ; again = true {
		if err := s.partitions.cover(ctx, auditTables, times...); err != nil {
			return translate(ctx, operation, err)
		}
		err := s.onConnectionWithin(ctx, limit, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
			return transact(ctx, conn, beginWithin(limit)+sequentialShards+first, func(ctx context.Context, tx pgx.Tx) error {
				if err := change(ctx, tx); err != nil {
					return err
				}
				return insertAudit(ctx, tx, entries, about)
			})
		})
		if again || !isPartitionMissing(err) {
			return err
		}
		s.partitions.invalidate(auditTables) // a month was dropped by hand
	}
}

// insertAudit writes entries. about, if not nil, replaces their users.
func insertAudit(ctx context.Context, tx pgx.Tx, entries []account.AuditEntry, about []uuid.UUID) error {
	batch := &pgx.Batch{}
	for i := range entries {
		e := &entries[i]
		user := e.UserID
		if about != nil {
			user = about[i]
		}
		metadata, err := json.Marshal(e.Metadata, json.Deterministic(true))
		if err != nil {
			return err
		}
		var address *netip.Addr
		if e.Address.IsValid() {
			address = &e.Address
		}
		batch.Queue(`
			INSERT INTO audit_log (user_id, id, recorded_at, key_id, action, resource, address, user_agent, request_id, metadata)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			user, e.ID, e.At, e.KeyID, string(e.Action), e.Resource, address, e.UserAgent, e.RequestID, string(metadata))
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// AuditEntries returns entries, newest first.
func (s *Store) AuditEntries(ctx context.Context, query store.AuditQuery) (entries []account.AuditEntry, err error) {
	c := condition{text: `true`}
	if query.User != nil {
		c.and(`user_id = `, *query.User)
	}
	if query.Action != "" {
		c.and(`action = `, string(query.Action))
	}
	if query.KeyID != "" {
		c.and(`key_id = `, query.KeyID)
	}
	if !query.From.IsZero() {
		c.and(`recorded_at >= `, query.From)
	}
	if !query.To.IsZero() {
		c.and(`recorded_at < `, query.To)
	}
	if query.Before != uuid.Nil {
		c.and(`recorded_at <= `, query.BeforeAt) // for the choice of the partitions
		c.text += ` AND (recorded_at, id) < (` + c.arg(query.BeforeAt) + `, ` + c.arg(query.Before) + `)`
	}
	err = s.read(ctx, "list the audit log", func(ctx context.Context, conn querier) error {
		entries, err = list(ctx, conn, scanAuditEntry, `
			SELECT id, user_id, recorded_at, key_id, action, resource, address, user_agent, request_id, metadata
			FROM audit_log WHERE `+c.text+` ORDER BY recorded_at DESC, id DESC LIMIT `+c.arg(query.Limit), c.args...)
		return err
	})
	return entries, err
}

func scanAuditEntry(row pgx.Row) (e account.AuditEntry, err error) {
	var address *netip.Addr
	var metadata []byte
	err = row.Scan(&e.ID, &e.UserID, timeInto{&e.At}, &e.KeyID, &e.Action, &e.Resource, &address, &e.UserAgent, &e.RequestID,
		&metadata)
	if err != nil {
		return e, err
	}
	if address != nil {
		e.Address = *address
	}
	return e, json.Unmarshal(metadata, &e.Metadata)
}
