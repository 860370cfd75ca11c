package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// AcquireLease takes a lease. The clock is read in the statements themselves, so that one that has waited for the row of
// another transaction compares with the time after the wait.
func (s *Store) AcquireLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error) {
	err = s.write(ctx, "acquire lease", func(ctx context.Context, tx pgx.Tx) error {
		held, err = changed(ctx, tx, `
			UPDATE leases SET owner = $2, held_until = clock_timestamp() + $3::interval
			WHERE name = $1 AND held_until <= clock_timestamp() AND (owner = $2 OR paused_until <= clock_timestamp())`,
			name, owner, d)
		if held || err != nil {
			return err
		}
		held, err = changed(ctx, tx, `
			INSERT INTO leases (name, owner, held_until, paused_until)
			VALUES ($1, $2, clock_timestamp() + $3::interval, clock_timestamp()) ON CONFLICT DO NOTHING`, name, owner, d)
		return err
	})
	return held && err == nil, err
}

// RenewLease makes a lease last longer.
func (s *Store) RenewLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error) {
	err = s.write(ctx, "renew lease", func(ctx context.Context, tx pgx.Tx) error {
		held, err = changed(ctx, tx, `
			UPDATE leases SET held_until = clock_timestamp() + $3::interval
			WHERE name = $1 AND owner = $2 AND held_until > clock_timestamp()`, name, owner, d)
		return err
	})
	return held && err == nil, err
}

// ReleaseLease ends a lease.
func (s *Store) ReleaseLease(ctx context.Context, name, owner string, pause time.Duration) error {
	return s.write(ctx, "release lease", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE leases SET held_until = clock_timestamp(), paused_until = clock_timestamp() + $3::interval
			WHERE name = $1 AND owner = $2 AND held_until > clock_timestamp()`, name, owner, pause)
		return err
	})
}

// changed runs a statement and reports whether it has changed a row.
func changed(ctx context.Context, tx pgx.Tx, statement string, args ...any) (bool, error) {
	tag, err := tx.Exec(ctx, statement, args...)
	return tag.RowsAffected() > 0, err
}
