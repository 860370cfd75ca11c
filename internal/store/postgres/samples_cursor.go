package postgres

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// sampleCursor reads the samples of one series in the order of their key, a page at a time. Rows of one time stand in an
// order of their own in the table, because they are to be ordered by the names of their sources, so pages end between
// two times.
type sampleCursor struct {
	store *Store
	metric
	grain      health.Grain
	query      string
	args       [][]byte       // all but the range and the size of the page
	from, last health.Instant // of recorded_at: where the next page begins, and where to stop
	starts     store.Range
	after      *health.SampleKey

	page  []health.Sample
	taken int
	size  int  // of the next page
	done  bool // there is no next page
}

func newSampleCursor(s *Store, user uuid.UUID, m metric, grain health.Grain, source int32, q *store.SampleQuery) *sampleCursor {
	c := &sampleCursor{
		store: s, metric: m, grain: grain, query: m.table.inRange, starts: q.Range,
		from: health.InstantOf(minTime), last: health.InstantOf(maxTime), size: pageSize,
		args: [][]byte{
			user[:], wireSmallint(m.id), wireInteger(int32(grain)),
		},
	}
	before, behind := health.Instant(0), health.Instant(0)
	if grain >= health.GrainDay {
		before, behind = latest, earliest
	}
	if q.From != 0 {
		c.from = q.From - before
	}
	if q.To != 0 {
		c.last = q.To - 1 + behind
	}
	if q.Source != "" {
		c.query = m.table.inRangeOfSource
		c.args = append(c.args, wireInteger(source))
	}
	if q.After != nil {
		after := *q.After
		if after.Unit == "" {
			after.Unit = m.name.unit
		}
		c.after, c.from = &after, max(c.from, after.Time)
	}
	if q.Limit > 0 {
		c.size = min(pageSize, q.Limit+16) // some more, because rows of one time are read together
	}
	return c
}

// peek returns the next sample without taking it; nil at the end.
func (c *sampleCursor) peek(ctx context.Context) (*health.Sample, error) {
	for c.taken == len(c.page) {
		if c.done {
			return nil, nil
		}
		if err := c.turn(ctx); err != nil {
			return nil, err
		}
	}
	return &c.page[c.taken], nil
}

// take returns the sample that peek found.
func (c *sampleCursor) take() health.Sample {
	c.taken++
	return c.page[c.taken-1]
}

// turn reads the next page. The rows of the last time of a full page are left to the next one.
func (c *sampleCursor) turn(ctx context.Context) error {
	c.page, c.taken = c.page[:0], 0
	var sources []int32
	err := c.store.onConnection(ctx, "read samples", func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		c.page, sources, err = c.fill(ctx, conn.Conn().PgConn(), c.page[:0], sources[:0])
		return err
	})
	if err != nil {
		return err
	}
	size := c.size
	c.size = pageSize
	if len(c.page) < size {
		c.done = true
	} else {
		next := c.page[len(c.page)-1].KeyTime()
		complete := len(c.page)
		for complete > 0 && c.page[complete-1].KeyTime() == next {
			complete--
		}
		c.from, c.page, sources = next, c.page[:complete], sources[:complete]
		if complete == 0 { // a whole page of one time: try again with a longer one
			c.size = 4 * size
			return nil
		}
	}
	if err := c.store.names.nameSources(ctx, c.page, sources); err != nil {
		return err
	}
	c.page = slices.DeleteFunc(c.page, func(s health.Sample) bool {
		return c.starts.From != 0 && s.Start < c.starts.From || c.starts.To != 0 && s.Start >= c.starts.To ||
			c.after != nil && s.Key().Compare(*c.after) <= 0
	})
	inOrder := func(a, b health.Sample) int { return a.Key().Compare(b.Key()) }
	if !slices.IsSortedFunc(c.page, inOrder) {
		slices.SortFunc(c.page, inOrder)
	}
	return nil
}

// fill reads rows into a page, with the numbers of their sources.
func (c *sampleCursor) fill(
	ctx context.Context, conn *pgconn.PgConn, page []health.Sample, sources []int32,
) ([]health.Sample, []int32, error) {
	args := append(slices.Clip(slices.Clone(c.args[:3])), wireInstant(c.from), wireInstant(c.last), wireBigint(int64(c.size)))
	rows := conn.ExecParams(ctx, c.query, append(args, c.args[3:]...), nil, binaryFormat, binaryFormat)
	row := storedRow{table: c.table, rowDefaults: rowDefaults{grain: c.grain}}
	var failed error
	for rows.NextRow() && failed == nil {
		failed = row.read(rows.Values())
		row.sample.Metric, row.sample.Unit = c.name.name, c.name.unit
		page, sources = append(page, row.sample), append(sources, row.source)
	}
	_, err := rows.Close()
	if err == nil {
		err = failed
	}
	return page, sources, err
}
