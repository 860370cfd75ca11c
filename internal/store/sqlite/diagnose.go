package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/health-export/health-export/internal/store"
)

// Diagnose reads the version of SQLite. The clock is that of this process.
func (s *Store) Diagnose(ctx context.Context) (d store.Diagnosis, err error) {
	err = s.read(ctx, "diagnose", func(tx *sql.Tx) error {
		d.Clock = time.Now()
		return tx.QueryRowContext(ctx, `SELECT 'SQLite ' || sqlite_version()`).Scan(&d.Version)
	})
	return d, err
}
