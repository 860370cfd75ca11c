package sqlite

import (
	"context"
	"database/sql/driver"
	"io"

	"github.com/health-export/health-export/internal/health"
)

// maxSkips is how many rows between two keys a scan skips before it looks up the next key instead. A look-up costs about as
// much as ten rows, so a sparse batch over many rows costs at most twice what looking up every key would.
const maxSkips = 10

// sampleScan reads the rows of one metric in the order of their key.
type sampleScan struct {
	w      *sampleWriter
	table  *table
	metric int64
	last   int64 // no key has a later time

	rows   driver.Rows // nil before the first key
	row    []driver.Value
	at     sampleKey // of the present row
	done   bool      // there is no present row, and no later one
	sawRow bool      // there was a row
	old    health.Sample
}

func newSampleScan(w *sampleWriter, t *table, metric, last int64) *sampleScan {
	return &sampleScan{w: w, table: t, metric: metric, last: last}
}

// find moves to the row with the given key and reports whether there is one. It must be called with keys in order.
func (s *sampleScan) find(key *sampleKey) (bool, error) {
	if s.rows == nil {
		if err := s.start(key.time); err != nil {
			return false, err
		}
	}
	for passed := 0; !s.done; passed++ {
		c := s.at.compare(key)
		if c >= 0 {
			return c == 0, nil
		}
		move := s.next
		if passed >= maxSkips && s.at.time < key.time {
			passed, move = 0, func() error { return s.start(key.time) }
		}
		if err := move(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// start moves to the first row at or after a time.
func (s *sampleScan) start(time int64) error {
	s.close()
	if err := s.w.ctx.Err(); err != nil {
		return err
	}
	var err error
	s.rows, err = s.w.conn.QueryContext(context.WithoutCancel(s.w.ctx), s.table.compare, []driver.NamedValue{
		{Ordinal: 1, Value: s.w.user},
		{Ordinal: 2, Value: s.metric},
		{Ordinal: 3, Value: time},
		{Ordinal: 4, Value: s.last},
	})
	if err != nil {
		return err
	}
	if s.row == nil {
		s.row = make([]driver.Value, len(s.rows.Columns()))
	}
	return s.next()
}

func (s *sampleScan) next() error {
	err := s.rows.Next(s.row)
	if err == io.EOF {
		s.done = true
		return nil
	}
	if err != nil {
		return err
	}
	s.at, s.sawRow = s.table.key(s.row), true
	return nil
}

// sample returns the present row, without the names of its metric, unit and source. It is valid until the next call.
func (s *sampleScan) sample() (*health.Sample, error) {
	return &s.old, s.table.sample(s.row, &s.at, &s.old)
}

func (s *sampleScan) close() {
	if s.rows != nil {
		_ = s.rows.Close()
		s.rows = nil
	}
}
