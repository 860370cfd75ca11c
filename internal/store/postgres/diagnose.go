package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/store"
)

// Diagnose reads the versions, the clock, and until when there are partitions.
func (s *Store) Diagnose(ctx context.Context) (d store.Diagnosis, err error) {
	err = s.read(ctx, "diagnose", func(ctx context.Context, conn querier) error {
		err := conn.QueryRow(ctx, `
			SELECT 'PostgreSQL ' || current_setting('server_version'), clock_timestamp(),
				coalesce((SELECT 'PostGIS ' || extversion FROM pg_extension WHERE extname = 'postgis'), '')`).
			Scan(&d.Version, &d.Clock, &d.Spatial)
		if err != nil {
			return err
		}
		for _, table := range slices.Concat(archiveTables, auditTables, sampleTables) {
			spans, err := readPartitions(ctx, conn, table)
			if err != nil {
				return err
			}
			until := coveredUntil(spans, d.Clock)
			if d.CoveredUntil.IsZero() || until.Before(d.CoveredUntil) {
				d.CoveredUntil = until
			}
		}
		return nil
	})
	return d, err
}

// coveredUntil returns until when the spans, which are in order, cover the time after t without a gap.
func coveredUntil(spans []span, t time.Time) time.Time {
	for _, s := range spans {
		if !s.from.After(t) && s.to.After(t) {
			t = s.to
		}
	}
	return t
}
