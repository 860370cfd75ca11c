package postgres

import (
	"context"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// pageSize is how many rows are read at a time.
const pageSize = 4096

// A summary of a day or more is found by midnight UTC of its local date, its key time. Clocks differ from UTC by less
// than earliest, so that its start lies after the key time less earliest and before the key time plus latest.
const (
	earliest = 18 * 3600 * health.Second
	latest   = health.Day + earliest
)

// Samples yields samples in the order of their key. They are read a page at a time, so that no transaction is open and
// no connection taken while the caller does its work.
func (s *Store) Samples(ctx context.Context, user uuid.UUID, query store.SampleQuery) iter.Seq2[health.Sample, error] {
	return func(yield func(health.Sample, error) bool) {
		cursors, err := s.sampleCursors(ctx, user, &query)
		if err != nil {
			yield(health.Sample{}, err)
			return
		}
		for count := 0; query.Limit == 0 || count < query.Limit; count++ {
			first, err := foremost(ctx, cursors)
			if err != nil {
				yield(health.Sample{}, err)
				return
			}
			if first == nil || !yield(first.take(), nil) {
				return
			}
		}
	}
}

// sampleCursors returns one cursor for each series: each unit and grain of the metric that the user has, which is
// nearly always one or two.
func (s *Store) sampleCursors(ctx context.Context, user uuid.UUID, query *store.SampleQuery) (cursors []*sampleCursor, err error) {
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
		cursors, err = list(ctx, conn, func(row pgx.Row) (*sampleCursor, error) {
			var m metric
			var keptIn string
			var grain health.Grain
			var source int32
			err := row.Scan(&m.id, &m.name.name, &m.name.unit, &keptIn, &grain, &source)
			m.table = tableNamed(keptIn)
			return newSampleCursor(s, user, m, grain, source, query), err
		}, `SELECT m.id, m.name, m.unit, m.kept_in, h.grain, min(h.source_id)
			FROM metric_totals h JOIN metric_names m ON m.id = h.metric_id WHERE `+c.text+`
			GROUP BY m.id, m.name, m.unit, m.kept_in, h.grain`, c.args...)
		return err
	})
	return cursors, err
}

// foremost returns the cursor whose next sample comes first, nil where all are at their end.
func foremost(ctx context.Context, cursors []*sampleCursor) (first *sampleCursor, err error) {
	for _, c := range cursors {
		next, err := c.peek(ctx)
		if err != nil {
			return nil, err
		}
		if next == nil {
			continue
		}
		if first == nil || next.Key().Compare(first.page[first.taken].Key()) < 0 {
			first = c
		}
	}
	return first, nil
}
