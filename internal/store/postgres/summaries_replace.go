package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// workedOut are the summaries of the dates in done, which are in order. A date of them that has no summary has no
// samples.
type workedOut struct {
	metric
	days []aggregate.DaySummary
	done []health.Date
}

// dayKey is a key of daily_summaries, after user_id.
type dayKey struct {
	metric int16
	date   health.Date
}

// replace writes the summaries that differ, and returns how many.
func (u *summaryUpdater) replace(all []workedOut) (differed int, err error) {
	there, err := u.summaries(all)
	if err != nil {
		return 0, err
	}
	var fresh, changed []summaryRow
	var gone []dayKey
	for i := range all {
		w := &all[i]
		for j := range w.days {
			day := &w.days[j]
			key := dayKey{w.id, day.Date}
			switch old, found := there[key]; {
			case !found:
				fresh = append(fresh, u.row(w.id, day))
			case !day.SameDay(&old):
				changed = append(changed, u.row(w.id, day))
			}
			delete(there, key)
		}
		for _, date := range w.done {
			if _, left := there[dayKey{w.id, date}]; left {
				gone = append(gone, dayKey{w.id, date})
			}
		}
	}
	if err := u.remove(gone); err != nil {
		return 0, err
	}
	differed = len(fresh) + len(changed) + len(gone)
	if len(fresh) < copyFrom {
		return differed, u.write(append(changed, fresh...))
	}
	if err := u.copy(fresh); err != nil {
		return 0, err
	}
	return differed, u.write(changed)
}

func (u *summaryUpdater) row(metric int16, day *aggregate.DaySummary) summaryRow {
	ids := make([]int32, len(day.Sources))
	for n, name := range day.Sources {
		ids[n] = u.ids[name]
	}
	hours := backend.PackHours(day, func(source string) int64 { return int64(u.ids[source]) })
	return summaryRow{&u.user, metric, day, joinIDs(ids), hours}
}

// summaries returns what is stored of the days.
func (u *summaryUpdater) summaries(all []workedOut) (map[dayKey]aggregate.DaySummary, error) {
	n := len(all)
	metrics, firsts, lasts := arrayHeader(pgtype.Int2OID, n), arrayHeader(pgtype.DateOID, n), arrayHeader(pgtype.DateOID, n)
	for i := range all {
		done := all[i].done
		metrics = binary.BigEndian.AppendUint16(appendLength(metrics, 2), uint16(all[i].id))
		firsts = append(appendLength(firsts, 4), wireDate(done[0])...)
		lasts = append(appendLength(lasts, 4), wireDate(done[len(done)-1])...)
	}
	packed := map[dayKey]packedSummary{}
	var missing []int32
	rows := u.raw().ExecParams(u.ctx, `SELECT `+selectSummaryColumns+`, d.hours, d.metric_id
		FROM unnest($2::smallint[], $3::date[], $4::date[]) q (metric_id, first_date, last_date)
		CROSS JOIN LATERAL (SELECT * FROM daily_summaries d WHERE d.user_id = $1 AND d.metric_id = q.metric_id
			AND d.date BETWEEN q.first_date AND q.last_date OFFSET 0) d`,
		[][]byte{u.user[:], metrics, firsts, lasts}, nil, binaryFormat, binaryFormat)
	var failed error
	for rows.NextRow() && failed == nil {
		columns := rows.Values()
		var day packedSummary
		var ids []int32
		if day, failed = readSummary(columns); failed == nil {
			ids, failed = day.numbers()
		}
		packed[dayKey{int16(binary.BigEndian.Uint16(columns[len(columns)-1])), day.Date}] = day
		missing = append(missing, slices.DeleteFunc(ids, func(id int32) bool { return u.names[id] != "" })...)
	}
	if _, err := rows.Close(); failed == nil {
		failed = err
	}
	if failed != nil {
		return nil, failed
	}
	slices.Sort(missing)
	if err := u.lookUp(slices.Compact(missing)); err != nil {
		return nil, err
	}
	found := make(map[dayKey]aggregate.DaySummary, len(packed))
	for key, day := range packed {
		if err := day.unpack(u.names, true); err != nil {
			return nil, err
		}
		found[key] = day.DaySummary
	}
	return found, nil
}

func (u *summaryUpdater) remove(gone []dayKey) error {
	if len(gone) == 0 {
		return nil
	}
	metrics, dates := arrayHeader(pgtype.Int2OID, len(gone)), arrayHeader(pgtype.DateOID, len(gone))
	for _, key := range gone {
		metrics = binary.BigEndian.AppendUint16(appendLength(metrics, 2), uint16(key.metric))
		dates = append(appendLength(dates, 4), wireDate(key.date)...)
	}
	return u.raw().ExecParams(u.ctx, `DELETE FROM daily_summaries WHERE user_id = $1
		AND (metric_id, date) IN (SELECT * FROM unnest($2::smallint[], $3::date[]))`,
		[][]byte{u.user[:], metrics, dates}, nil, binaryFormat, nil).Read().Err
}

// copyFrom is the number of new summaries from which on COPY costs less than the INSERT that changed ones need anyway.
const copyFrom = 32

// copy writes summaries of days that have none, which nobody else writes meanwhile.
func (u *summaryUpdater) copy(rows []summaryRow) error {
	stream := append([]byte(nil), copyHeader...)
	for i := range rows {
		stream = binary.BigEndian.AppendUint16(stream, uint16(len(summaryColumns)))
		for j := range summaryColumns {
			stream = summaryColumns[j].append(stream, &rows[i])
		}
	}
	_, err := u.raw().CopyFrom(u.ctx, bytes.NewReader(append(stream, copyTrailer...)), copySummaries)
	return err
}

func (u *summaryUpdater) write(rows []summaryRow) error {
	if len(rows) == 0 {
		return nil
	}
	arrays := make([][]byte, len(summaryColumns))
	for i := range summaryColumns {
		arrays[i] = arrayOfSummaries(&summaryColumns[i], rows)
	}
	return u.raw().ExecParams(u.ctx, replaceSummaries, arrays, nil, binaryFormat, nil).Read().Err
}

// readSourceOrder returns the order of sources that a user has set, and its version.
func readSourceOrder(ctx context.Context, conn *pgconn.PgConn, user uuid.UUID) (order aggregate.SourceOrder, version int64, err error) {
	rows := conn.ExecParams(ctx, `SELECT sources, version FROM source_orders WHERE user_id = $1`,
		[][]byte{user[:]}, nil, binaryFormat, binaryFormat)
	for rows.NextRow() {
		columns := rows.Values()
		err = json.Unmarshal(columns[0], &order)
		version = int64(binary.BigEndian.Uint64(columns[1]))
	}
	if _, closed := rows.Close(); err == nil {
		err = closed
	}
	return order, version, err
}
