package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
)

// personal are the tables whose rows belong to the user in their column user_id, but for the account itself.
var personal = []string{
	"audit_log", "raw_ingestions", "metric_totals", "heart_rate_metrics", "blood_pressure_metrics", "activity_metrics",
	"quantity_metrics", "sleep_metrics", "sleep_segments", "workouts", "workout_series", "workout_routes", "events",
	"ecg_recordings", "daily_summaries", "latest_values", "source_orders",
	"outbox_destinations", "outbox_messages",
}

// keysStayNamed is how long RevokedSince names the keys of users who are gone.
const keysStayNamed = 24 * time.Hour

// EraseData erases everything that was stored for a user, and keeps the account and its keys.
func (s *Store) EraseData(ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry) error {
	return s.erase(ctx, user, "erase data", entries, func(tx *sql.Tx, number int64) error {
		// What is archived now may be in work, and by a clock that is ahead of ours.
		_, err := tx.ExecContext(ctx, `
			UPDATE users SET erased_at = max(erased_at, ?,
				coalesce((SELECT max(received_at) FROM raw_ingestions WHERE user_id = users.id), 0)) WHERE id = ?`,
			micros(at), number)
		if err != nil {
			return err
		}
		return eraseRows(ctx, tx, number)
	})
}

// DeleteUser erases everything that was stored for a user with the account and its keys, of which it returns the ids.
func (s *Store) DeleteUser(
	ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry,
) (keys []string, err error) {
	err = s.erase(ctx, user, "delete user", entries, func(tx *sql.Tx, number int64) error {
		if err := eraseRows(ctx, tx, number); err != nil {
			return err
		}
		if keys, err = list(ctx, tx, scanText, `SELECT id FROM api_keys WHERE user_id = ? ORDER BY id`, number); err != nil {
			return err
		}
		for _, id := range keys {
			if _, err := tx.ExecContext(ctx, `INSERT INTO erased_keys (id, erased_at) VALUES (?, ?)`, id, micros(at)); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM api_key_use WHERE key_id = ?`, id); err != nil {
				return err
			}
		}
		for _, statement := range []string{`DELETE FROM api_keys WHERE user_id = ?`, `DELETE FROM users WHERE id = ?`} {
			if _, err := tx.ExecContext(ctx, statement, number); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM erased_keys WHERE erased_at < ?`, micros(at.Add(-keysStayNamed)))
		return err
	})
	s.users.Delete(user)
	return keys, err
}

// erase runs a change after which nothing of what it deletes is left in the file either, free pages and log included.
func (s *Store) erase(
	ctx context.Context, user uuid.UUID, doing string, entries []account.AuditEntry, change func(tx *sql.Tx, number int64) error,
) error {
	if err := s.pragma(ctx, doing, `PRAGMA secure_delete = 1`); err != nil {
		return err
	}
	defer func() { _ = s.pragma(context.WithoutCancel(ctx), doing, `PRAGMA secure_delete = 0`) }()
	err := s.writeOf(ctx, user, doing, func(tx *sql.Tx, number int64) error {
		candidates, err := list(ctx, tx, scanInteger,
			`SELECT DISTINCT source_id FROM metric_totals WHERE user_id = ? AND source_id > 0`, number)
		if err != nil {
			return err
		}
		if err := change(tx, number); err != nil {
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
	s.names.forgetSources()
	// Where another process reads, the log is emptied later: when it has come to its end and is begun anew.
	_ = s.pragma(context.WithoutCancel(ctx), doing, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return nil
}

// pragma runs a statement on the connection that writes, outside of a transaction.
func (s *Store) pragma(ctx context.Context, doing, text string) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	_, err = s.writer.ExecContext(ctx, text)
	return translate(ctx, doing, err)
}

func eraseRows(ctx context.Context, tx *sql.Tx, number int64) error {
	if _, err := tx.ExecContext(ctx,
		`DELETE FROM raw_bodies WHERE ingestion_id IN (SELECT id FROM raw_ingestions WHERE user_id = ?)`, number); err != nil {
		return err
	}
	for _, table := range personal {
		// #nosec G202 -- the names of the tables are constants
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE user_id = ?`, number); err != nil {
			return err
		}
	}
	return nil
}

func scanInteger(row row) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}
