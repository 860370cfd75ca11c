package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"iter"
	"math"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// Samples yields samples in the order of their key. Each page is read in one transaction.
func (s *Store) Samples(ctx context.Context, user uuid.UUID, query store.SampleQuery) iter.Seq2[health.Sample, error] {
	return backend.MergeSamples(ctx, query, func() ([]backend.SeriesReader, error) {
		return s.seriesReaders(ctx, user, &query)
	})
}

// seriesReaders returns one reader for each unit that the metric is kept in, which is nearly always one.
func (s *Store) seriesReaders(ctx context.Context, user uuid.UUID, query *store.SampleQuery) (readers []backend.SeriesReader, err error) {
	err = s.readOf(ctx, user, "read samples", func(tx *sql.Tx, userID int64) error {
		var source int64
		if query.Source != "" {
			var known bool
			if known, source, err = one(ctx, tx, scanInteger, selectSourceID, query.Source); err != nil || !known {
				return err
			}
		}
		metrics, err := list(ctx, tx, scanMetric, selectMetrics+`WHERE name = ? ORDER BY unit`, query.Metric)
		if err != nil {
			return err
		}
		for _, m := range metrics {
			if query.Unit == "" || query.Unit == m.Unit {
				readers = append(readers, s.seriesReader(userID, m, source, query))
			}
		}
		return nil
	})
	return readers, err
}

func (s *Store) seriesReader(user int64, m metric, source int64, query *store.SampleQuery) backend.SeriesReader {
	text, args := pageQuery(user, m, source, query)
	from := health.Instant(math.MinInt64)
	if query.From != 0 {
		from = query.From - backend.StartAfterKey
	}
	return backend.SeriesReader{Unit: m.Unit, From: from, Read: func(
		ctx context.Context, page []health.Sample, from health.Instant, limit int,
	) ([]health.Sample, error) {
		err := s.read(ctx, "read samples", func(tx *sql.Tx) (err error) {
			page, err = s.appendSamples(ctx, tx, page, m, text, append(args[:len(args):len(args)], int64(from), limit)...)
			return err
		})
		return page, err
	}}
}

// pageQuery returns a query for a page of a metric; the first key time and the number of rows are added to its parameters.
func pageQuery(user int64, m metric, source int64, query *store.SampleQuery) (text string, args []any) {
	text, args = m.table.read, []any{user, m.id}
	add := func(condition string, values ...any) {
		text += condition
		args = append(args, values...)
	}
	if query.From != 0 {
		add(` AND key_time + start_shift >= ?`, int64(query.From))
	}
	if query.To != 0 {
		add(` AND key_time < ? AND key_time + start_shift < ?`, int64(query.To+backend.StartBeforeKey), int64(query.To))
	}
	if len(query.Grains) > 0 {
		grains := make([]any, len(query.Grains))
		for i, grain := range query.Grains {
			grains[i] = int64(grain)
		}
		add(` AND +grain IN (`+placeholders(len(grains))+`)`, grains...) // + keeps the scan in the order of the key
	}
	if source != 0 {
		add(` AND (source_id = ? OR merged_source_id = ?)`, source, source)
	}
	return text + ` AND key_time >= ? ORDER BY key_time, grain, length LIMIT ?`, args
}

// appendSamples appends the samples of a query that begins with table.read. It takes every column as the driver returns
// it, because database/sql converts to a small integer by way of a text.
func (s *Store) appendSamples(
	ctx context.Context, tx *sql.Tx, to []health.Sample, m metric, query string, args ...any,
) ([]health.Sample, error) {
	first := len(to)
	var sources []int64
	err := eachValues(ctx, tx, func(row []driver.Value) error {
		var sample health.Sample
		key := m.table.key(row)
		if err := m.table.sample(row, &key, &sample); err != nil {
			return err
		}
		sample.Metric, sample.Unit = m.Metric, m.Unit
		to, sources = append(to, sample), append(sources, key.countedSource())
		return nil
	}, query, args...)
	if err != nil {
		return to, err
	}
	return to, s.names.SetSources(to[first:], sources, readSources(ctx, tx))
}
