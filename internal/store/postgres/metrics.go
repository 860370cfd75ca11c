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
)

// storedMetric is what a user has of one metric in one unit, from the totals: no sample is read for it.
type storedMetric struct {
	metric
	samples int64
	sources []string
	grains  []grainRange // in order
}

// grainRange is what a user has of one grain: first and last are the earliest and the latest recorded_at.
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
		&m.id, &m.name.name, &m.name.unit, &keptIn, &g.grain, &source, &samples, instantInto{&g.first}, instantInto{&g.last},
	}, func() error {
		if len(all) == 0 || all[len(all)-1].id != m.id {
			m.table = tableNamed(keptIn)
			all = append(all, &storedMetric{metric: m})
		}
		h := all[len(all)-1]
		h.samples += samples
		if source != "" && !slices.Contains(h.sources, source) {
			h.sources = append(h.sources, source)
		}
		if n := len(h.grains); n > 0 && h.grains[n-1].grain == g.grain {
			have := &h.grains[n-1]
			have.first, have.last = min(have.first, g.first), max(have.last, g.last)
		} else {
			h.grains = append(h.grains, g)
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
		for _, h := range all {
			info := store.MetricInfo{
				Metric: h.name.name, Unit: h.name.unit, Count: h.samples, Sources: h.sources,
				First: math.MaxInt64, Last: math.MinInt64,
			}
			slices.Sort(info.Sources)
			for _, g := range h.grains {
				info.Grains = append(info.Grains, g.grain)
				if g.grain < health.GrainDay {
					info.First, info.Last = min(info.First, g.first), max(info.Last, g.last)
				}
			}
			infos = append(infos, info)
		}
		for i, h := range all {
			for _, g := range h.grains {
				if g.grain >= health.GrainDay { // starts are not quite in the order of key times
					edges.add(i, h.metric, g.grain, g.first, g.first+earliest+latest, math.MaxInt64)
					edges.add(i, h.metric, g.grain, g.last-earliest-latest, g.last, math.MaxInt64)
				}
			}
		}
		return edges.run(ctx, conn.Conn().PgConn(), func(i int, row *storedRow) {
			infos[i].First, infos[i].Last = min(infos[i].First, row.sample.Start), max(infos[i].Last, row.sample.Start)
		})
	})
	return infos, err
}

// edgeQuery reads rows at the edges of many series at once: one query for each table. Every series has a stretch of time
// of its own, so that no more than its rows are read.
type edgeQuery struct {
	user  uuid.UUID
	edges []edge
}

type edge struct {
	index       int // what the caller knows it by
	metric      metric
	grain       health.Grain
	first, last health.Instant
	limit       int64
}

func (q *edgeQuery) add(of int, m metric, grain health.Grain, first, last health.Instant, most int64) {
	q.edges = append(q.edges, edge{of, m, grain, first, last, most})
}

func (q *edgeQuery) run(ctx context.Context, conn *pgconn.PgConn, found func(of int, row *storedRow)) error {
	for _, t := range tables {
		asks := slices.DeleteFunc(slices.Clone(q.edges), func(e edge) bool { return e.metric.table != t })
		if len(asks) == 0 {
			continue
		}
		rows := conn.ExecParams(ctx, t.edges, edgeArgs(q.user, asks), nil, binaryFormat, binaryFormat)
		row := storedRow{table: t}
		var failed error
		for rows.NextRow() && failed == nil {
			columns := rows.Values()
			requested := &asks[binary.BigEndian.Uint64(columns[0])-1]
			row.grain = requested.grain
			if failed = row.read(columns[1:]); failed == nil {
				found(requested.index, &row)
			}
		}
		if _, err := rows.Close(); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// edgeArgs are the parameters of table.edges: five arrays, and the range that holds all of theirs, by which the planner
// leaves out partitions.
func edgeArgs(user uuid.UUID, asks []edge) [][]byte {
	n := len(asks)
	metrics, grains := arrayHeader(pgtype.Int2OID, n), arrayHeader(pgtype.Int4OID, n)
	firsts, lasts := arrayHeader(pgtype.TimestamptzOID, n), arrayHeader(pgtype.TimestamptzOID, n)
	most := arrayHeader(pgtype.Int8OID, n)
	first, last := asks[0].first, asks[0].last
	for _, e := range asks {
		metrics = binary.BigEndian.AppendUint16(appendLength(metrics, 2), uint16(e.metric.id))
		grains = appendInteger(grains, int32(e.grain))
		firsts, lasts = appendInstant(firsts, e.first), appendInstant(lasts, e.last)
		most = append(appendLength(most, 8), wireBigint(e.limit)...)
		first, last = min(first, e.first), max(last, e.last)
	}
	return [][]byte{user[:], metrics, grains, firsts, lasts, most, wireInstant(first), wireInstant(last)}
}
