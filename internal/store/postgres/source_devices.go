package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectDevices = `SELECT source, model, hardware, first_seen, last_seen FROM source_devices WHERE user_id = $1
	ORDER BY source, model, hardware`

// maxDevices bounds the devices of one user.
const maxDevices = 10_000

// WriteSourceDevices notes which devices recorded the samples of sources.
func (s *Store) WriteSourceDevices(ctx context.Context, body store.Body, devices []health.SourceDevice) (reranked bool, err error) {
	if len(devices) == 0 {
		return false, nil
	}
	err = s.writeReceived(ctx, body.User, body.Order, "write devices of sources", func(ctx context.Context, tx pgx.Tx) error {
		stored, err := list(ctx, tx, scanDevice, selectDevices, body.User)
		if err != nil || len(stored) > maxDevices {
			return err
		}
		sources, err := list(ctx, tx, scanString, `
			SELECT DISTINCT s.name FROM metric_totals t JOIN sources s ON s.id = t.source_id WHERE t.user_id = $1 AND t.samples > 0
				AND s.name IS NOT NULL`, body.User)
		if err != nil {
			return err
		}
		var changed []health.SourceDevice
		changed, reranked = backend.ChangedDevices(stored, devices, sources)
		batch := &pgx.Batch{}
		if len(changed) > 0 {
			batch.Queue(putDevices, deviceArgs(body.User, changed)...)
		}
		if reranked {
			batch.Queue(makeStale, body.User)
		}
		if batch.Len() == 0 {
			return nil
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	return reranked && err == nil, err
}

const putDevices = `
INSERT INTO source_devices (user_id, source, model, hardware, first_seen, last_seen)
SELECT $1::uuid, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (user_id, source, model, hardware) DO UPDATE SET first_seen = excluded.first_seen, last_seen = excluded.last_seen`

func deviceArgs(user uuid.UUID, devices []health.SourceDevice) []any {
	n := len(devices)
	sources, models, hardware := make([]string, n), make([]string, n), make([]string, n)
	first, last := make([]pgtype.Timestamptz, n), make([]pgtype.Timestamptz, n)
	for i, d := range devices {
		sources[i], models[i], hardware[i], first[i], last[i] = d.Source, d.Model, d.Hardware, timestamp(d.First), timestamp(d.Last)
	}
	return []any{user, sources, models, hardware, first, last}
}

func scanDevice(row pgx.Row) (d health.SourceDevice, err error) {
	err = row.Scan(&d.Source, &d.Model, &d.Hardware, instantInto{&d.First}, instantInto{&d.Last})
	return d, err
}

func scanString(row pgx.Row) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

// readDevices reads the result of selectDevices.
func readDevices(results *pgconn.Pipeline) (devices []health.SourceDevice, err error) {
	err = eachRow(results, func(columns [][]byte) error {
		devices = append(devices, health.SourceDevice{
			Source: string(columns[0]), Device: health.Device{Model: string(columns[1]), Hardware: string(columns[2])},
			First: readInstant(columns[3]), Last: readInstant(columns[4]),
		})
		return nil
	})
	return devices, err
}
