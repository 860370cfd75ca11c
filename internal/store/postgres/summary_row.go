package postgres

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// packedSummary is a summary as it is stored.
type packedSummary = backend.PackedSummary[int32]

// summaryRow is a summary to be written.
type summaryRow struct {
	packedSummary
	user   *uuid.UUID
	metric int16
}

// summaryColumn writes one column of a row as an element of an array.
type summaryColumn struct {
	name, sqlType string
	oid           uint32
	append        func(to []byte, r *summaryRow) []byte
}

// summaryColumns are the columns in the order in which they are written: those of backend.SummaryColumns, then the
// store's own.
var summaryColumns = append(sharedSummaryColumns(),
	summaryColumn{"source_ids", "text", pgtype.TextOID, func(to []byte, r *summaryRow) []byte {
		ids := backend.JoinIDs(r.SourceIDs)
		return append(appendLength(to, len(ids)), ids...)
	}},
	summaryColumn{"hours", "bytea", pgtype.ByteaOID, func(to []byte, r *summaryRow) []byte {
		if r.PackedHours == nil {
			return appendNull(to)
		}
		return append(appendLength(to, len(r.PackedHours)), r.PackedHours...)
	}},
	summaryColumn{"user_id", "uuid", pgtype.UUIDOID, func(to []byte, r *summaryRow) []byte {
		return append(appendLength(to, 16), r.user[:]...)
	}},
	summaryColumn{"metric_id", "smallint", pgtype.Int2OID, func(to []byte, r *summaryRow) []byte {
		return appendSmallint(to, r.metric)
	}},
)

// sharedSummaryColumns are the columns of backend.SummaryColumns. An integer is never NULL: that of a missing value is 0.
func sharedSummaryColumns() []summaryColumn {
	columns := make([]summaryColumn, len(backend.SummaryColumns))
	for i := range columns {
		c := &backend.SummaryColumns[i]
		column := &columns[i]
		column.name = c.Name
		switch c.Type {
		case backend.SummaryInteger:
			column.sqlType, column.oid = "integer", pgtype.Int4OID
			column.append = func(to []byte, r *summaryRow) []byte {
				return appendInteger(to, int32(min(c.Integer(&r.DaySummary), math.MaxInt32)))
			}
		case backend.SummaryDate:
			column.sqlType, column.oid = "date", pgtype.DateOID
			column.append = func(to []byte, r *summaryRow) []byte {
				return appendDate(to, health.Date(c.Integer(&r.DaySummary)))
			}
		case backend.SummaryTime:
			column.sqlType, column.oid = "timestamptz", pgtype.TimestamptzOID
			column.append = func(to []byte, r *summaryRow) []byte {
				if c.Missing != nil && c.Missing(&r.DaySummary) {
					return appendNull(to)
				}
				return appendInstant(to, health.Instant(c.Integer(&r.DaySummary)))
			}
		case backend.SummaryReal:
			column.sqlType, column.oid = "double precision", pgtype.Float8OID
			column.append = func(to []byte, r *summaryRow) []byte {
				if c.Missing != nil && c.Missing(&r.DaySummary) {
					return appendNull(to)
				}
				return appendReal(to, *c.Real(&r.DaySummary))
			}
		}
	}
	return columns
}

// selectSummaryColumns are the columns that readSummary reads, of a table d. The hours, or NULL, come after them.
var selectSummaryColumns, replaceSummaries, copySummaries = summaryStatements()

func summaryStatements() (selected, replace, copy string) {
	var names, read, arrays, set []string
	for i, c := range summaryColumns {
		names, arrays = append(names, c.name), append(arrays, "$"+strconv.Itoa(i+1)+"::"+c.sqlType+"[]")
		if c.name == "user_id" || c.name == "metric_id" {
			continue
		}
		if c.name != "hours" {
			read = append(read, "d."+c.name)
		}
		if c.name != "date" {
			set = append(set, c.name+" = excluded."+c.name)
		}
	}
	return strings.Join(read, ", "), "INSERT INTO daily_summaries (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" +
			strings.Join(arrays, ", ") + ") ON CONFLICT (user_id, metric_id, date) DO UPDATE SET " + strings.Join(set, ", "),
		"COPY daily_summaries (" + strings.Join(names, ", ") + ") FROM STDIN (FORMAT binary)"
}

// arrayOfSummaries encodes one column of many rows as an array.
func arrayOfSummaries(c *summaryColumn, rows []summaryRow) []byte {
	to := arrayHeader(c.oid, len(rows))
	for i := range rows {
		to = c.append(to, &rows[i])
	}
	return to
}

// readSummary reads selectSummaryColumns and the column after them.
func readSummary(columns [][]byte) (d packedSummary, err error) {
	d.DaySummary = backend.NewSummary()
	for i := range backend.SummaryColumns {
		value := columns[i]
		if value == nil {
			continue
		}
		switch c := &backend.SummaryColumns[i]; c.Type {
		case backend.SummaryInteger:
			c.SetInteger(&d.DaySummary, int64(readInteger(value)))
		case backend.SummaryDate:
			c.SetInteger(&d.DaySummary, int64(readInteger(value)+epochDate))
		case backend.SummaryTime:
			c.SetInteger(&d.DaySummary, int64(readInstant(value)))
		case backend.SummaryReal:
			*c.Real(&d.DaySummary) = math.Float64frombits(binary.BigEndian.Uint64(value))
		}
	}
	rest := columns[len(backend.SummaryColumns):]
	d.PackedHours = bytes.Clone(rest[1])
	d.SourceIDs, err = backend.SplitIDs[int32](string(rest[0]))
	return d, err
}

func appendReal(to []byte, v float64) []byte {
	if health.IsAbsent(v) {
		return appendNull(to)
	}
	return binary.BigEndian.AppendUint64(appendLength(to, 8), math.Float64bits(v))
}

// epochDate is the day from which PostgreSQL counts: 2000-01-01.
const epochDate = 10_957

func wireDate(d health.Date) []byte { return wireInteger(int32(d) - epochDate) }

func appendDate(to []byte, d health.Date) []byte { return appendInteger(to, int32(d)-epochDate) }
