package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
)

// nullableTime returns the value of a column that is NULL where a time is zero.
func nullableTime(t time.Time) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}
}

// timeInto reads a column that may be NULL into a time.
type timeInto struct{ *time.Time }

// ScanTimestamptz reads one column.
func (t timeInto) ScanTimestamptz(v pgtype.Timestamptz) error {
	*t.Time = time.Time{}
	if v.Valid {
		*t.Time = v.Time.UTC()
	}
	return nil
}

// timestamp returns the value of a column in which 0 is an instant like any other.
func timestamp(i health.Instant) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: i.Time(), Valid: true}
}

// nullableInstant returns the value of a column that is NULL where an instant is 0, which means that it was not sent.
func nullableInstant(i health.Instant) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: i.Time(), Valid: i != 0}
}

// instantInto reads a column that may be NULL into an instant.
type instantInto struct{ *health.Instant }

// ScanTimestamptz reads one column.
func (i instantInto) ScanTimestamptz(v pgtype.Timestamptz) error {
	*i.Instant = 0
	if v.Valid {
		*i.Instant = health.InstantOf(v.Time)
	}
	return nil
}

// nullableFloat returns the value of a column that is NULL where a number is absent.
func nullableFloat(v float64) pgtype.Float8 {
	return pgtype.Float8{Float64: v, Valid: !health.IsAbsent(v)}
}

// floatInto reads a column that may be NULL into a number that may be absent.
type floatInto struct{ *float64 }

// ScanFloat64 reads one column.
func (n floatInto) ScanFloat64(v pgtype.Float8) error {
	*n.float64 = health.Absent()
	if v.Valid {
		*n.float64 = v.Float64
	}
	return nil
}

// date returns the value of a column that is a local date.
func date(d health.Date) pgtype.Date { return pgtype.Date{Time: d.Time(), Valid: true} }

// dateInto reads a date.
type dateInto struct{ *health.Date }

// ScanDate reads one column.
func (d dateInto) ScanDate(v pgtype.Date) error {
	*d.Date = health.DateOf(v.Time.UTC())
	return nil
}

// nullableFloats returns the array for numbers that may be absent; nil where all are.
func nullableFloats(count int, value func(i int) float64) []pgtype.Float8 {
	var list []pgtype.Float8
	for i := range count {
		if v := value(i); !health.IsAbsent(v) {
			if list == nil {
				list = make([]pgtype.Float8, count)
			}
			list[i] = nullableFloat(v)
		}
	}
	return list
}

// setFloats is the reverse of nullableFloats.
func setFloats(list []pgtype.Float8, into func(i int) *float64) {
	for i, v := range list {
		*into(i) = health.Absent()
		if v.Valid {
			*into(i) = v.Float64
		}
	}
}
