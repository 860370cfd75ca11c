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
	// alone is true where the table held nothing from the first of the keys to the last.
	alone bool
}

// followChanges brings the summaries of days and the latest values in step with what was written.
func (w *sampleWriter) followChanges() error {
	begun := time.Now()
	defer func() { w.written.SummingUp = time.Since(begun) }()
	k := newDayKeeper(w.ctx, w.store, w.conn, w.user)
	for name, id := range w.sources {
		k.know(id, name)
	}
	for i := range w.changed {
		c := &w.changed[i]
		if c.Latest == nil {
			continue
		}
		first := &w.batch[c.keys[0].index]
		m := metric{id: c.keys[0].metric, name: metricName{first.Metric, first.Unit}, table: c.keys[0].table}
		if err := w.followLatest(k, m, c); err != nil {
			return err
		}
		var written []sampleKey
		if c.alone && len(w.written.Refused) == 0 {
			written = c.keys
		}
		slices.Sort(c.Dates)
		differed, err := k.follow(m, slices.Compact(c.Dates), &writtenSamples{written, w.batch})
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

// dayKeeper works out the summaries of a user's days within a transaction, and writes those that differ.
type dayKeeper struct {
	ctx   context.Context
	store *Store
	conn  *connection
	user  int64

	order   *aggregate.SourceOrder // nil until it is needed
	names   map[int64]string
	numbers map[string]int64
	args    []driver.NamedValue
}

func newDayKeeper(ctx context.Context, s *Store, conn *connection, user int64) *dayKeeper {
	return &dayKeeper{ctx: ctx, store: s, conn: conn, user: user, names: map[int64]string{0: ""}, numbers: map[string]int64{}}
}

func (k *dayKeeper) know(id int64, name string) { k.names[id], k.numbers[name] = name, id }

// follow works out the days of a metric anew and returns how many summaries of them were not what they are now.
func (k *dayKeeper) follow(m metric, dates []health.Date, written *writtenSamples) (differed int, err error) {
	if len(dates) == 0 {
		return 0, nil
	}
	rule, err := k.rule(m.name.name)
	if err != nil {
		return 0, err
	}
	days, done, err := rule.SumUpDays(dates, func(window aggregate.Window, add func(*health.Sample)) error {
		return k.read(m, window, written, add)
	})
	if err != nil {
		return 0, err
	}
	return k.replace(m, days, done)
}

func (k *dayKeeper) rule(metric string) (aggregate.Rule, error) {
	if k.order == nil {
		order, _, err := k.sourceOrder()
		if err != nil {
			return aggregate.Rule{}, err
		}
		k.order = &order
	}
	known, ok := k.store.catalog.Lookup(metric)
	return aggregate.Rule{Cumulative: ok && known.Cumulative(), Ranking: k.order.For(metric)}, nil
}

// read passes on the samples of a window.
func (k *dayKeeper) read(m metric, window aggregate.Window, written *writtenSamples, add func(*health.Sample)) error {
	from, to := int64(window.Raw.From), int64(window.Raw.To)
	keys := written.keys
	if len(keys) == 0 {
		return k.readStored(m, window, from, to, add)
	}
	first, last := keys[0].time, keys[len(keys)-1].time
	if err := k.readStored(m, window, from, min(first, to), add); err != nil {
		return err
	}
	for i := range keys {
		if key := &keys[i]; from <= key.time && key.time < to {
			sample := written.batch[key.index] // a copy: the batch is the caller's
			add(&sample)
		}
	}
	return k.readStored(m, window, max(last+1, from), to, add)
}

// readStored passes on the samples of a window whose key time is from from to to.
func (k *dayKeeper) readStored(m metric, window aggregate.Window, from, to int64, add func(*health.Sample)) error {
	if from >= to {
		return nil
	}
	rows, err := k.query(m.table.window, k.user, m.id, from, to, int64(window.Summaries.From), int64(window.Summaries.To))
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
		if sample.Source, err = k.sourceName(key.holder()); err != nil {
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

func (k *dayKeeper) sourceName(id int64) (string, error) {
	if name, ok := k.names[id]; ok {
		return name, nil
	}
	name := ""
	err := k.each(func(row []driver.Value) error {
		name, _ = row[0].(string)
		return nil
	}, `SELECT name FROM sources WHERE id = ?`, id)
	k.know(id, name)
	return name, err
}

// query runs a query on the driver's connection.
func (k *dayKeeper) query(text string, args ...driver.Value) (driver.Rows, error) {
	if err := k.ctx.Err(); err != nil {
		return nil, err
	}
	return k.conn.QueryContext(context.WithoutCancel(k.ctx), text, k.bind(args))
}

func (k *dayKeeper) exec(text string, args []driver.Value) error {
	if err := k.ctx.Err(); err != nil {
		return err
	}
	_, err := k.conn.ExecContext(context.WithoutCancel(k.ctx), text, k.bind(args))
	return err
}

func (k *dayKeeper) bind(args []driver.Value) []driver.NamedValue {
	k.args = k.args[:0]
	for i, arg := range args {
		k.args = append(k.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return k.args
}

// each passes on the rows of a query; a row is good until the next one.
func (k *dayKeeper) each(take func(row []driver.Value) error, text string, args ...driver.Value) error {
	rows, err := k.query(text, args...)
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
