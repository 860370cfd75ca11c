package postgres

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// storedMetric is what a user has of one metric in one unit, from metric_totals: no sample is read for it.
type storedMetric struct {
	metric
	samples int64
	sources []string
	grains  []grainRange // in order
}

// grainRange is the earliest and the latest recorded_at of the samples of one grain.
type grainRange struct {
	grain       health.Grain
	first, last health.Instant
}

// storedMetrics returns what a user has, ordered by name and unit.
func storedMetrics(ctx context.Context, q querier, user uuid.UUID) (all []*storedMetric, err error) {
	rows, err := q.Query(ctx, `
		SELECT m.id, m.name, m.unit, m.kept_in, t.grain, coalesce(s.name, ''), t.samples, t.first_at, t.last_at
		FROM metric_totals t JOIN metric_names m ON m.id = t.metric_id LEFT JOIN sources s ON s.id = t.source_id
		WHERE t.user_id = $1 AND t.samples > 0
		ORDER BY m.name, m.unit, t.grain, s.name`, user)
	if err != nil {
		return nil, err
	}
	var m metric
	var keptIn, source string
	var g grainRange
	var samples int64
	_, err = pgx.ForEachRow(rows, []any{
		&m.id, &m.Metric, &m.Unit, &keptIn, &g.grain, &source, &samples, instantInto{&g.first}, instantInto{&g.last},
	}, func() error {
		if len(all) == 0 || all[len(all)-1].id != m.id {
			m.table = tableNamed(keptIn)
			all = append(all, &storedMetric{metric: m})
		}
		stored := all[len(all)-1]
		stored.samples += samples
		if source != "" && !slices.Contains(stored.sources, source) {
			stored.sources = append(stored.sources, source)
		}
		if n := len(stored.grains); n > 0 && stored.grains[n-1].grain == g.grain {
			have := &stored.grains[n-1]
			have.first, have.last = min(have.first, g.first), max(have.last, g.last)
		} else {
			stored.grains = append(stored.grains, g)
		}
		return nil
	})
	return all, err
}

// Metrics returns what the user has, ordered by name and unit.
func (s *Store) Metrics(ctx context.Context, user uuid.UUID) (infos []store.MetricInfo, err error) {
	err = s.onConnection(ctx, "list metrics", func(ctx context.Context, conn *pgxpool.Conn) error {
		infos = nil
		all, err := storedMetrics(ctx, conn, user)
		if err != nil {
			return err
		}
		edges := &edgeQuery{user: user}
		for _, stored := range all {
			info := store.MetricInfo{
				Metric: stored.Metric, Unit: stored.Unit, Count: stored.samples, Sources: stored.sources,
				First: math.MaxInt64, Last: math.MinInt64,
			}
			slices.Sort(info.Sources)
			for _, g := range stored.grains {
				info.Grains = append(info.Grains, g.grain)
				if g.grain < health.GrainDay {
					info.First, info.Last = min(info.First, g.first), max(info.Last, g.last)
				}
			}
			infos = append(infos, info)
		}
		for i, stored := range all {
			for _, g := range stored.grains {
				if g.grain >= health.GrainDay { // starts are not quite in the order of key times
					edges.add(i, stored.metric, g.grain, g.first, g.first+backend.StartBeforeKey+backend.StartAfterKey, math.MaxInt64)
					edges.add(i, stored.metric, g.grain, g.last-backend.StartBeforeKey-backend.StartAfterKey, g.last, math.MaxInt64)
				}
			}
		}
		return edges.run(ctx, conn.Conn().PgConn(), func(i int, row *storedRow) {
			infos[i].First, infos[i].Last = min(infos[i].First, row.sample.Start), max(infos[i].Last, row.sample.Start)
		})
	})
	return infos, err
}

// edgeQuery reads rows at the edges of many series at once: one query for each table. Every series has a range of key times
// of its own, so that no more than its rows are read.
type edgeQuery struct {
	user  uuid.UUID
	edges []edge
}

type edge struct {
	index       int // of the caller
	metric      metric
	grain       health.Grain
	first, last health.Instant
	limit       int64
}

func (q *edgeQuery) add(index int, m metric, grain health.Grain, first, last health.Instant, limit int64) {
	q.edges = append(q.edges, edge{index, m, grain, first, last, limit})
}

// run calls found with every row, and the index that was given to add.
func (q *edgeQuery) run(ctx context.Context, conn *pgconn.PgConn, found func(index int, row *storedRow)) error {
	for _, t := range tables {
		edges := slices.DeleteFunc(slices.Clone(q.edges), func(e edge) bool { return e.metric.table != t })
		if len(edges) == 0 {
			continue
		}
		row := storedRow{table: t}
		rows := conn.ExecParams(ctx, t.edges, edgeArgs(q.user, edges), nil, binaryFormat, binaryFormat)
		err := readRows(rows, func(columns [][]byte) error {
			e := &edges[binary.BigEndian.Uint64(columns[0])-1]
			row.grain = e.grain
			if err := row.read(columns[1:]); err != nil {
				return err
			}
			found(e.index, &row)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// edgeArgs are the parameters of table.edges: five arrays, and the range that includes all of theirs, by which the planner
// prunes partitions.
func edgeArgs(user uuid.UUID, edges []edge) [][]byte {
	n := len(edges)
	metrics, grains := arrayHeader(pgtype.Int2OID, n), arrayHeader(pgtype.Int4OID, n)
	firsts, lasts := arrayHeader(pgtype.TimestamptzOID, n), arrayHeader(pgtype.TimestamptzOID, n)
	limits := arrayHeader(pgtype.Int8OID, n)
	first, last := edges[0].first, edges[0].last
	for _, e := range edges {
		metrics = appendSmallint(metrics, e.metric.id)
		grains = appendInteger(grains, int32(e.grain))
		firsts, lasts = appendInstant(firsts, e.first), appendInstant(lasts, e.last)
		limits = append(appendLength(limits, 8), wireBigint(e.limit)...)
		first, last = min(first, e.first), max(last, e.last)
	}
	return [][]byte{user[:], metrics, grains, firsts, lasts, limits, wireInstant(first), wireInstant(last)}
}
