package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// CacheEpoch returns the epoch of the shared cache, and for how long it must not be read.
func (s *Store) CacheEpoch(ctx context.Context) (epoch int64, distrusted time.Duration, err error) {
	err = s.read(ctx, "read trust", func(ctx context.Context, conn querier) error {
		return conn.QueryRow(ctx, `
			SELECT epoch, greatest(distrusted_until - clock_timestamp(), interval '0') FROM trust`).Scan(&epoch, &distrusted)
	})
	return epoch, distrusted, err
}

// InvalidateCache keeps all servers from reading the shared cache for d at least. Of two calls at once the second waits for
// the first, and begins no other epoch.
func (s *Store) InvalidateCache(ctx context.Context, d time.Duration) (since time.Duration, err error) {
	err = s.write(ctx, "distrust", func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			UPDATE trust SET
				epoch = epoch + CASE WHEN distrusted_until < statement_timestamp() + $1::interval / 2 THEN 1 ELSE 0 END,
				distrusted_since = CASE WHEN distrusted_until < statement_timestamp() + $1::interval / 2 THEN statement_timestamp()
					ELSE distrusted_since END,
				distrusted_until = greatest(distrusted_until, statement_timestamp() + $1::interval)
			RETURNING greatest(statement_timestamp() - distrusted_since, interval '0')`, d).Scan(&since)
	})
	return since, err
}
