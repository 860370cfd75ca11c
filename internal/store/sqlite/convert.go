package sqlite

import (
	"database/sql"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// toMicros returns a time in microseconds since 1970, 0 where it is zero.
func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// nullableFloat returns the value of a column that is NULL where a number is absent.
func nullableFloat(v float64) sql.NullFloat64 {
	return sql.NullFloat64{Float64: v, Valid: !health.IsAbsent(v)}
}

// floatInto reads a column that may be NULL into a number that may be absent.
type floatInto struct{ *float64 }

// Scan reads one column.
func (a floatInto) Scan(column any) error {
	var v sql.NullFloat64
	if err := v.Scan(column); err != nil {
		return err
	}
	*a.float64 = v.Float64
	if !v.Valid {
		*a.float64 = health.Absent()
	}
	return nil
}

// placeholders returns n parameters for an IN list.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
