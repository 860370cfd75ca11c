package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// CacheEpoch returns the epoch of the shared cache, and for how long it must not be read.
func (s *Store) CacheEpoch(ctx context.Context) (epoch int64, distrusted time.Duration, err error) {
	err = s.read(ctx, "read trust", func(tx *sql.Tx) error {
		var until int64
		err := tx.QueryRowContext(ctx, `SELECT epoch, distrusted_until FROM trust`).Scan(&epoch, &until)
		distrusted = max(time.Until(time.UnixMicro(until)), 0)
		return err
	})
	return epoch, distrusted, err
}

// InvalidateCache keeps all servers from reading the shared cache for d at least.
func (s *Store) InvalidateCache(ctx context.Context, d time.Duration) (since time.Duration, err error) {
	err = s.write(ctx, "distrust", func(tx *sql.Tx) error {
		var begun int64
		now := time.Now()
		err := tx.QueryRowContext(ctx, `
			UPDATE trust SET
				epoch = epoch + (distrusted_until < ?2),
				distrusted_since = CASE WHEN distrusted_until < ?2 THEN ?1 ELSE distrusted_since END,
				distrusted_until = max(distrusted_until, ?3)
			RETURNING distrusted_since`, toMicros(now), toMicros(now.Add(d/2)), toMicros(now.Add(d))).Scan(&begun)
		since = max(time.UnixMicro(toMicros(now)).Sub(time.UnixMicro(begun)), 0)
		return err
	})
	return since, err
}
