package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// DaySummaries returns the summaries of local days.
func (s *Store) DaySummaries(ctx context.Context, user uuid.UUID, query store.DayQuery) (found store.DaySummaries, err error) {
	err = s.onConnection(ctx, "read summaries of days", func(ctx context.Context, conn *pgxpool.Conn) error {
		found = store.DaySummaries{}
		metrics, stale, err := requestedMetrics(ctx, conn, user, query)
		if err != nil || stale || len(metrics) == 0 {
			found.Stale = stale
			return err
		}
		for _, m := range metrics {
			if m.longer {
				found.Longer = append(found.Longer, m.Series)
			}
		}
		found.Days, err = s.readSummaries(ctx, conn, user, metrics, query)
		return err
	})
	return found, err
}

// requestedMetric is a metric that has samples; longer is true where some are longer than a day.
type requestedMetric struct {
	metric
	longer, stale bool
}

// requestedMetrics returns the metrics of a query that have samples, ordered by name and unit.
func requestedMetrics(ctx context.Context, q querier, user uuid.UUID, query store.DayQuery) (requested []requestedMetric, stale bool, err error) {
	c := condition{text: `t.user_id = $1 AND t.samples > 0`, args: []any{user}}
	if query.Metric != "" {
		c.and(`m.name = `, query.Metric)
	}
	if query.Unit != "" {
		c.and(`m.unit = `, query.Unit)
	}
	requested, err = list(ctx, q, func(row pgx.Row) (m requestedMetric, err error) {
		err = row.Scan(&m.id, &m.Metric, &m.Unit, &m.longer, &m.stale)
		return m, err
	}, `SELECT m.id, m.name, m.unit, max(t.grain) > 86400,
			EXISTS (SELECT FROM source_orders o WHERE o.user_id = $1 AND o.version <> o.followed)
		FROM metric_totals t JOIN metric_names m ON m.id = t.metric_id WHERE `+c.text+`
		GROUP BY m.id, m.name, m.unit ORDER BY m.name, m.unit`, c.args...)
	return requested, len(requested) > 0 && requested[0].stale, err
}

func (s *Store) readSummaries(
	ctx context.Context, conn *pgxpool.Conn, user uuid.UUID, metrics []requestedMetric, query store.DayQuery,
) (days []aggregate.DaySummary, err error) {
	ids := arrayHeader(pgtype.Int2OID, len(metrics))
	for i := range metrics {
		ids = appendSmallint(ids, metrics[i].id)
	}
	hours := `NULL`
	if query.Hours {
		hours = `d.hours`
	}
	rows := conn.Conn().PgConn().ExecParams(ctx, `SELECT `+selectSummaryColumns+`, `+hours+`, q.position
		FROM unnest($2::smallint[]) WITH ORDINALITY q (metric_id, position)
		CROSS JOIN LATERAL (SELECT * FROM daily_summaries d WHERE d.user_id = $1 AND d.metric_id = q.metric_id
			AND d.date BETWEEN $3::date AND $4::date OFFSET 0) d`,
		[][]byte{user[:], ids, wireDate(clampDate(query.First)), wireDate(clampDate(query.Last))}, nil, binaryFormat, binaryFormat)
	var packed []packedSummary
	for rows.NextRow() && err == nil {
		columns := rows.Values()
		var day packedSummary
		day, err = readSummary(columns)
		m := &metrics[binary.BigEndian.Uint64(columns[len(columns)-1])-1]
		day.Metric, day.Unit = m.Metric, m.Unit
		packed = append(packed, day)
	}
	if _, closed := rows.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(packed, func(a, b packedSummary) int { // cheaper here than in the database, which would move the rows
		return cmp.Or(strings.Compare(a.Metric, b.Metric), strings.Compare(a.Unit, b.Unit), cmp.Compare(a.Date, b.Date))
	})
	return backend.UnpackSummaries(packed, query.Hours, func(ids []int32) (map[int32]string, error) { return s.sourceNames(ctx, ids) })
}

// clampDate returns the nearest date that data can have: the dates of PostgreSQL are limited.
func clampDate(d health.Date) health.Date {
	return min(max(d, health.MinInstant.Date(0)-2), health.MaxInstant.Date(0)+2)
}

// SourceOrder returns the order of sources that the user has set.
func (s *Store) SourceOrder(ctx context.Context, user uuid.UUID) (order aggregate.SourceOrder, err error) {
	err = s.onConnection(ctx, "read order of sources", func(ctx context.Context, conn *pgxpool.Conn) error {
		order, _, err = readSourceOrder(ctx, conn.Conn().PgConn(), user)
		return err
	})
	return order, err
}

// SetSourceOrder replaces the user's order of sources.
func (s *Store) SetSourceOrder(ctx context.Context, user uuid.UUID, order aggregate.SourceOrder) error {
	text, err := json.Marshal(order, json.Deterministic(true))
	if err != nil {
		return err
	}
	return s.writeReceived(ctx, user, 0, "replace order of sources", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO source_orders AS o (user_id, sources, version, followed) VALUES ($1, $2, 1, 0)
			ON CONFLICT (user_id) DO UPDATE SET sources = excluded.sources, version = o.version + 1
			WHERE o.sources <> excluded.sources`, user, string(text))
		return err
	})
}

// SetTimeZone changes where a user lives. Users are on every node and their data is not, so that it takes two statements of
// which only the second is of one shard.
func (s *Store) SetTimeZone(ctx context.Context, user uuid.UUID, zone string, entries ...account.AuditEntry) error {
	return s.writeAuditEntries(ctx, "change time zone", lockStatement(userLock(user)), entries, func(ctx context.Context, tx pgx.Tx) error {
		if err := checkUser(ctx, tx, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE users SET time_zone = $2 WHERE id = $1 AND time_zone <> $2`, user, zone)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, makeStale, user)
		return err
	})
}

// makeStale makes the days of a user stale. Who has set no order gets an empty one.
const makeStale = `
INSERT INTO source_orders AS o (user_id, sources, version, followed) VALUES ($1, '{}', 1, 0)
ON CONFLICT (user_id) DO UPDATE SET version = o.version + 1`

// Stale returns the users whose days are not all summed up by their present order of sources and their zone.
func (s *Store) Stale(ctx context.Context) (users []uuid.UUID, err error) {
	err = s.read(ctx, "list stale users", func(ctx context.Context, conn querier) error {
		users, err = list(ctx, conn, func(row pgx.Row) (id uuid.UUID, err error) {
			err = row.Scan(&id)
			return id, err
		}, `SELECT user_id FROM source_orders WHERE version <> followed ORDER BY user_id`)
		return err
	})
	return users, err
}
