package postgres

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// Samples are sent and received in PostgreSQL's binary format, encoded and decoded here: the driver's reflection takes
// longer than the database needs to store the row.

// sampleRow is a row to be written.
type sampleRow struct {
	user     *uuid.UUID
	key      *sampleKey
	sample   *health.Sample
	source   int32
	others   string // see table.otherValues
	replaces bool   // whether there is a row with that key
	replaced int32  // the source that row has
}

// column encodes one column of a row: its length in four bytes and its value, which is also the encoding of an array's
// element.
type column struct {
	name, sqlType string
	oid           uint32
	key           bool // part of the primary key
	append        func(to []byte, row *sampleRow) []byte
}

// columnsOf lists the columns in the order of the table.
func columnsOf(values []backend.SampleValue) []column {
	columns := []column{
		{"user_id", "uuid", pgtype.UUIDOID, true, func(to []byte, r *sampleRow) []byte {
			return append(appendLength(to, 16), r.user[:]...)
		}},
		{"recorded_at", "timestamptz", pgtype.TimestamptzOID, true, func(to []byte, r *sampleRow) []byte {
			return appendInstant(to, r.key.time)
		}},
		{"ended_at", "timestamptz", pgtype.TimestamptzOID, true, func(to []byte, r *sampleRow) []byte {
			return appendInstant(to, r.key.end)
		}},
		{"received_at", "timestamptz", pgtype.TimestamptzOID, false, func(to []byte, r *sampleRow) []byte {
			return appendInstant(to, r.sample.Order)
		}},
	}
	for _, v := range values {
		columns = append(columns, column{v.Column, "double precision", pgtype.Float8OID, false, func(to []byte, r *sampleRow) []byte {
			return appendReal(to, *v.Of(r.sample))
		}})
	}
	return append(columns,
		column{"grain", "integer", pgtype.Int4OID, true, func(to []byte, r *sampleRow) []byte {
			return appendInteger(to, int32(r.key.grain))
		}},
		column{"key_source", "integer", pgtype.Int4OID, true, func(to []byte, r *sampleRow) []byte {
			return appendInteger(to, r.key.keySource)
		}},
		column{"source_id", "integer", pgtype.Int4OID, false, func(to []byte, r *sampleRow) []byte {
			return appendInteger(to, r.source)
		}},
		column{"utc_offset", "integer", pgtype.Int4OID, false, func(to []byte, r *sampleRow) []byte {
			return appendInteger(to, r.sample.Offset)
		}},
		column{"metric_id", "smallint", pgtype.Int2OID, true, func(to []byte, r *sampleRow) []byte {
			return appendSmallint(to, r.key.metric)
		}},
		column{"attributes", "text", pgtype.TextOID, false, func(to []byte, r *sampleRow) []byte {
			return append(appendLength(to, len(r.sample.Attributes)), r.sample.Attributes...)
		}},
		column{"other_values", "text", pgtype.TextOID, false, func(to []byte, r *sampleRow) []byte {
			return append(appendLength(to, len(r.others)), r.others...)
		}},
		column{"zone_assumed", "boolean", pgtype.BoolOID, false, func(to []byte, r *sampleRow) []byte {
			return append(appendLength(to, 1), wireBoolean(r.sample.ZoneAssumed))
		}},
		column{"inferred", "boolean", pgtype.BoolOID, false, func(to []byte, r *sampleRow) []byte {
			return append(appendLength(to, 1), wireBoolean(r.sample.Inferred))
		}},
	)
}

func appendLength(to []byte, length int) []byte {
	return binary.BigEndian.AppendUint32(to, uint32(int32(length)))
}

func appendNull(to []byte) []byte { return appendLength(to, -1) }

func appendSmallint(to []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(appendLength(to, 2), uint16(v))
}

func appendInteger(to []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(appendLength(to, 4), uint32(v))
}

func appendInstant(to []byte, i health.Instant) []byte {
	return append(appendLength(to, 8), wireInstant(i)...)
}

// epoch is the zero of PostgreSQL's timestamps: 2000-01-01T00:00:00Z.
const epoch health.Instant = 946_684_800_000_000

func wireInstant(i health.Instant) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(i-epoch))
}

func wireBoolean(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func wireSmallint(v int16) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func wireInteger(v int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }

func wireBigint(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

func readInstant(b []byte) health.Instant { return health.Instant(binary.BigEndian.Uint64(b)) + epoch }

func readInteger(b []byte) int32 { return int32(binary.BigEndian.Uint32(b)) }

// copyReader is the stream of a binary COPY. It encodes a few rows at a time.
type copyReader struct {
	columns []column
	rows    []sampleRow
	begun   bool
	ended   bool
	pending []byte // encoded and not read yet
	buffer  []byte
}

// The stream of a binary COPY begins with copyHeader, without flags and extension, and ends with copyTrailer.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// copyChunk is how much is encoded at a time; the driver sends 64 KiB in one message.
const copyChunk = 60 << 10

func newCopyReader(t *table, rows []sampleRow) *copyReader {
	return &copyReader{columns: t.columns, rows: rows, buffer: make([]byte, 0, copyChunk+4<<10)}
}

// Read encodes the next rows, or returns the rest of those before.
func (c *copyReader) Read(p []byte) (int, error) {
	if len(c.pending) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		c.encode()
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

func (c *copyReader) encode() {
	to := c.buffer[:0]
	if !c.begun {
		c.begun = true
		to = append(to, copyHeader...)
	}
	for len(c.rows) > 0 && len(to) < copyChunk {
		to = binary.BigEndian.AppendUint16(to, uint16(len(c.columns)))
		for i := range c.columns {
			to = c.columns[i].append(to, &c.rows[0])
		}
		c.rows = c.rows[1:]
	}
	if len(c.rows) == 0 {
		to = append(to, copyTrailer...)
		c.ended = true
	}
	c.buffer, c.pending = to, to
}

// arrayOf encodes one column of many rows as an array.
func arrayOf(c *column, rows []sampleRow) []byte {
	to := arrayHeader(c.oid, len(rows))
	for i := range rows {
		to = c.append(to, &rows[i])
	}
	return to
}

func arrayHeader(oid uint32, length int) []byte {
	to := make([]byte, 0, 20+12*length)
	to = binary.BigEndian.AppendUint32(to, 1) // dimensions
	to = binary.BigEndian.AppendUint32(to, 1) // there may be NULLs
	to = binary.BigEndian.AppendUint32(to, oid)
	to = binary.BigEndian.AppendUint32(to, uint32(length))
	return binary.BigEndian.AppendUint32(to, 1) // the first index
}

// storedRow is a row of a table, without the names of its metric, unit and source.
type storedRow struct {
	table *table
	rowDefaults
	time, end         health.Instant
	keySource, source int32
	sample            health.Sample
}

// rowDefaults are the values of the columns that are NULL because they are as expected, see table.compare.
type rowDefaults struct {
	grain             health.Grain
	keySource, source int32
	offset            int32
	received          health.Instant
}

// columnsBeforeValues is how many columns table.read has before the values.
const columnsBeforeValues = 10

// read decodes the columns of table.read, or those that table.compare selects.
func (r *storedRow) read(columns [][]byte) error {
	s := &r.sample
	*s = health.NewSample()
	s.Grain = r.grain
	r.time = readInstant(columns[0])
	r.end = instantOr(columns[1], r.time)
	s.Order = instantOr(columns[2], r.received)
	r.keySource, r.source = integerOr(columns[3], r.rowDefaults.keySource), integerOr(columns[4], r.rowDefaults.source)
	s.Offset = integerOr(columns[5], r.offset)
	s.Start, s.End = r.time, r.end
	if s.Grain >= health.GrainDay {
		s.Start -= health.Instant(s.Offset) * health.Second
	}
	s.PerSource = s.Grain != health.GrainRaw && r.keySource != mergedSource
	if len(columns[6]) > 0 {
		s.Attributes = string(columns[6])
	}
	s.AsOf, s.ZoneAssumed, s.Inferred = s.Order, readBoolean(columns[8]), readBoolean(columns[9])
	for i, v := range r.table.Values {
		if column := columns[columnsBeforeValues+i]; column != nil {
			*v.Of(s) = math.Float64frombits(binary.BigEndian.Uint64(column))
		}
	}
	if len(columns[7]) > 0 {
		if err := setOtherValues(s, columns[7]); err != nil {
			return err
		}
	}
	if s.Grain != health.GrainRaw {
		s.End = s.Start
	}
	return nil
}

// readBoolean reads a column that is NULL where it is false.
func readBoolean(column []byte) bool { return len(column) == 1 && column[0] != 0 }

func instantOr(column []byte, expected health.Instant) health.Instant {
	if column == nil {
		return expected
	}
	return readInstant(column)
}

func integerOr(column []byte, expected int32) int32 {
	if column == nil {
		return expected
	}
	return readInteger(column)
}
