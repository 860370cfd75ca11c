package sqlite

import (
	"context"
	"database/sql"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// writeElements writes a batch one element after the other, in one transaction: there are few elements that are not samples.
// Only an element that the database refuses is rolled back.
func (s *Store) writeElements(
	ctx context.Context, body store.Body, operation string, count int,
	write func(tx *sql.Tx, user int64, index int) (health.Outcome, error),
) (store.Written, error) {
	written := store.Written{Outcomes: make([]health.Outcome, count)}
	if count == 0 {
		return written, nil
	}
	err := s.writeReceived(ctx, body.User, body.Order, operation, func(tx *sql.Tx, userID int64) error {
		for i := range count {
			if _, err := tx.ExecContext(ctx, `SAVEPOINT element`); err != nil {
				return err
			}
			outcome, err := write(tx, userID, i)
			if err != nil {
				reason, isRefusal := refused(err)
				if !isRefusal {
					return err
				}
				outcome = health.Rejected
				written.Refuse(i, reason)
				if _, err := tx.ExecContext(ctx, `ROLLBACK TO element`); err != nil {
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, `RELEASE element`); err != nil {
				return err
			}
			written.Outcomes[i] = outcome
		}
		return nil
	})
	if err != nil {
		return store.Written{}, err
	}
	return written, nil
}
