package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// claimCandidates is how many ingestions a worker tries to claim before it reads again which ones can be claimed.
const claimCandidates = 8

// selectClaimable returns, oldest first, the unclaimed ingestions that are each the oldest unfinished one of their user, or
// whose body is in the given spool.
const selectClaimable = `
SELECT user_id, id FROM (
	SELECT * FROM (
		SELECT DISTINCT ON (user_id) user_id, id, claimed_until FROM raw_ingestions
		WHERE status = 'accepted' AND spool = '' ORDER BY user_id, id
	) oldest
	UNION ALL
	SELECT user_id, id, claimed_until FROM raw_ingestions WHERE status = 'accepted' AND spool = $3 AND spool <> ''
) unfinished
WHERE claimed_until IS NULL OR claimed_until <= $1
ORDER BY id LIMIT $2`

// ClaimNext claims the oldest unfinished ingestion that is not claimed and is the oldest of its user. Candidates are read
// without a lock; the claim itself is one statement on one user's row, which fails if another worker was quicker.
func (s *Store) ClaimNext(ctx context.Context, owner, spool string, now, until time.Time) (ingestion health.Ingestion, err error) {
	for {
		var found []claimCandidate
		err := s.read(ctx, "look for unfinished ingestions", func(ctx context.Context, conn querier) (err error) {
			found, err = list(ctx, conn, scanClaimCandidate, selectClaimable, nullableTime(now), claimCandidates, spool)
			return err
		})
		if err != nil {
			return ingestion, err
		}
		if len(found) == 0 {
			return ingestion, backend.NotFound("unfinished ingestion")
		}
		for _, c := range found {
			claimed, in, err := s.claim(ctx, c, owner, now, until)
			if claimed || err != nil {
				return in, err
			}
		}
	}
}

type claimCandidate struct{ user, id uuid.UUID }

func scanClaimCandidate(row pgx.Row) (c claimCandidate, err error) {
	err = row.Scan(&c.user, &c.id)
	return c, err
}

// claim counts an attempt and returns the ingestion as it then is; claimed is false where another worker has claimed or
// finished it since it was read.
func (s *Store) claim(
	ctx context.Context, c claimCandidate, owner string, now, until time.Time,
) (claimed bool, in health.Ingestion, err error) {
	err = s.write(ctx, "claim ingestion", func(ctx context.Context, tx pgx.Tx) error {
		claimed, in, err = one(ctx, tx, scanIngestion, `
			UPDATE raw_ingestions SET owner = $3, claimed_until = $4, attempts = attempts + 1
			WHERE user_id = $1 AND id = $2 AND status = 'accepted' AND (claimed_until IS NULL OR claimed_until <= $5)
			RETURNING `+fullIngestion, c.user, c.id, owner, nullableTime(until), nullableTime(now))
		return err
	})
	return claimed, in, err
}

// Renew extends owner's claim.
func (s *Store) Renew(ctx context.Context, id uuid.UUID, owner string, until time.Time) error {
	return s.updateClaimed(ctx, "renew claim", `
		UPDATE raw_ingestions SET claimed_until = $3 WHERE id = $1 AND owner = $2 AND status = 'accepted'`,
		id, owner, nullableTime(until))
}

// Release gives up owner's claim; the ingestion is not found by ClaimNext until the given time.
func (s *Store) Release(ctx context.Context, id uuid.UUID, owner string, after time.Time) error {
	return s.updateClaimed(ctx, "release claim", `
		UPDATE raw_ingestions SET owner = '', claimed_until = $3 WHERE id = $1 AND owner = $2 AND status = 'accepted'`,
		id, owner, nullableTime(after))
}

// Finish records the result of the ingestion and ends owner's claim.
func (s *Store) Finish(ctx context.Context, in health.Ingestion, owner string, entries ...account.AuditEntry) error {
	report, err := backend.EncodeReport(&in.Report)
	if err != nil {
		return err
	}
	return s.writeAuditEntries(ctx, "finish ingestion", "", entries, func(ctx context.Context, tx pgx.Tx) error {
		return requireClaim(tx.Exec(ctx, `
			UPDATE raw_ingestions SET owner = '', claimed_until = NULL, spool = '', size = $4, format = $5, status = $6, finished_at = $7,
				failure = $8, failure_code = $9, duration = $10, counts = $11, warning_count = $12, errors = $13, warnings = $14, types = $15,
				sha256 = $16
			WHERE user_id = $1 AND id = $2 AND owner = $3 AND status = 'accepted'`,
			in.UserID, in.ID, owner, in.Size, in.Format, string(in.Status), nullableTime(in.FinishedAt), in.Failure, in.FailureCode,
			int64(in.Duration), report.Counts, in.Report.WarningCount, report.Errors, report.Warnings, report.Types, in.SHA256[:]))
	})
}

// updateClaimed runs an update whose condition is that owner holds the claim.
func (s *Store) updateClaimed(ctx context.Context, operation, update string, args ...any) error {
	return s.write(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		return requireClaim(tx.Exec(ctx, update, args...))
	})
}

// requireClaim returns backend.ErrClaimLost for an update that has changed no row.
func requireClaim(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return backend.ErrClaimLost
	}
	return err
}

// Reopen makes a finished ingestion unfinished again, claimed by owner; its result is cleared.
func (s *Store) Reopen(ctx context.Context, user, id uuid.UUID, owner string, until time.Time) (in health.Ingestion, err error) {
	empty, err := backend.EncodeReport(&health.Report{})
	if err != nil {
		return in, err
	}
	err = s.write(ctx, "reopen ingestion", func(ctx context.Context, tx pgx.Tx) error {
		reopened := false
		reopened, in, err = one(ctx, tx, scanIngestion, `
			UPDATE raw_ingestions SET status = 'accepted', finished_at = NULL, failure = '', failure_code = '', duration = 0,
				counts = $5, warning_count = 0, errors = $6, warnings = $7, types = $8, owner = $3, claimed_until = $4, attempts = attempts + 1
			WHERE user_id = $1 AND id = $2 AND status <> 'accepted'
			RETURNING `+fullIngestion, user, id, owner, nullableTime(until), empty.Counts, empty.Errors, empty.Warnings, empty.Types)
		if err != nil || reopened {
			return err
		}
		unfinished := false
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM raw_ingestions WHERE user_id = $1 AND id = $2)`, user, id).
			Scan(&unfinished); err != nil {
			return err
		}
		if unfinished {
			return backend.ErrUnfinished
		}
		return backend.NotFound("ingestion")
	})
	return in, err
}

// ReleaseAll fails: other servers may be processing what they have claimed, and their claims expire.
func (s *Store) ReleaseAll(context.Context) error {
	return errors.New("release all claims: several servers may share a PostgreSQL database")
}

// Backlog counts the unfinished ingestions.
func (s *Store) Backlog(ctx context.Context) (count int, oldest time.Time, err error) {
	err = s.read(ctx, "count unfinished ingestions", func(ctx context.Context, conn querier) error {
		return conn.QueryRow(ctx, `SELECT count(*), min(received_at) FROM raw_ingestions WHERE status = 'accepted'`).
			Scan(&count, timeInto{&oldest})
	})
	return count, oldest, err
}

// selectUnprocessed is one statement, so that a body that is stored meanwhile is either seen as arriving or as unfinished.
const selectUnprocessed = `
SELECT max(place) FROM (
	SELECT least(` + orderOfIngestion + `, $2) AS place FROM raw_ingestions WHERE user_id = $1 AND status = 'accepted'
		AND (` + orderOfIngestion + ` < $2 OR ` + orderOfIngestion + ` > $2 AND (spool <> '' OR stored_size = 0))
	UNION ALL
	SELECT ` + orderOfIngestion + ` FROM raw_ingestions WHERE user_id = $1 AND status IN ('failed', 'unrecognised')
		AND stored_size > 0 AND ` + orderOfIngestion + ` < $2
	UNION ALL
	SELECT place FROM body_orders, unnest(arriving) place WHERE user_id = $1 AND place < $2
) unprocessed`

// Unprocessed returns how far the order of a user's older bodies is open.
func (s *Store) Unprocessed(ctx context.Context, user uuid.UUID, order health.Instant) (until health.Instant, err error) {
	err = s.read(ctx, "look for unprocessed bodies", func(ctx context.Context, conn querier) error {
		var found *int64
		err := conn.QueryRow(ctx, selectUnprocessed, user, int64(order)).Scan(&found)
		until = 0
		if found != nil {
			until = health.Instant(*found)
		}
		return err
	})
	return until, err
}
