package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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
	err = r.inTransaction(ctx, func(t *summaryTables) (err error) {
		all = nil
		if _, version, err = t.SourceOrder(); err != nil {
			return err
		}
		var name string
		if err := t.tx.QueryRow(t.ctx, `SELECT time_zone FROM users WHERE id = $1`, t.user).Scan(&name); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		zone = account.User{TimeZone: name}.Location()
		metrics, err := storedMetrics(t.ctx, t.tx, t.user)
		for _, stored := range metrics {
			first, last := stored.grains[0].first, stored.grains[0].last
			for _, g := range stored.grains {
				first, last = min(first, g.first), max(last, g.last)
			}
			all = append(all, backend.RebuiltMetric[metric]{
				Metric: stored.metric, Samples: stored.samples,
				First: first.Date(0) - 2, Last: last.Date(0) + 2, // clocks that differ from UTC, and summaries left from them
			})
		}
		return err
	})
	return all, version, zone, err
}

// AnyAssumed reports whether a metric has samples that are ZoneAssumed.
func (r rebuild) AnyAssumed(ctx context.Context, m metric) (assumed bool, err error) {
	err = r.store.read(ctx, "look for assumed zones", func(ctx context.Context, conn querier) error {
		return conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+m.table.Name+`
			WHERE user_id = $1 AND metric_id = $2 AND zone_assumed)`, r.user, m.id).Scan(&assumed)
	})
	return assumed, err
}

// Place gives samples that are ZoneAssumed the offset of a zone.
func (r rebuild) Place(ctx context.Context, m metric, zone *time.Location, from, to health.Instant) error {
	return r.inTransaction(ctx, func(t *summaryTables) error {
		return backend.Offsets(zone, from, to, func(from, to health.Instant, offset int32) error {
			_, err := t.tx.Exec(t.ctx, `UPDATE `+m.table.Name+` SET utc_offset = $1
				WHERE user_id = $2 AND metric_id = $3 AND recorded_at >= $4 AND recorded_at < $5 AND zone_assumed AND grain < 86400
				AND utc_offset <> $1`, offset, t.user, m.id, from.Time(), to.Time())
			return err
		})
	})
}

// Recount brings the totals of a metric in step with its samples.
func (r rebuild) Recount(ctx context.Context, m metric) error {
	return r.inTransaction(ctx, func(t *summaryTables) error {
		if _, err := t.tx.Exec(t.ctx, `DELETE FROM metric_totals WHERE user_id = $1 AND metric_id = $2`, t.user, m.id); err != nil {
			return err
		}
		_, err := t.tx.Exec(t.ctx, `
			INSERT INTO metric_totals (user_id, metric_id, grain, source_id, first_at, last_at, samples)
			SELECT user_id, metric_id, grain, source_id, min(recorded_at), max(recorded_at), count(*) FROM `+m.table.Name+`
			WHERE user_id = $1 AND metric_id = $2 GROUP BY user_id, metric_id, grain, source_id`, t.user, m.id)
		return err
	})
}

// Update runs a function with an updater for one transaction.
func (r rebuild) Update(ctx context.Context, do func(u *backend.SummaryUpdater[metric]) error) error {
	return r.inTransaction(ctx, func(t *summaryTables) error {
		return do(backend.NewSummaryUpdater(t, r.store.catalog))
	})
}

// Finish notes that all summaries follow a version of the order of sources.
func (r rebuild) Finish(ctx context.Context, version int64) error {
	return r.store.writeReceived(ctx, r.user, 0, "end rebuilding", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE source_orders SET followed = version WHERE user_id = $1 AND version = $2`, r.user, version)
		return err
	})
}

// inTransaction runs a function in a transaction under the user's lock.
func (r rebuild) inTransaction(ctx context.Context, do func(t *summaryTables) error) error {
	return r.store.onConnection(ctx, "rebuild summaries of days", func(ctx context.Context, conn *pgxpool.Conn) error {
		return transact(ctx, conn, r.store.begin+lockStatement(userLock(r.user)), func(ctx context.Context, tx pgx.Tx) error {
			return do(newSummaryTables(ctx, r.store, tx, r.user))
		})
	})
}
