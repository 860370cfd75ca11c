package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"iter"
	"math"
	"slices"

	"github.com/google/uuid"

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

// Samples yields samples in the order of their key. They are read a page at a time, each in one transaction, so that
// no transaction is open and no connection taken while the caller does its work.
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

// sampleCursors returns one cursor for each unit that the metric is kept in, which is nearly always one.
func (s *Store) sampleCursors(ctx context.Context, user uuid.UUID, query *store.SampleQuery) (cursors []*sampleCursor, err error) {
	err = s.readOf(ctx, user, "read samples", func(tx *sql.Tx, number int64) error {
		var source int64
		if query.Source != "" {
			var known bool
			if source, known, err = s.names.sourceID(ctx, tx, query.Source); err != nil || !known {
				return err
			}
		}
		metrics, err := list(ctx, tx, scanMetric, selectMetrics+`WHERE name = ? ORDER BY unit`, query.Metric)
		if err != nil {
			return err
		}
		for _, m := range metrics {
			if query.Unit == "" || query.Unit == m.name.unit {
				cursors = append(cursors, newSampleCursor(s, number, m, source, query))
			}
		}
		return nil
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

// sampleCursor reads the samples of one metric in one unit.
type sampleCursor struct {
	store *Store
	metric
	query string
	args  []any
	after health.SampleKey
	place place // the next page begins behind it

	page  []health.Sample
	taken int
	size  int  // of the next page
	done  bool // there is no next page
}

// place is a place in the order of a metric's rows. Rows of different sources share one.
type place struct{ time, grain, length int64 }

func newSampleCursor(s *Store, user int64, m metric, source int64, q *store.SampleQuery) *sampleCursor {
	c := &sampleCursor{
		store: s, metric: m, query: m.table.read, args: []any{user, m.id}, size: pageSize, place: place{time: math.MinInt64},
	}
	add := func(condition string, args ...any) {
		c.query += condition
		c.args = append(c.args, args...)
	}
	if q.From != 0 {
		add(` AND key_time + start_shift >= ?`, int64(q.From))
		c.place.time = int64(q.From - latest)
	}
	if q.To != 0 {
		add(` AND key_time < ? AND key_time + start_shift < ?`, int64(q.To+earliest), int64(q.To))
	}
	if len(q.Grains) > 0 {
		grains := make([]any, len(q.Grains))
		for i, grain := range q.Grains {
			grains[i] = int64(grain)
		}
		add(` AND +grain IN (`+placeholders(len(grains))+`)`, grains...) // + keeps the walk in the order of the key
	}
	if source != 0 {
		add(` AND (source_id = ? OR merged_source_id = ?)`, source, source)
	}
	c.query += ` AND (key_time, grain, length) > (?, ?, ?) ORDER BY key_time, grain, length LIMIT ?`
	if q.After != nil {
		c.after = *q.After
		c.after.Unit = cmp.Or(c.after.Unit, m.name.unit)
		if int64(c.after.Time) >= c.place.time {
			c.place = placeOf(c.after).before()
		}
	}
	if q.Limit > 0 {
		c.size = min(pageSize, q.Limit+16) // some more, because rows that share a place are read together
	}
	return c
}

func placeOf(key health.SampleKey) place {
	p := place{time: int64(key.Time), grain: int64(key.Grain)}
	if key.Grain == health.GrainRaw {
		p.length = int64(key.End - key.Time)
	}
	return p
}

// before returns the last place that comes before p.
func (p place) before() place { return place{p.time, p.grain, p.length - 1} }

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

// turn reads the next page. Rows that share a place are in no order of their own in the table and must be read
// together, so those at the end of a full page are left to the next one.
func (c *sampleCursor) turn(ctx context.Context) error {
	c.page, c.taken = c.page[:0], 0
	err := c.store.read(ctx, "read samples", func(tx *sql.Tx) error { return c.fill(ctx, tx) })
	if err != nil {
		return err
	}
	size := c.size
	c.size = pageSize
	if len(c.page) < size {
		c.done = true
	} else {
		last := placeOf(c.page[len(c.page)-1].Key())
		complete := len(c.page)
		for complete > 0 && placeOf(c.page[complete-1].Key()) == last {
			complete--
		}
		if complete == 0 { // a whole page at one place: try again with a longer one
			c.page, c.size = c.page[:0], 4*size
			return nil
		}
		c.page, c.place = c.page[:complete], last.before()
	}
	slices.SortFunc(c.page, func(a, b health.Sample) int { return a.Key().Compare(b.Key()) })
	if c.after != (health.SampleKey{}) {
		c.page = slices.DeleteFunc(c.page, func(s health.Sample) bool { return s.Key().Compare(c.after) <= 0 })
	}
	return nil
}

func (c *sampleCursor) fill(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, c.query,
		append(slices.Clone(c.args), c.place.time, c.place.grain, c.place.length, c.size)...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	scan := newRowScan(c.metric)
	var sources []int64
	for rows.Next() {
		var sample health.Sample
		source, err := scan.read(rows, &sample)
		if err != nil {
			return err
		}
		c.page, sources = append(c.page, sample), append(sources, source)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i, source := range sources {
		if c.page[i].Source, err = c.store.names.sourceName(ctx, tx, source); err != nil {
			return err
		}
	}
	return nil
}

// rowScan reads the rows of a query that begins with table.read. It takes every column as the driver gives it, because
// database/sql converts to a small integer by way of a text.
type rowScan struct {
	metric
	row     []driver.Value
	targets []any
}

func newRowScan(m metric) *rowScan {
	r := &rowScan{metric: m, row: make([]driver.Value, m.table.width())}
	for i := range r.row {
		r.targets = append(r.targets, (*any)(&r.row[i]))
	}
	return r
}

// read reads one row into s, but for its source, of which it returns the number.
func (r *rowScan) read(row row, s *health.Sample) (source int64, err error) {
	if err := row.Scan(r.targets...); err != nil {
		return 0, err
	}
	key := r.table.key(r.row)
	err = r.table.sample(r.row, &key, s)
	s.Metric, s.Unit = r.name.name, r.name.unit
	return key.countedSource(), err
}
