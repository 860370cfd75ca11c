package sqlite

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// statements write rows into one table. Binding a value costs the driver as much as SQLite takes to store it, so rows that
// share the values which hardly ever differ within a batch are written with those values bound once.
type statements struct {
	sharedConstants []string // that write as many rows as the entry of sharedSizes
	allColumns      []string // that write as many rows as the entry of statementSizes
}

// sharedSizes are multiples of the last of them. A statement of statementSizes that the database refuses is split into those
// of the next size, until the row at fault is by itself.
var (
	sharedSizes    = []int{250, 50}
	statementSizes = []int{100, 10, 1}
)

// newStatements returns the statements that begin with into, for a table with so many columns of values. The order of the
// columns is that in newTable.
func newStatements(into string, values int) (s statements) {
	row := "(" + placeholders(keyColumns+2+values+columnsAfterValues+2) + ")"
	for _, n := range statementSizes {
		s.allColumns = append(s.allColumns, into+" VALUES "+row+strings.Repeat(","+row, n-1))
	}
	var own strings.Builder
	for i := range values {
		own.WriteString("column" + strconv.Itoa(5+i) + ", ")
	}
	row = "(" + placeholders(4+values) + ")"
	for _, n := range sharedSizes {
		s.sharedConstants = append(s.sharedConstants, into+" SELECT ?, ?, column1, ?, column2, column3, ?, "+own.String()+"column4, ?, ?, ?, ?, ?, NULL, NULL"+
			" FROM (VALUES "+row+strings.Repeat(","+row, n-1)+")")
	}
	return s
}

// writeRows writes rows in their order.
func (w *sampleWriter) writeRows(s *statements, rows []sampleRow) error {
	least := sharedSizes[len(sharedSizes)-1]
	waiting := 0 // the first row that has not been written
	for i := 0; i < len(rows); {
		n := countSharing(rows[i:])
		if n < least {
			i += n
			continue
		}
		if err := w.writeAllColumns(s, rows[waiting:i], 0); err != nil {
			return err
		}
		n -= n % least
		if err := w.writeShared(s, rows[i:i+n]); err != nil {
			return err
		}
		i += n
		waiting = i
	}
	return w.writeAllColumns(s, rows[waiting:], 0)
}

// countSharing returns how many rows, from the first on, differ only in what bindShared binds for each.
func countSharing(rows []sampleRow) int {
	first := &rows[0]
	for i := range rows {
		if row := &rows[i]; row.hasTexts() || !row.sharesConstants(first) {
			return max(i, 1)
		}
	}
	return len(rows)
}

func (r *sampleRow) hasTexts() bool {
	return r.sample.Attributes != "" || r.key.table.HasOthers(r.sample)
}

func (r *sampleRow) sharesConstants(o *sampleRow) bool {
	return r.key.metric == o.key.metric && r.key.grain == o.key.grain && r.key.perSource == o.key.perSource &&
		r.startShift() == o.startShift() && r.sample.Offset == o.sample.Offset && r.sample.Order == o.sample.Order &&
		r.sample.ZoneAssumed == o.sample.ZoneAssumed && r.sample.Inferred == o.sample.Inferred
}

func (r *sampleRow) startShift() int64 { return int64(r.sample.Start) - r.key.time }

// writeShared writes rows that share constants. Their number is a multiple of the last of sharedSizes.
func (w *sampleWriter) writeShared(s *statements, rows []sampleRow) error {
	for i, n := range sharedSizes {
		for ; len(rows) >= n; rows = rows[n:] {
			w.args = w.args[:0]
			w.bindShared(rows[:n])
			err := w.exec(s.sharedConstants[i])
			if _, isRefusal := refused(err); isRefusal {
				err = w.writeAllColumns(s, rows[:n], 0)
			} else if err == nil {
				w.count(rows[:n])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// writeAllColumns writes rows with statements of statementSizes[size] rows or fewer.
func (w *sampleWriter) writeAllColumns(s *statements, rows []sampleRow, size int) error {
	for len(rows) > 0 {
		for statementSizes[size] > len(rows) {
			size++
		}
		n := statementSizes[size]
		w.args = w.args[:0]
		var err error
		for i := range rows[:n] {
			if err = w.bind(&rows[i]); err != nil {
				break
			}
		}
		if err == nil {
			err = w.exec(s.allColumns[size])
		}
		reason, isRefusal := refused(err)
		switch {
		case err == nil:
			w.count(rows[:n])
		case !isRefusal:
			return err
		case n == 1:
			w.written.Refuse(rows[0].key.index, reason)
		default:
			if err := w.writeAllColumns(s, rows[:n], size+1); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}

func (w *sampleWriter) exec(statement string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(context.WithoutCancel(w.ctx), statement, w.args)
	return err
}

// bind adds the values of one row for a statement of statements.allColumns.
func (w *sampleWriter) bind(row *sampleRow) error {
	key, sample := row.key, row.sample
	others, err := key.table.otherValues(sample)
	if err != nil {
		return err
	}
	w.add(w.user)
	w.add(key.metric)
	w.add(key.time)
	w.add(key.grain)
	w.add(key.length)
	w.add(key.source)
	w.add(key.perSource)
	w.addValues(row)
	w.add(key.mergedSource)
	w.add(row.startShift())
	w.add(int64(sample.Offset))
	w.add(int64(sample.Order))
	w.add(integerOf(sample.ZoneAssumed))
	w.add(integerOf(sample.Inferred))
	w.addText(sample.Attributes)
	w.addText(others)
	return nil
}

// bindShared adds the values of rows for a statement of statements.sharedConstants: those of all, then those of each.
func (w *sampleWriter) bindShared(rows []sampleRow) {
	first := &rows[0]
	w.add(w.user)
	w.add(first.key.metric)
	w.add(first.key.grain)
	w.add(first.key.perSource)
	w.add(first.startShift())
	w.add(int64(first.sample.Offset))
	w.add(int64(first.sample.Order))
	w.add(integerOf(first.sample.ZoneAssumed))
	w.add(integerOf(first.sample.Inferred))
	for i := range rows {
		key := rows[i].key
		w.add(key.time)
		w.add(key.length)
		w.add(key.source)
		w.add(key.mergedSource)
		w.addValues(&rows[i])
	}
}

func (w *sampleWriter) addValues(row *sampleRow) {
	for _, v := range row.key.table.Values {
		if number := *v.Of(row.sample); health.IsAbsent(number) {
			w.add(nil)
		} else {
			w.add(number)
		}
	}
}

func (w *sampleWriter) add(v driver.Value) {
	w.args = append(w.args, driver.NamedValue{Ordinal: len(w.args) + 1, Value: v})
}

// integerOf is the value of a column that is 1 where something is so.
func integerOf(v bool) driver.Value {
	if v {
		return int64(1)
	}
	return int64(0)
}

func (w *sampleWriter) addText(text string) {
	if text == "" {
		w.add(nil)
		return
	}
	w.add(text)
}
