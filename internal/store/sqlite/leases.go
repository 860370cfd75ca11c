package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// AcquireLease takes a lease. The clock is that of the machine, which all processes on one file share; it is read when
// nobody else writes any more.
func (s *Store) AcquireLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error) {
	err = s.write(ctx, "acquire lease", func(tx *sql.Tx) error {
		now := time.Now()
		held, err = changed(tx.ExecContext(ctx, `
			INSERT INTO leases (name, owner, held_until, paused_until) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT DO UPDATE SET owner = ?2, held_until = ?3
			WHERE held_until <= ?4 AND (owner = ?2 OR paused_until <= ?4)`, name, owner, toMicros(now.Add(d)), toMicros(now)))
		return err
	})
	return held && err == nil, err
}

// RenewLease makes a lease last longer.
func (s *Store) RenewLease(ctx context.Context, name, owner string, d time.Duration) (held bool, err error) {
	err = s.write(ctx, "renew lease", func(tx *sql.Tx) error {
		now := time.Now()
		held, err = changed(tx.ExecContext(ctx, `
			UPDATE leases SET held_until = ? WHERE name = ? AND owner = ? AND held_until > ?`,
			toMicros(now.Add(d)), name, owner, toMicros(now)))
		return err
	})
	return held && err == nil, err
}

// ReleaseLease ends a lease.
func (s *Store) ReleaseLease(ctx context.Context, name, owner string, pause time.Duration) error {
	return s.write(ctx, "release lease", func(tx *sql.Tx) error {
		now := time.Now()
		_, err := tx.ExecContext(ctx, `
			UPDATE leases SET held_until = ?1, paused_until = ?2 WHERE name = ?3 AND owner = ?4 AND held_until > ?1`,
			toMicros(now), toMicros(now.Add(pause)), name, owner)
		return err
	})
}

// changed reports whether a statement has changed a row.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows > 0, err
}
