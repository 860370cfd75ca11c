package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

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

// StoredMetrics returns what the user has, and the version of the order of sources.
func (r rebuild) StoredMetrics(ctx context.Context) (all []backend.RebuiltMetric[metric], version int64, err error) {
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
		_, version, err = one(ctx, tx, scanInteger, `SELECT version FROM source_orders WHERE user_id = ?`, userID)
		return err
	})
	return all, version, err
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
