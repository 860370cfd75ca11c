package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// changedMetric is what a batch changes of one metric.
type changedMetric struct {
	aggregate.Changes
	keys []sampleKey
	// rangeWasEmpty is true where the table held nothing from the first of the keys to the last.
	rangeWasEmpty bool
}

// followChanges brings the summaries of days and the latest values in step with what was written.
func (w *sampleWriter) followChanges() error {
	begun := time.Now()
	defer func() { w.written.SummingUp = time.Since(begun) }()
	u := newSummaryUpdater(w.ctx, w.store, w.conn, w.user)
	for name, id := range w.sources {
		u.addSource(id, name)
	}
	for i := range w.changed {
		c := &w.changed[i]
		if c.Latest == nil {
			continue
		}
		first := &w.batch[c.keys[0].index]
		m := metric{id: c.keys[0].metric, name: metricName{first.Metric, first.Unit}, table: c.keys[0].table}
		if err := w.followLatest(u, m, c); err != nil {
			return err
		}
		var written []sampleKey
		if c.rangeWasEmpty && len(w.written.Refused) == 0 {
			written = c.keys
		}
		slices.Sort(c.Dates)
		differed, err := u.follow(m, slices.Compact(c.Dates), &writtenSamples{written, w.batch})
		if err != nil {
			return err
		}
		w.written.Summaries += differed
	}
	return nil
}

// writtenSamples are samples that need not be read back: all that the table has from the first of their keys to the last.
type writtenSamples struct {
	keys  []sampleKey
	batch []health.Sample
}

// summaryUpdater works out the summaries of a user's days within a transaction, and writes those that differ.
type summaryUpdater struct {
	ctx   context.Context
	store *Store
	conn  *connection
	user  int64

	order *aggregate.SourceOrder // nil until it is needed
	names map[int64]string
	ids   map[string]int64
	args  []driver.NamedValue
}

func newSummaryUpdater(ctx context.Context, s *Store, conn *connection, user int64) *summaryUpdater {
	return &summaryUpdater{ctx: ctx, store: s, conn: conn, user: user, names: map[int64]string{0: ""}, ids: map[string]int64{}}
}

func (u *summaryUpdater) addSource(id int64, name string) { u.names[id], u.ids[name] = name, id }

// follow works out the days of a metric anew and returns how many summaries of them were not what they are now.
func (u *summaryUpdater) follow(m metric, dates []health.Date, written *writtenSamples) (differed int, err error) {
	if len(dates) == 0 {
		return 0, nil
	}
	rule, err := u.rule(m.name.name)
	if err != nil {
		return 0, err
	}
	days, done, err := rule.SumUpDays(dates, func(window aggregate.Window, add func(*health.Sample)) error {
		return u.read(m, window, written, add)
	})
	if err != nil {
		return 0, err
	}
	return u.replace(m, days, done)
}

func (u *summaryUpdater) rule(metric string) (aggregate.Rule, error) {
	if u.order == nil {
		order, _, err := u.sourceOrder()
		if err != nil {
			return aggregate.Rule{}, err
		}
		u.order = &order
	}
	known, ok := u.store.catalog.Lookup(metric)
	return aggregate.Rule{Cumulative: ok && known.Cumulative(), Ranking: u.order.For(metric)}, nil
}

// read passes on the samples of a window.
func (u *summaryUpdater) read(m metric, window aggregate.Window, written *writtenSamples, add func(*health.Sample)) error {
	from, to := int64(window.Raw.From), int64(window.Raw.To)
	keys := written.keys
	if len(keys) == 0 {
		return u.readStored(m, window, from, to, add)
	}
	first, last := keys[0].time, keys[len(keys)-1].time
	if err := u.readStored(m, window, from, min(first, to), add); err != nil {
		return err
	}
	for i := range keys {
		if key := &keys[i]; from <= key.time && key.time < to {
			sample := written.batch[key.index] // a copy: the batch is the caller's
			add(&sample)
		}
	}
	return u.readStored(m, window, max(last+1, from), to, add)
}

// readStored passes on the samples of a window whose key time is from from to to.
func (u *summaryUpdater) readStored(m metric, window aggregate.Window, from, to int64, add func(*health.Sample)) error {
	if from >= to {
		return nil
	}
	rows, err := u.query(m.table.window, u.user, m.id, from, to, int64(window.Summaries.From), int64(window.Summaries.To))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, m.table.width())
	var sample health.Sample
	for {
		if err := rows.Next(row); err != nil {
			return unlessEnd(err)
		}
		key := m.table.key(row)
		if err := m.table.sample(row, &key, &sample); err != nil {
			return err
		}
		if sample.Source, err = u.sourceName(key.countedSource()); err != nil {
			return err
		}
		add(&sample)
	}
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (u *summaryUpdater) sourceName(id int64) (string, error) {
	if name, ok := u.names[id]; ok {
		return name, nil
	}
	name := ""
	err := u.each(func(row []driver.Value) error {
		name, _ = row[0].(string)
		return nil
	}, `SELECT name FROM sources WHERE id = ?`, id)
	u.addSource(id, name)
	return name, err
}

// query runs a query on the driver's connection.
func (u *summaryUpdater) query(text string, args ...driver.Value) (driver.Rows, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	return u.conn.QueryContext(context.WithoutCancel(u.ctx), text, u.bind(args))
}

func (u *summaryUpdater) exec(text string, args []driver.Value) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	_, err := u.conn.ExecContext(context.WithoutCancel(u.ctx), text, u.bind(args))
	return err
}

func (u *summaryUpdater) bind(args []driver.Value) []driver.NamedValue {
	u.args = u.args[:0]
	for i, arg := range args {
		u.args = append(u.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return u.args
}

// each passes on the rows of a query; a row is good until the next one.
func (u *summaryUpdater) each(take func(row []driver.Value) error, text string, args ...driver.Value) error {
	rows, err := u.query(text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); err != nil {
			return unlessEnd(err)
		}
		if err := take(row); err != nil {
			return err
		}
	}
}
