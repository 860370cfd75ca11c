package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
)

// userTables are the tables that are distributed by user: all of a user's data but the account.
var userTables = []string{
	"raw_bodies", "raw_ingestions", "audit_log", "metric_totals", "heart_rate_metrics", "blood_pressure_metrics",
	"activity_metrics", "quantity_metrics", "sleep_metrics", "sleep_segments", "workouts", "workout_series",
	"workout_routes", "events", "ecg_recordings", "daily_summaries", "latest_values", "spans", "source_orders", "alerts", "body_orders", "source_devices", "sleep_rules",
	"outbox_destinations", "outbox_messages", // in this order: who delivers locks them in it, too
}

const (
	// erasedKeysKept is how long RevokedSince returns the keys of deleted users.
	erasedKeysKept = 24 * time.Hour
	// eraseTimeout bounds the erasure of one user, who may have tens of millions of rows.
	eraseTimeout = 30 * time.Minute
)

// EraseData erases everything that was stored for a user, and keeps the account and its keys.
func (s *Store) EraseData(ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry) error {
	return s.erase(ctx, user, "erase data", entries, func(ctx context.Context, tx pgx.Tx) error {
		// Bodies may be arriving or in process; whatever the clocks say, theirs are no greater orders than these.
		var last, archived *int64
		if err := tx.QueryRow(ctx, `SELECT max(last_order) FROM body_orders WHERE user_id = $1`, user).Scan(&last); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT max(`+orderOfIngestion+`) FROM raw_ingestions WHERE user_id = $1`, user).Scan(&archived); err != nil {
			return err
		}
		if err := eraseRows(ctx, tx, user); err != nil {
			return err
		}
		erased := health.InstantOf(at)
		for _, order := range []*int64{last, archived} {
			if order != nil {
				erased = max(erased, health.Instant(*order))
			}
		}
		_, err := tx.Exec(ctx, `UPDATE users SET erased_at = greatest(erased_at, $2) WHERE id = $1`, user, timestamp(erased))
		return err
	})
}

// DeleteUser erases everything that was stored for a user with the account and its keys, of which it returns the ids.
func (s *Store) DeleteUser(
	ctx context.Context, user uuid.UUID, at time.Time, entries ...account.AuditEntry,
) (keys []string, err error) {
	entries = slices.Clone(entries)
	for i := range entries {
		if entries[i].UserID == user {
			entries[i].UserID = uuid.Nil
		}
	}
	err = s.erase(ctx, user, "delete user", entries, func(ctx context.Context, tx pgx.Tx) error {
		if err := eraseRows(ctx, tx, user); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id FROM api_keys WHERE user_id = $1 ORDER BY id`, user)
		if err != nil {
			return err
		}
		if keys, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(`INSERT INTO erased_keys (id, erased_at) SELECT id, $2 FROM unnest($1::text[]) id`, keys, at)
		batch.Queue(`DELETE FROM erased_keys WHERE erased_at < $1`, at.Add(-erasedKeysKept))
		batch.Queue(`DELETE FROM api_key_use WHERE key_id = ANY ($1)`, keys)
		batch.Queue(`DELETE FROM api_keys WHERE user_id = $1`, user)
		batch.Queue(`DELETE FROM users WHERE id = $1`, user)
		return tx.SendBatch(ctx, batch).Close()
	})
	return keys, err
}

// erase runs a change while nothing is written for the user, erases the names of sources that no other user has, and writes
// the audit entries.
func (s *Store) erase(
	ctx context.Context, user uuid.UUID, operation string, entries []account.AuditEntry,
	change func(ctx context.Context, tx pgx.Tx) error,
) error {
	locks := lockStatement(userLock(user)) + lockStatement(archiveLock(user))
	err := s.writeAuditEntriesWithin(ctx, eraseTimeout, operation, locks, entries, func(ctx context.Context, tx pgx.Tx) error {
		if err := checkUser(ctx, tx, user); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT DISTINCT source_id FROM metric_totals WHERE user_id = $1 AND source_id > 0`, user)
		if err != nil {
			return err
		}
		sources, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			return err
		}
		if err := change(ctx, tx); err != nil {
			return err
		}
		return eraseUnusedSources(ctx, tx, sources)
	})
	if err == nil {
		s.names.InvalidateSources()
	}
	return err
}

// eraseUnusedSources erases the names of those sources that no user has a sample of. Until the transaction ends no samples
// are written, see sampleWriter.begin.
func eraseUnusedSources(ctx context.Context, tx pgx.Tx, sources []int32) error {
	if len(sources) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, lockStatement(sourcesLock)); err != nil {
		return err
	}
	for _, id := range sources {
		used, _, err := one(ctx, tx, scanOne, `SELECT 1 FROM metric_totals WHERE source_id = $1 AND samples > 0 LIMIT 1`, id)
		if err != nil {
			return err
		}
		if used {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE sources SET name = NULL WHERE id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

func scanOne(row pgx.Row) (n int32, err error) {
	err = row.Scan(&n)
	return n, err
}

func eraseRows(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	for _, table := range userTables {
		if _, err := tx.Exec(ctx, `DELETE FROM `+pgx.Identifier{table}.Sanitize()+` WHERE user_id = $1`, user); err != nil {
			return err
		}
	}
	return nil
}
