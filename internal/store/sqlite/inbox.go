package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// selectClaimable returns the oldest unclaimed ingestion that is the oldest unfinished one of its user, or whose body is in
// the given spool.
const selectClaimable = `
SELECT i.id FROM raw_ingestions i
WHERE i.status = 'accepted' AND i.claimed_until <= ? AND (i.spool = '' AND NOT EXISTS (
  SELECT 1 FROM raw_ingestions o WHERE o.status = 'accepted' AND o.user_id = i.user_id AND o.id < i.id AND o.spool = ''
) OR i.spool = ? AND i.spool <> '')
ORDER BY i.id LIMIT 1`

// ClaimNext claims the oldest unfinished ingestion that is not claimed and is the oldest of its user.
func (s *Store) ClaimNext(ctx context.Context, owner, spool string, now, until time.Time) (ingestion health.Ingestion, err error) {
	err = s.write(ctx, "claim ingestion", func(tx *sql.Tx) error {
		var id uuid.UUID
		if err := tx.QueryRowContext(ctx, selectClaimable, toMicros(now), spool).Scan(&id); err != nil {
			if isNoRows(err) {
				return backend.NotFound("unfinished ingestion")
			}
			return err
		}
		ingestion, err = claim(ctx, tx, id, owner, until)
		return err
	})
	return ingestion, err
}

// claim counts an attempt and returns the ingestion as it then is.
func claim(ctx context.Context, tx *sql.Tx, id uuid.UUID, owner string, until time.Time) (health.Ingestion, error) {
	if _, err := tx.ExecContext(ctx,
		`UPDATE raw_ingestions SET owner = ?, claimed_until = ?, attempts = attempts + 1 WHERE id = ?`,
		owner, toMicros(until), id[:]); err != nil {
		return health.Ingestion{}, err
	}
	return scanIngestion(tx.QueryRowContext(ctx, selectIngestions(true)+`WHERE i.id = ?`, id[:]))
}

// Renew extends owner's claim.
func (s *Store) Renew(ctx context.Context, id uuid.UUID, owner string, until time.Time) error {
	return s.write(ctx, "renew claim", func(tx *sql.Tx) error {
		return requireClaim(tx.ExecContext(ctx, `
			UPDATE raw_ingestions SET claimed_until = ? WHERE id = ? AND owner = ? AND status = 'accepted'`,
			toMicros(until), id[:], owner))
	})
}

// Release gives up owner's claim; the ingestion is not found by ClaimNext until the given time.
func (s *Store) Release(ctx context.Context, id uuid.UUID, owner string, after time.Time) error {
	return s.write(ctx, "release claim", func(tx *sql.Tx) error {
		return requireClaim(tx.ExecContext(ctx, `
			UPDATE raw_ingestions SET owner = '', claimed_until = ? WHERE id = ? AND owner = ? AND status = 'accepted'`,
			toMicros(after), id[:], owner))
	})
}

// Finish records the result of the ingestion and ends owner's claim.
func (s *Store) Finish(ctx context.Context, in health.Ingestion, owner string, entries ...account.AuditEntry) error {
	report, err := backend.EncodeReport(&in.Report)
	if err != nil {
		return err
	}
	return s.writeOf(ctx, in.UserID, "finish ingestion", func(tx *sql.Tx, user int64) error {
		err := requireClaim(tx.ExecContext(ctx, `
			UPDATE raw_ingestions SET owner = '', claimed_until = 0, spool = '', size = ?, format = ?, status = ?, finished_at = ?,
				failure = ?, failure_code = ?, duration = ?, counts = ?, warning_count = ?, errors = ?, warnings = ?, types = ?,
				sha256 = ?
			WHERE id = ? AND user_id = ? AND owner = ? AND status = 'accepted'`,
			in.Size, in.Format, string(in.Status), toMicros(in.FinishedAt),
			in.Failure, in.FailureCode, int64(in.Duration), report.Counts, in.Report.WarningCount, report.Errors, report.Warnings,
			report.Types, in.SHA256[:], in.ID[:], user, owner))
		if err != nil {
			return err
		}
		return insertAudit(ctx, tx, entries)
	})
}

// Reopen makes a finished ingestion unfinished again, claimed by owner; its result is cleared.
func (s *Store) Reopen(ctx context.Context, user, id uuid.UUID, owner string, until time.Time) (in health.Ingestion, err error) {
	empty, err := backend.EncodeReport(&health.Report{})
	if err != nil {
		return in, err
	}
	err = s.write(ctx, "reopen ingestion", func(tx *sql.Tx) error {
		var status health.Status
		err := tx.QueryRowContext(ctx, `
			SELECT i.status FROM raw_ingestions i JOIN users u ON u.id = i.user_id WHERE i.id = ? AND u.uuid = ?`,
			id[:], user[:]).Scan(&status)
		switch {
		case isNoRows(err):
			return backend.NotFound("ingestion")
		case err != nil:
			return err
		case status == health.StatusAccepted:
			return backend.ErrUnfinished
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE raw_ingestions SET status = 'accepted', finished_at = 0, failure = '', failure_code = '', duration = 0,
				counts = ?, warning_count = 0, errors = ?, warnings = ?, types = ? WHERE id = ?`,
			empty.Counts, empty.Errors, empty.Warnings, empty.Types, id[:]); err != nil {
			return err
		}
		in, err = claim(ctx, tx, id, owner, until)
		return err
	})
	return in, err
}

// ReleaseAll ends every claim of every owner.
func (s *Store) ReleaseAll(ctx context.Context) error {
	return s.write(ctx, "release all claims", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE raw_ingestions SET owner = '', claimed_until = 0 WHERE status = 'accepted'`)
		return err
	})
}

// Backlog counts the unfinished ingestions.
func (s *Store) Backlog(ctx context.Context) (count int, oldest time.Time, err error) {
	var received int64
	err = s.read(ctx, "count unfinished ingestions", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx,
			`SELECT count(*), coalesce(min(received_at), 0) FROM raw_ingestions WHERE status = 'accepted'`).
			Scan(&count, &received)
	})
	return count, timeOf(received), err
}

// requireClaim returns backend.ErrClaimLost for an update that has changed no row.
func requireClaim(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err == nil && changed == 0 {
		return backend.ErrClaimLost
	}
	return err
}

const selectUnprocessed = `
SELECT coalesce(max(place), 0) FROM (
	SELECT min(` + orderOfIngestion + `, ?2) AS place FROM raw_ingestions WHERE user_id = ?1 AND status = 'accepted'
		AND (` + orderOfIngestion + ` < ?2 OR ` + orderOfIngestion + ` > ?2 AND (spool <> '' OR stored_size = 0))
	UNION ALL
	SELECT ` + orderOfIngestion + ` FROM raw_ingestions WHERE user_id = ?1 AND status IN ('failed', 'unrecognised')
		AND stored_size > 0 AND ` + orderOfIngestion + ` < ?2
	UNION ALL
	SELECT received_order FROM arriving_bodies WHERE user_id = ?1 AND received_order < ?2
)`

// Unprocessed returns how far the order of a user's older bodies is open.
func (s *Store) Unprocessed(ctx context.Context, user uuid.UUID, order health.Instant) (until health.Instant, err error) {
	err = s.readOf(ctx, user, "look for unprocessed bodies", func(tx *sql.Tx, userID int64) error {
		return tx.QueryRowContext(ctx, selectUnprocessed, userID, int64(order)).Scan(&until)
	})
	return until, err
}
