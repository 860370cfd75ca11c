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

// newSummaryUpdater returns an updater for one transaction. sources are those whose ids are known.
func (s *Store) newSummaryUpdater(
	ctx context.Context, conn *connection, user int64, sources map[string]int64,
) *backend.SummaryUpdater[metric] {
	u := &summaryTables{
		ctx: ctx, store: s, conn: conn, user: user, names: map[int64]string{0: ""}, ids: map[string]int64{"": 0},
	}
	for name, id := range sources {
		u.names[id], u.ids[name] = name, id
	}
	return backend.NewSummaryUpdater(u, s.catalog)
}

// SourceOrder returns the order of sources that the user has set, and its version.
func (u *summaryTables) SourceOrder() (order aggregate.SourceOrder, version int64, err error) {
	err = u.each(func(row []driver.Value) error {
		text, _ := row[0].(string)
		version = integer(row[1])
		return json.Unmarshal([]byte(text), &order)
	}, `SELECT sources, version FROM source_orders WHERE user_id = ?`, u.user)
	return order, version, err
}

// Prefetch has nothing to do: a query makes no round trip.
func (u *summaryTables) Prefetch([]backend.WindowRequest[metric]) error { return nil }

// ReadWindow passes on the samples of a window, in the order of their keys.
func (u *summaryTables) ReadWindow(of *backend.Days[metric], window aggregate.Window, add func(*health.Sample)) error {
	from, to := window.Raw.From, window.Raw.To
	if len(of.Written) == 0 {
		return u.readStored(of.Metric, window, from, to, add)
	}
	if err := u.readStored(of.Metric, window, from, min(of.WrittenFirst, to), add); err != nil {
		return err
	}
	for _, sample := range of.Written {
		if at := sample.KeyTime(); from <= at && at < to {
			add(sample)
		}
	}
	return u.readStored(of.Metric, window, max(of.WrittenLast+1, from), to, add)
}

// readStored passes on the samples of a window whose key time is from from to to.
func (u *summaryTables) readStored(m metric, window aggregate.Window, from, to health.Instant, add func(*health.Sample)) error {
	if from >= to {
		return nil
	}
	var sample health.Sample
	return u.each(func(row []driver.Value) (err error) {
		key := m.table.key(row)
		if err := m.table.sample(row, &key, &sample); err != nil {
			return err
		}
		if sample.Source, err = u.sourceName(key.countedSource()); err != nil {
			return err
		}
		add(&sample)
		return nil
	}, m.table.window, u.user, m.id, int64(from), int64(to), int64(window.Summaries.From), int64(window.Summaries.To))
}

// StoredDays returns the stored summaries between the first and the last of the dates of each.
func (u *summaryTables) StoredDays(all []backend.SummedDays[metric]) (map[backend.DayKey[metric]]aggregate.DaySummary, error) {
	stored := map[backend.DayKey[metric]]aggregate.DaySummary{}
	for i := range all {
		m, done := all[i].Metric, all[i].Done
		var packed []packedSummary
		err := u.each(func(row []driver.Value) error {
			day, err := readSummary(row)
			packed = append(packed, day)
			return err
		}, `SELECT `+summaryColumns+`, hours FROM daily_summaries WHERE user_id = ? AND metric_id = ? AND date BETWEEN ? AND ?`,
			u.user, m.id, int64(done[0]), int64(done[len(done)-1]))
		if err != nil {
			return nil, err
		}
		days, err := backend.UnpackSummaries(packed, true, u.sourceNames)
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
func (u *summaryTables) WriteDays(changes backend.DayChanges[metric]) error {
	for _, key := range changes.Removed {
		if err := u.exec(`DELETE FROM daily_summaries WHERE user_id = ? AND metric_id = ? AND date = ?`,
			[]driver.Value{u.user, key.Metric.id, int64(key.Date)}); err != nil {
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
			day.Pack(func(source string) int64 { return u.ids[source] })
			args = summaryArgs(append(args, u.user, row.Metric.id), &day)
		}
		if err := u.exec(insertSummaries[size], args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (u *summaryTables) sourceNames(ids []int64) (map[int64]string, error) {
	for _, id := range ids {
		if _, err := u.sourceName(id); err != nil {
			return nil, err
		}
	}
	return u.names, nil
}

func (u *summaryTables) sourceName(id int64) (string, error) {
	if name, ok := u.names[id]; ok {
		return name, nil
	}
	name := ""
	err := u.each(func(row []driver.Value) error {
		name, _ = row[0].(string)
		return nil
	}, selectSourceName, id)
	u.names[id], u.ids[name] = name, id
	return name, err
}

func (u *summaryTables) sourceID(name string) (int64, error) {
	if id, ok := u.ids[name]; ok {
		return id, nil
	}
	id := int64(0)
	err := u.each(func(row []driver.Value) error {
		id = integer(row[0])
		return nil
	}, selectSourceID, name)
	return id, err
}

func (u *summaryTables) exec(text string, args []driver.Value) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	_, err := u.conn.ExecContext(context.WithoutCancel(u.ctx), text, u.bind(args))
	return err
}

func (u *summaryTables) bind(args []driver.Value) []driver.NamedValue {
	u.args = u.args[:0]
	for i, arg := range args {
		u.args = append(u.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return u.args
}

// each passes on the rows of a query; a row is good until the next one.
func (u *summaryTables) each(take func(row []driver.Value) error, text string, args ...driver.Value) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	rows, err := u.conn.QueryContext(context.WithoutCancel(u.ctx), text, u.bind(args))
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
