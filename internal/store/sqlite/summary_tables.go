package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// summaryTables reads and writes the summaries of one user within a transaction, on the driver's connection.
type summaryTables struct {
	ctx   context.Context
	store *Store
	conn  *connection
	user  int64

	names map[int64]string
	ids   map[string]int64
	args  []driver.NamedValue
}

var _ backend.SummaryTables[metric] = (*summaryTables)(nil)

// newSummaryTables returns the tables for one transaction. sources are those whose ids are known.
func (s *Store) newSummaryTables(ctx context.Context, conn *connection, user int64, sources map[string]int64) *summaryTables {
	t := &summaryTables{
		ctx: ctx, store: s, conn: conn, user: user, names: map[int64]string{0: ""}, ids: map[string]int64{"": 0},
	}
	for name, id := range sources {
		t.names[id], t.ids[name] = name, id
	}
	return t
}

// SourceOrder returns the order of sources that the user has set, and its version.
func (t *summaryTables) SourceOrder() (order aggregate.SourceOrder, version int64, err error) {
	err = t.each(func(row []driver.Value) error {
		text, _ := row[0].(string)
		version = integer(row[1])
		return json.Unmarshal([]byte(text), &order)
	}, `SELECT sources, version FROM source_orders WHERE user_id = ?`, t.user)
	if err != nil {
		return order, version, err
	}
	err = t.each(func(row []driver.Value) error {
		var d health.SourceDevice
		d.Source, _ = row[0].(string)
		d.Model, _ = row[1].(string)
		d.Hardware, _ = row[2].(string)
		d.First, d.Last = health.Instant(integer(row[3])), health.Instant(integer(row[4]))
		order.Devices = append(order.Devices, d)
		return nil
	}, selectDevices, t.user)
	return order, version, err
}

// Prefetch has nothing to do: a query makes no round trip.
func (t *summaryTables) Prefetch([]backend.WindowRequest[metric]) error { return nil }

// ReadWindow passes on the samples of a window, in the order of their keys.
func (t *summaryTables) ReadWindow(of *backend.Days[metric], window aggregate.Window, add func(*health.Sample)) error {
	from, to := window.Raw.From, window.Raw.To
	if len(of.Written) == 0 {
		return t.readStored(of.Metric, window, from, to, add)
	}
	if err := t.readStored(of.Metric, window, from, min(of.WrittenFirst, to), add); err != nil {
		return err
	}
	for _, sample := range of.Written {
		if at := sample.KeyTime(); from <= at && at < to {
			add(sample)
		}
	}
	return t.readStored(of.Metric, window, max(of.WrittenLast+1, from), to, add)
}

// readStored passes on the samples of a window whose key time is from from to to.
func (t *summaryTables) readStored(m metric, window aggregate.Window, from, to health.Instant, add func(*health.Sample)) error {
	if from >= to {
		return nil
	}
	var sample health.Sample
	return t.each(func(row []driver.Value) (err error) {
		key := m.table.key(row)
		if err := m.table.sample(row, &key, &sample); err != nil {
			return err
		}
		if sample.Source, err = t.sourceName(key.countedSource()); err != nil {
			return err
		}
		add(&sample)
		return nil
	}, m.table.window, t.user, m.id, int64(from), int64(to), int64(window.Summaries.From), int64(window.Summaries.To))
}

// StoredDays returns the stored summaries between the first and the last of the dates of each.
func (t *summaryTables) StoredDays(all []backend.SummedDays[metric]) (map[backend.DayKey[metric]]aggregate.DaySummary, error) {
	stored := map[backend.DayKey[metric]]aggregate.DaySummary{}
	for i := range all {
		m, done := all[i].Metric, all[i].Done
		var packed []packedSummary
		err := t.each(func(row []driver.Value) error {
			day, err := readSummary(row)
			packed = append(packed, day)
			return err
		}, `SELECT `+summaryColumns+`, hours FROM daily_summaries WHERE user_id = ? AND metric_id = ? AND date BETWEEN ? AND ?`,
			t.user, m.id, int64(done[0]), int64(done[len(done)-1]))
		if err != nil {
			return nil, err
		}
		days, err := backend.UnpackSummaries(packed, true, t.sourceNames)
		if err != nil {
			return nil, err
		}
		for j := range days {
			stored[backend.DayKey[metric]{Metric: m, Date: days[j].Date}] = days[j]
		}
	}
	return stored, nil
}

// WriteDays writes the summaries that differ with statements of statementSizes rows.
func (t *summaryTables) WriteDays(changes backend.DayChanges[metric]) error {
	for _, key := range changes.Removed {
		if err := t.exec(`DELETE FROM daily_summaries WHERE user_id = ? AND metric_id = ? AND date = ?`,
			[]driver.Value{t.user, key.Metric.id, int64(key.Date)}); err != nil {
			return err
		}
	}
	var args []driver.Value
	rows := append(changes.Added, changes.Changed...)
	for size := 0; len(rows) > 0; {
		for statementSizes[size] > len(rows) {
			size++
		}
		n := statementSizes[size]
		args = args[:0]
		for _, row := range rows[:n] {
			day := packedSummary{DaySummary: *row.Day}
			day.Pack(func(source string) int64 { return t.ids[source] })
			args = summaryArgs(append(args, t.user, row.Metric.id), &day)
		}
		if err := t.exec(insertSummaries[size], args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (t *summaryTables) sourceNames(ids []int64) (map[int64]string, error) {
	for _, id := range ids {
		if _, err := t.sourceName(id); err != nil {
			return nil, err
		}
	}
	return t.names, nil
}

func (t *summaryTables) sourceName(id int64) (string, error) {
	if name, ok := t.names[id]; ok {
		return name, nil
	}
	name := ""
	err := t.each(func(row []driver.Value) error {
		name, _ = row[0].(string)
		return nil
	}, selectSourceName, id)
	t.names[id], t.ids[name] = name, id
	return name, err
}

func (t *summaryTables) sourceID(name string) (int64, error) {
	if id, ok := t.ids[name]; ok {
		return id, nil
	}
	id := int64(0)
	err := t.each(func(row []driver.Value) error {
		id = integer(row[0])
		return nil
	}, selectSourceID, name)
	return id, err
}

func (t *summaryTables) exec(text string, args []driver.Value) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	_, err := t.conn.ExecContext(context.WithoutCancel(t.ctx), text, t.bind(args))
	return err
}

func (t *summaryTables) bind(args []driver.Value) []driver.NamedValue {
	t.args = t.args[:0]
	for i, arg := range args {
		t.args = append(t.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return t.args
}

// each passes on the rows of a query; a row is good until the next one.
func (t *summaryTables) each(take func(row []driver.Value) error, text string, args ...driver.Value) error {
	return eachRow(t.ctx, t.conn, text, t.bind(args), take)
}

// eachRow passes on the rows of a query; a row is good until the next one.
func eachRow(ctx context.Context, conn driver.QueryerContext, text string, args []driver.NamedValue, take func(row []driver.Value) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, err := conn.QueryContext(context.WithoutCancel(ctx), text, args)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := take(row); err != nil {
			return err
		}
	}
}
