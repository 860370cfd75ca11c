package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// ecgColumns are followed by the voltages, which a listing may leave out.
const ecgColumns = `start_time, end_time, utc_offset, source, classification, severity, average_heart_rate,
	sampling_frequency, unit, attributes, received, `

// WriteECGs stores electrocardiograms.
func (s *Store) WriteECGs(ctx context.Context, body store.Body, batch []health.ECG) (store.Written, error) {
	return s.writeElements(ctx, body, "write ECGs", len(batch), func(tx *sql.Tx, user int64, i int) (health.Outcome, error) {
		return writeECG(ctx, tx, body, user, &batch[i])
	})
}

func writeECG(ctx context.Context, tx *sql.Tx, body store.Body, user int64, sent *health.ECG) (health.Outcome, error) {
	found, ecg, err := one(ctx, tx, scanECG,
		`SELECT `+ecgColumns+`voltages FROM ecg_recordings WHERE user_id = ? AND start_time = ?`, user, int64(sent.Start))
	if err != nil {
		return 0, err
	}
	outcome := health.Inserted
	switch {
	case !found:
		ecg = *sent
	case ecg.MergeFrom(sent):
		outcome = health.Updated
	case body.Raise(&ecg.Order, sent.Order):
		outcome = health.Unchanged
	default:
		return health.Unchanged, nil
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO ecg_recordings (user_id, `+ecgColumns+`voltages)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		user, int64(ecg.Start), int64(ecg.End), ecg.Offset, ecg.Source, ecg.Classification, ecg.Severity,
		nullableFloat(ecg.AverageHeartRate), nullableFloat(ecg.SamplingFrequency), ecg.Unit, ecg.Attributes, int64(ecg.Order),
		encodeVoltages(ecg.Times, ecg.Voltages))
	return outcome, err
}

func scanECG(row row) (e health.ECG, err error) {
	var voltages []byte
	err = row.Scan(&e.Start, &e.End, &e.Offset, &e.Source, &e.Classification, &e.Severity,
		floatInto{&e.AverageHeartRate}, floatInto{&e.SamplingFrequency}, &e.Unit, &e.Attributes, &e.Order, &voltages)
	if err == nil && len(voltages) > 0 {
		e.Times, e.Voltages, err = decodeVoltages(voltages)
	}
	return e, err
}

// ECGs returns the electrocardiograms that start in the range, ordered by start.
func (s *Store) ECGs(ctx context.Context, user uuid.UUID, r store.Range, voltages bool) (ecgs []health.ECG, err error) {
	last := `x''`
	if voltages {
		last = `voltages`
	}
	within, args := between("start_time", r)
	err = s.readOf(ctx, user, "read ECGs", func(tx *sql.Tx, userID int64) error {
		ecgs, err = list(ctx, tx, scanECG, `SELECT `+ecgColumns+last+` FROM ecg_recordings WHERE user_id = ?`+within+
			` ORDER BY start_time`, append([]any{userID}, args...)...)
		return err
	})
	return ecgs, err
}
