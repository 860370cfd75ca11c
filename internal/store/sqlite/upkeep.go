package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// Prepare has nothing to do: SQLite needs nothing ahead of time.
func (s *Store) Prepare(context.Context, time.Time) error { return nil }

// DropAuditBefore deletes the entries of the audit log from before t.
func (s *Store) DropAuditBefore(ctx context.Context, t time.Time) error {
	return s.write(ctx, "drop old entries of the audit log", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM audit_log WHERE recorded_at < ?`, toMicros(t))
		return err
	})
}

// DropArchiveBefore deletes the finished ingestions received before t, with their bodies. The file does not get smaller;
// its free pages are reused.
func (s *Store) DropArchiveBefore(ctx context.Context, t time.Time) error {
	return s.write(ctx, "drop archive", func(tx *sql.Tx) error {
		const old = `received_at < ? AND status <> 'accepted'`
		if _, err := tx.ExecContext(ctx,
			`DELETE FROM raw_bodies WHERE ingestion_id IN (SELECT id FROM raw_ingestions WHERE `+old+`)`, toMicros(t)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM raw_ingestions WHERE `+old, toMicros(t))
		return err
	})
}
