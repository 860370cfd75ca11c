package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
)

// asynchronousCommit does not wait for the disk. What commits later and does wait has it wait for this, too: an order is on
// the disk when the body that it was given to is.
const asynchronousCommit = ` SET LOCAL synchronous_commit = off;`

// nextOrder keeps the last hundred orders of bodies that are arriving: those of receipts that a crash has ended stay there.
const nextOrder = `
INSERT INTO body_orders AS o (user_id, last_order, arriving) VALUES ($1, $2, ARRAY[$2::bigint])
ON CONFLICT (user_id) DO UPDATE SET last_order = greatest(o.last_order + 1, excluded.last_order),
	arriving = o.arriving[greatest(1, cardinality(o.arriving) - 98):] || greatest(o.last_order + 1, excluded.last_order)
RETURNING last_order`

const forgetOrder = `UPDATE body_orders SET arriving = array_remove(arriving, $2) WHERE user_id = $1`

// NextOrder returns the order of a body that begins to arrive.
func (s *Store) NextOrder(ctx context.Context, user uuid.UUID, now time.Time) (order health.Instant, err error) {
	err = s.onConnection(ctx, "assign order", func(ctx context.Context, conn *pgxpool.Conn) error {
		begin := s.begin + asynchronousCommit + sharedLockStatement(archiveLock(user))
		return transact(ctx, conn, begin, func(ctx context.Context, tx pgx.Tx) error {
			erased, err := readErased(ctx, tx, user)
			if err != nil {
				return err
			}
			return tx.QueryRow(ctx, nextOrder, user, int64(max(health.InstantOf(now), erased+1))).Scan(&order)
		})
	})
	return order, err
}

// ForgetOrder notes that a body did not arrive.
func (s *Store) ForgetOrder(ctx context.Context, user uuid.UUID, order health.Instant) error {
	return s.write(ctx, "forget order", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, forgetOrder, user, int64(order))
		return err
	})
}
