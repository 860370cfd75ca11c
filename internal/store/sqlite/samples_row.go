package sqlite

import (
	"database/sql/driver"
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// The rows of a query that begins with table.read: five columns of the key, the last of them with flags, the table's values,
// and these.
const (
	columnMergedSource = iota
	columnStartShift
	columnOffset
	columnReceived
	columnAttributes
	columnOtherValues

	columnsAfterValues
)

const (
	keyColumns  = 5
	columnFlags = 4

	flagPerSource   = 1
	flagZoneAssumed = 2
	flagInferred    = 4
)

// key returns the key of a row.
func (t *table) key(row []driver.Value) sampleKey {
	return sampleKey{
		time: integer(row[0]), grain: integer(row[1]), length: integer(row[2]), source: integer(row[3]), perSource: integer(row[columnFlags]) & flagPerSource,
		mergedSource: integer(row[keyColumns+len(t.Values)+columnMergedSource]),
	}
}

// sample reads a row with its key into s, without the names of its metric, unit and source.
func (t *table) sample(row []driver.Value, key *sampleKey, s *health.Sample) error {
	*s = health.NewSample()
	for i, v := range t.Values {
		if number, ok := row[keyColumns+i].(float64); ok {
			*v.Of(s) = number
		}
	}
	rest := row[keyColumns+len(t.Values):]
	s.Grain, s.PerSource = health.Grain(key.grain), key.perSource != 0
	s.Start = health.Instant(key.time + integer(rest[columnStartShift]))
	s.End = s.Start + health.Instant(key.length)
	s.Offset = int32(integer(rest[columnOffset]))
	s.Order = health.Instant(integer(rest[columnReceived]))
	s.AsOf, s.ZoneAssumed = s.Order, integer(row[columnFlags])&flagZoneAssumed != 0
	s.Inferred = integer(row[columnFlags])&flagInferred != 0
	s.Attributes, _ = rest[columnAttributes].(string)
	if others, ok := rest[columnOtherValues].(string); ok {
		if err := setOtherValues(s, others); err != nil {
			return fmt.Errorf("read other values: %w", err)
		}
	}
	return nil
}

// integer reads a column that is an integer and never NULL, which the STRICT tables ensure.
func integer(v driver.Value) int64 {
	number, _ := v.(int64)
	return number
}
