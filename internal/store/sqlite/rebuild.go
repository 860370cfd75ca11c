package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// Rebuild sums up all totals, days and latest values of a user from the samples.
func (s *Store) Rebuild(ctx context.Context, user uuid.UUID) (store.Rebuilt, error) {
	return backend.Rebuild(ctx, rebuild{s, user})
}

// rebuild are the transactions of a rebuild.
type rebuild struct {
	store *Store
	user  uuid.UUID
}

// StoredMetrics returns what the user has, the version of the order of sources, and the user's zone.
func (r rebuild) StoredMetrics(ctx context.Context) (all []backend.RebuiltMetric[metric], version int64, zone *time.Location, err error) {
	err = r.store.readOf(ctx, r.user, "list metrics", func(tx *sql.Tx, userID int64) error {
		metrics, err := storedMetrics(ctx, tx, userID)
		if err != nil {
			return err
		}
		for _, stored := range metrics {
			first, last, err := datesOf(ctx, tx, userID, stored.metric)
			if err != nil {
				return err
			}
			all = append(all, backend.RebuiltMetric[metric]{Metric: stored.metric, Samples: stored.samples, First: first, Last: last})
		}
		_, name, err := one(ctx, tx, scanText, `SELECT time_zone FROM users WHERE id = ?`, userID)
		if err != nil {
			return err
		}
		zone = account.User{TimeZone: name}.Location()
		_, version, err = one(ctx, tx, scanInteger, `SELECT version FROM source_orders WHERE user_id = ?`, userID)
		return err
	})
	return all, version, zone, err
}

// AnyAssumed reports whether a metric has samples that are ZoneAssumed.
func (r rebuild) AnyAssumed(ctx context.Context, m metric) (assumed bool, err error) {
	err = r.store.readOf(ctx, r.user, "look for assumed zones", func(tx *sql.Tx, userID int64) error {
		// #nosec G202 -- the names of the tables are constants
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+m.table.Name+`
			WHERE user_id = ? AND metric_id = ? AND zone_assumed = 1)`, userID, m.id).Scan(&assumed)
	})
	return assumed, err
}

// Place gives samples that are ZoneAssumed the offset of a zone.
func (r rebuild) Place(ctx context.Context, m metric, zone *time.Location, from, to health.Instant) error {
	return r.store.writeOf(ctx, r.user, "place samples in a zone", func(tx *sql.Tx, userID int64) error {
		return backend.Offsets(zone, from, to, func(from, to health.Instant, offset int32) error {
			// #nosec G202 -- the names of the tables are constants
			_, err := tx.ExecContext(ctx, `UPDATE `+m.table.Name+` SET utc_offset = ?1
				WHERE user_id = ?2 AND metric_id = ?3 AND key_time >= ?4 AND key_time < ?5 AND zone_assumed = 1 AND grain < 86400
				AND utc_offset <> ?1`, offset, userID, m.id, int64(from), int64(to))
			return err
		})
	})
}

// datesOf returns the first and the last date that a metric may have a summary of.
func datesOf(ctx context.Context, tx *sql.Tx, user int64, m metric) (first, last health.Date, err error) {
	var firstStart, lastStart, firstDay, lastDay sql.NullInt64 // NULL where the samples were removed by hand
	if err := tx.QueryRowContext(ctx, m.table.extent, user, m.id).Scan(&firstStart, &lastStart); err != nil {
		return 0, 0, err
	}
	if err := tx.QueryRowContext(ctx, `SELECT min(date), max(date) FROM daily_summaries WHERE user_id = ? AND metric_id = ?`,
		user, m.id).Scan(&firstDay, &lastDay); err != nil {
		return 0, 0, err
	}
	first, last = health.Date(firstDay.Int64), health.Date(lastDay.Int64)
	if firstStart.Valid {
		first, last = health.Instant(firstStart.Int64).Date(0)-1, health.Instant(lastStart.Int64).Date(0)+1
		if firstDay.Valid {
			first, last = min(first, health.Date(firstDay.Int64)), max(last, health.Date(lastDay.Int64))
		}
	}
	return first, last, nil
}

// Recount brings the totals of a metric in step with its samples.
func (r rebuild) Recount(ctx context.Context, m metric) error {
	return r.store.writeOf(ctx, r.user, "recount samples", func(tx *sql.Tx, userID int64) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM metric_totals WHERE user_id = ? AND metric_id = ?`, userID, m.id); err != nil {
			return err
		}
		// #nosec G202 -- the names of the tables are constants
		_, err := tx.ExecContext(ctx, `
			INSERT INTO metric_totals (user_id, metric_id, source_id, grain, samples)
			SELECT user_id, metric_id, max(source_id, merged_source_id), grain, count(*) FROM `+m.table.Name+`
			WHERE user_id = ? AND metric_id = ? GROUP BY 3, 4`, userID, m.id)
		return err
	})
}

// Update runs a function with an updater for one transaction.
func (r rebuild) Update(ctx context.Context, do func(u *backend.SummaryUpdater[metric]) error) error {
	check := func(*sql.Tx) error { return nil }
	return r.store.writeDirectly(ctx, r.user, 0, "rebuild summaries of days", check, func(conn *connection, userID int64) error {
		return do(backend.NewSummaryUpdater(r.store.newSummaryTables(ctx, conn, userID, nil), r.store.catalog))
	})
}

// Finish notes that all summaries follow a version of the order of sources.
func (r rebuild) Finish(ctx context.Context, version int64) error {
	return r.store.writeOf(ctx, r.user, "end rebuilding", func(tx *sql.Tx, userID int64) error {
		_, err := tx.ExecContext(ctx, `UPDATE source_orders SET followed = version WHERE user_id = ? AND version = ?`, userID, version)
		return err
	})
}
