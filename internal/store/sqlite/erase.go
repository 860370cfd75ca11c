package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
)

// userTables are the tables with a column user_id, but for the account.
var userTables = []string{
	"audit_log", "raw_ingestions", "metric_totals", "heart_rate_metrics", "blood_pressure_metrics", "activity_metrics",
	"quantity_metrics", "sleep_metrics", "sleep_segments", "workouts", "workout_series", "workout_routes", "events",
	"ecg_recordings", "daily_summaries", "latest_values", "spans", "source_orders",
	"body_orders", "arriving_bodies", "source_devices", "sleep_rules",
	"outbox_destinations", "outbox_messages",
}

// erasedKeysKept is how long RevokedSince returns the keys of deleted users.
const erasedKeysKept = 24 * time.Hour

// EraseData erases everything that was stored for a user, and keeps the account and its keys.
func (s *Store) EraseData(ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry) error {
	return s.erase(ctx, user, "erase data", entries, func(tx *sql.Tx, userID int64) error {
		// Bodies may be arriving or in process; whatever the clocks say, theirs are no greater orders than these.
		_, err := tx.ExecContext(ctx, `
			UPDATE users SET erased_at = max(erased_at, ?,
				coalesce((SELECT last_order FROM body_orders WHERE user_id = users.id), 0),
				coalesce((SELECT max(`+orderOfIngestion+`) FROM raw_ingestions WHERE user_id = users.id), 0)) WHERE id = ?`,
			toMicros(at), userID)
		if err != nil {
			return err
		}
		return eraseRows(ctx, tx, userID)
	})
}

// DeleteUser erases everything that was stored for a user with the account and its keys, of which it returns the ids.
func (s *Store) DeleteUser(
	ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry,
) (keys []string, err error) {
	err = s.erase(ctx, user, "delete user", entries, func(tx *sql.Tx, userID int64) error {
		if err := eraseRows(ctx, tx, userID); err != nil {
			return err
		}
		if keys, err = list(ctx, tx, scanText, `SELECT id FROM api_keys WHERE user_id = ? ORDER BY id`, userID); err != nil {
			return err
		}
		for _, id := range keys {
			if _, err := tx.ExecContext(ctx, `INSERT INTO erased_keys (id, erased_at) VALUES (?, ?)`, id, toMicros(at)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM api_key_use WHERE key_id = ?`, id); err != nil {
				return err
			}
		}
		for _, statement := range []string{`DELETE FROM api_keys WHERE user_id = ?`, `DELETE FROM users WHERE id = ?`} {
			if _, err := tx.ExecContext(ctx, statement, userID); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM erased_keys WHERE erased_at < ?`, toMicros(at.Add(-erasedKeysKept)))
		return err
	})
	s.users.Delete(user)
	return keys, err
}

// erase runs a change after which what it deletes is not left in the file either, free pages and log included.
func (s *Store) erase(
	ctx context.Context, user uuid.UUID, operation string, entries []account.AuditEntry, change func(tx *sql.Tx, userID int64) error,
) error {
	if err := s.pragma(ctx, operation, `PRAGMA secure_delete = 1`); err != nil {
		return err
	}
	defer func() { _ = s.pragma(context.WithoutCancel(ctx), operation, `PRAGMA secure_delete = 0`) }()
	err := s.writeOf(ctx, user, operation, func(tx *sql.Tx, userID int64) error {
		candidates, err := list(ctx, tx, scanInteger,
			`SELECT DISTINCT source_id FROM metric_totals WHERE user_id = ? AND source_id > 0`, userID)
		if err != nil {
			return err
		}
		if err := change(tx, userID); err != nil {
			return err
		}
		for _, id := range candidates {
			if _, err := tx.ExecContext(ctx, `
				UPDATE sources SET name = NULL WHERE id = ?
				AND NOT EXISTS (SELECT 1 FROM metric_totals WHERE source_id = ? AND samples > 0)`, id, id); err != nil {
				return err
			}
		}
		return insertAudit(ctx, tx, entries)
	})
	if err != nil {
		return err
	}
	s.names.InvalidateSources()
	// While another process reads, the log cannot be truncated; it is overwritten later.
	_ = s.pragma(context.WithoutCancel(ctx), operation, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return nil
}

// pragma runs a statement on the connection that writes, outside of a transaction.
func (s *Store) pragma(ctx context.Context, operation, text string) error {
	leave, err := s.lifecycle.Enter()
	if err != nil {
		return err
	}
	defer leave()
	_, err = s.writer.ExecContext(ctx, text)
	return translate(ctx, operation, err)
}

func eraseRows(ctx context.Context, tx *sql.Tx, userID int64) error {
	if _, err := tx.ExecContext(ctx,
		`DELETE FROM raw_bodies WHERE ingestion_id IN (SELECT id FROM raw_ingestions WHERE user_id = ?)`, userID); err != nil {
		return err
	}
	for _, table := range userTables {
		// #nosec G202 -- the names of the tables are constants
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE user_id = ?`, userID); err != nil {
			return err
		}
	}
	return nil
}

func scanInteger(row row) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}
