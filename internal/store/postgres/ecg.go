package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// ecgColumns are followed by the times and the voltages, which a listing may leave out.
const ecgColumns = `started_at, ended_at, utc_offset, source, classification, severity, average_heart_rate,
	sampling_frequency, unit, attributes, received_at, `

const putECG = `
INSERT INTO ecg_recordings (user_id, ` + ecgColumns + `times, voltages)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (user_id, started_at) DO UPDATE SET ended_at = excluded.ended_at, utc_offset = excluded.utc_offset,
	source = excluded.source, classification = excluded.classification, severity = excluded.severity,
	average_heart_rate = excluded.average_heart_rate, sampling_frequency = excluded.sampling_frequency,
	unit = excluded.unit, attributes = excluded.attributes, received_at = excluded.received_at, times = excluded.times,
	voltages = excluded.voltages`

// WriteECGs stores electrocardiograms.
func (s *Store) WriteECGs(ctx context.Context, body store.Body, batch []health.ECG) (store.Written, error) {
	return s.writeElements(ctx, body, "write ECGs", len(batch), func(ctx context.Context, tx pgx.Tx, p *plan) error {
		user := body.User
		starts := make([]pgtype.Timestamptz, len(batch))
		for i := range batch {
			starts[i] = timestamp(batch[i].Start)
		}
		stored, err := list(ctx, tx, scanECG, `SELECT `+ecgColumns+`times, voltages FROM ecg_recordings
			WHERE user_id = $1 AND started_at = ANY ($2)`, user, starts)
		if err != nil {
			return err
		}
		existing := map[health.Instant]*health.ECG{}
		for i := range stored {
			existing[stored[i].Start] = &stored[i]
		}
		for i := range batch {
			ecg, outcome := batch[i], health.Inserted
			if known := existing[ecg.Start]; known != nil {
				outcome = health.Updated
				if !known.MergeFrom(&ecg) {
					outcome = health.Unchanged
					if !body.Raise(&known.Order, ecg.Order) {
						p.outcomes[i] = outcome
						continue
					}
				}
				ecg = *known
			}
			p.write(i, outcome, statement{sql: putECG, args: ecgArgs(user, &ecg)})
		}
		return nil
	})
}

func ecgArgs(user uuid.UUID, e *health.ECG) []any {
	var times []pgtype.Timestamptz
	for _, t := range e.Times {
		times = append(times, timestamp(t))
	}
	return []any{
		user, timestamp(e.Start), nullableInstant(e.End), e.Offset, e.Source, e.Classification, e.Severity, nullableFloat(e.AverageHeartRate),
		nullableFloat(e.SamplingFrequency), e.Unit, e.Attributes, timestamp(e.Order), times, e.Voltages,
	}
}

func scanECG(row pgx.Row) (e health.ECG, err error) {
	var times []pgtype.Timestamptz
	err = row.Scan(instantInto{&e.Start}, instantInto{&e.End}, &e.Offset, &e.Source, &e.Classification, &e.Severity,
		floatInto{&e.AverageHeartRate}, floatInto{&e.SamplingFrequency}, &e.Unit, &e.Attributes, instantInto{&e.Order},
		&times, &e.Voltages)
	for _, t := range times {
		e.Times = append(e.Times, health.InstantOf(t.Time))
	}
	return e, err
}

// ECGs returns the electrocardiograms that start in the range, ordered by start.
func (s *Store) ECGs(ctx context.Context, user uuid.UUID, r store.Range, voltages bool) (ecgs []health.ECG, err error) {
	last := `NULL::timestamptz[], NULL::double precision[]`
	if voltages {
		last = `times, voltages`
	}
	c := condition{text: `user_id = $1`, args: []any{user}}
	c.within("started_at", r)
	err = s.read(ctx, "read ECGs", func(ctx context.Context, conn querier) error {
		ecgs, err = list(ctx, conn, scanECG, `SELECT `+ecgColumns+last+` FROM ecg_recordings WHERE `+c.text+
			` ORDER BY started_at`, c.args...)
		return err
	})
	return ecgs, err
}
