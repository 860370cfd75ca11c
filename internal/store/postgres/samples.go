package postgres

import (
	"context"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// Samples yields samples in the order of their key.
func (s *Store) Samples(ctx context.Context, user uuid.UUID, query store.SampleQuery) iter.Seq2[health.Sample, error] {
	return backend.MergeSamples(ctx, query, func() ([]backend.SeriesReader, error) {
		return s.seriesReaders(ctx, user, &query)
	})
}

// seriesReaders returns one reader for each unit and grain of the metric that the user has, which is nearly always one or
// two.
func (s *Store) seriesReaders(ctx context.Context, user uuid.UUID, query *store.SampleQuery) (readers []backend.SeriesReader, err error) {
	c := condition{text: `h.user_id = $1 AND h.samples > 0 AND m.name = $2`, args: []any{user, query.Metric}}
	if query.Unit != "" {
		c.and(`m.unit = `, query.Unit)
	}
	if query.Source != "" {
		c.text += ` AND h.source_id = (SELECT id FROM sources WHERE name = ` + c.arg(query.Source) + `)`
	}
	if query.Grains != nil {
		grains := make([]int32, len(query.Grains))
		for i, grain := range query.Grains {
			grains[i] = int32(grain)
		}
		c.text += ` AND h.grain = ANY (` + c.arg(grains) + `)`
	}
	err = s.read(ctx, "read samples", func(ctx context.Context, conn querier) error {
		readers, err = list(ctx, conn, func(row pgx.Row) (backend.SeriesReader, error) {
			var m metric
			var keptIn string
			var grain health.Grain
			var source int32
			err := row.Scan(&m.id, &m.Metric, &m.Unit, &keptIn, &grain, &source)
			m.table = tableNamed(keptIn)
			return s.seriesReader(user, m, grain, source, query), err
		}, `SELECT m.id, m.name, m.unit, m.kept_in, h.grain, min(h.source_id)
			FROM metric_totals h JOIN metric_names m ON m.id = h.metric_id WHERE `+c.text+`
			GROUP BY m.id, m.name, m.unit, m.kept_in, h.grain`, c.args...)
		return err
	})
	return readers, err
}

func (s *Store) seriesReader(
	user uuid.UUID, m metric, grain health.Grain, source int32, query *store.SampleQuery,
) backend.SeriesReader {
	first, last := health.InstantOf(minTime), health.InstantOf(maxTime)
	before, after := health.Instant(0), health.Instant(0)
	if grain >= health.GrainDay {
		before, after = backend.StartAfterKey, backend.StartBeforeKey
	}
	if query.From != 0 {
		first = query.From - before
	}
	if query.To != 0 {
		last = query.To - 1 + after
	}
	return backend.SeriesReader{Unit: m.Unit, From: first, Read: func(
		ctx context.Context, page []health.Sample, from health.Instant, limit int,
	) ([]health.Sample, error) {
		sql := m.table.inRange
		args := [][]byte{
			user[:], wireSmallint(m.id), wireInteger(int32(grain)), wireInstant(from), wireInstant(last), wireBigint(int64(limit)),
		}
		if query.Source != "" {
			sql, args = m.table.inRangeOfSource, append(args, wireInteger(source))
		}
		first := len(page)
		var sources []int32
		err := s.onConnection(ctx, "read samples", func(ctx context.Context, conn *pgxpool.Conn) error {
			page, sources = page[:first], sources[:0]
			row := storedRow{table: m.table, rowDefaults: rowDefaults{grain: grain}}
			rows := conn.Conn().PgConn().ExecParams(ctx, sql, args, nil, binaryFormat, binaryFormat)
			return readRows(rows, func(columns [][]byte) error {
				err := row.read(columns)
				row.sample.Metric, row.sample.Unit = m.Metric, m.Unit
				page, sources = append(page, row.sample), append(sources, row.source)
				return err
			})
		})
		if err != nil {
			return page, err
		}
		names, err := s.sourceNames(ctx, sources)
		for i, id := range sources {
			page[first+i].Source = names[id]
		}
		return page, err
	}}
}
