package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// NextOrder returns the order of a body that begins to arrive.
func (s *Store) NextOrder(ctx context.Context, user uuid.UUID, now time.Time) (order health.Instant, err error) {
	err = s.writeUnsynced(ctx, "assign order", func(tx *sql.Tx) error {
		a, err := s.userState(ctx, tx, user)
		if err != nil {
			return err
		}
		_, last, err := one(ctx, tx, scanInteger, `SELECT last_order FROM body_orders WHERE user_id = ?`, a.id)
		if err != nil {
			return err
		}
		order = max(health.InstantOf(now), health.Instant(last)+1, a.erased+1)
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO body_orders (user_id, last_order) VALUES (?, ?)`, a.id, int64(order)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO arriving_bodies (user_id, received_order) VALUES (?, ?)`, a.id, int64(order))
		return err
	})
	return order, err
}

// ForgetOrder notes that a body did not arrive.
func (s *Store) ForgetOrder(ctx context.Context, user uuid.UUID, order health.Instant) error {
	return s.writeUnsynced(ctx, "forget order", func(tx *sql.Tx) error {
		a, err := s.userState(ctx, tx, user)
		if err != nil {
			return err
		}
		return forgetOrder(ctx, tx, a.id, order)
	})
}

// forgetOrder also forgets what a crash has left: bodies that began to arrive more than a day before.
func forgetOrder(ctx context.Context, tx *sql.Tx, user int64, order health.Instant) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM arriving_bodies WHERE user_id = ? AND (received_order = ? OR received_order < ?)`,
		user, int64(order), int64(order-health.Day))
	return err
}

// writeUnsynced is write for what need not be on the disk before the next write is: an order is when the body that it was
// given to is.
func (s *Store) writeUnsynced(ctx context.Context, operation string, change func(tx *sql.Tx) error) (err error) {
	ctx, done, err := s.lifecycle.Start(ctx, s.calls, operation)
	if err != nil {
		return err
	}
	defer func() { done(err) }()
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return translate(ctx, operation, err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
		return translate(ctx, operation, err)
	}
	defer func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = FULL`); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // it must not be used again
		}
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, operation, err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := change(tx); err != nil {
		return translate(ctx, operation, err)
	}
	return translate(ctx, operation, tx.Commit())
}
