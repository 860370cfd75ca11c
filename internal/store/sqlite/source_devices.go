package sqlite

import (
	"context"
	"database/sql"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectDevices = `SELECT source, model, hardware, first_seen, last_seen FROM source_devices WHERE user_id = ?
	ORDER BY source, model, hardware`

// maxDevices bounds the devices of one user.
const maxDevices = 10_000

// WriteSourceDevices notes which devices recorded the samples of sources.
func (s *Store) WriteSourceDevices(ctx context.Context, body store.Body, devices []health.SourceDevice) (reranked bool, err error) {
	if len(devices) == 0 {
		return false, nil
	}
	err = s.writeReceived(ctx, body.User, body.Order, "write devices of sources", func(tx *sql.Tx, user int64) error {
		stored, err := list(ctx, tx, scanDevice, selectDevices, user)
		if err != nil || len(stored) > maxDevices {
			return err
		}
		sources, err := list(ctx, tx, scanText, `
			SELECT DISTINCT s.name FROM metric_totals t JOIN sources s ON s.id = t.source_id WHERE t.user_id = ? AND t.samples > 0
				AND s.name IS NOT NULL`, user)
		if err != nil {
			return err
		}
		var changed []health.SourceDevice
		changed, reranked = backend.ChangedDevices(stored, devices, sources)
		for _, d := range changed {
			if _, err := tx.ExecContext(ctx, `
				INSERT OR REPLACE INTO source_devices (user_id, source, model, hardware, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)`,
				user, d.Source, d.Model, d.Hardware, int64(d.First), int64(d.Last)); err != nil {
				return err
			}
		}
		if !reranked {
			return nil
		}
		_, err = tx.ExecContext(ctx, makeStale, user)
		return err
	})
	return reranked && err == nil, err
}

func scanDevice(row row) (d health.SourceDevice, err error) {
	err = row.Scan(&d.Source, &d.Model, &d.Hardware, &d.First, &d.Last)
	return d, err
}
