package postgres

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// Put stores a new ingestion with its body, claimed by owner. Its StoredSize is what was read from body. A claim counts
// as the first attempt; with an empty owner it is not claimed.
//
// It is retried, as other calls are, only where body can be read again from its start (io.Seeker).
func (s *Store) Put(ctx context.Context, ingestion health.Ingestion, body io.Reader, owner string, until time.Time) (err error) {
	const operation = "archive body"
	ctx, done, err := s.lifecycle.Start(ctx, s.calls, operation)
	if err != nil {
		return err
	}
	defer func() { done(err) }()
	ingestion.Attempts = 0
	if owner != "" {
		ingestion.Attempts = 1
	}
	if err := s.partitions.cover(ctx, archiveTables, ingestion.ReceivedAt); err != nil {
		return translate(ctx, operation, err)
	}
	err = s.retryPut(ctx, body, func() error { return s.putOnce(ctx, ingestion, body, owner, until) })
	if isPartitionMissing(err) { // a month was dropped by hand: the next attempt creates it
		s.partitions.invalidate(archiveTables)
		return problem.New(problem.Unavailable, "store_busy", "The database is being tidied up. Try again in a moment.").Because(err)
	}
	return translate(ctx, operation, err)
}

// retryPut retries where the body can be read again.
func (s *Store) retryPut(ctx context.Context, body io.Reader, put func() error) error {
	seeker, ok := body.(io.Seeker)
	if !ok {
		return put()
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return bodyReadError{err}
	}
	return retry(ctx, func() error {
		if _, err := seeker.Seek(start, io.SeekStart); err != nil {
			return bodyReadError{err}
		}
		return put()
	})
}

// putOnce has a time limit for each chunk and none as a whole, because a body may be long.
func (s *Store) putOnce(
	ctx context.Context, ingestion health.Ingestion, body io.Reader, owner string, until time.Time,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := time.AfterFunc(s.timeout, cancel)
	defer limit.Stop()
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	begin := s.begin + synchronousCommit + sharedLockStatement(archiveLock(ingestion.UserID))
	return transact(ctx, conn, begin, func(ctx context.Context, tx pgx.Tx) (err error) {
		if err := checkReceived(ctx, tx, ingestion.UserID, ingestion.PlaceInOrder()); err != nil {
			return err
		}
		ingestion.StoredSize, err = putBody(ctx, tx, &ingestion, body, func() { limit.Reset(s.timeout) })
		if err != nil {
			return err
		}
		return insertIngestion(ctx, tx, &ingestion, owner, until)
	})
}

// synchronousCommit makes the commit wait for the disk, also in a database with synchronous_commit = off. A setting that
// waits for more than the disk is left as it is.
const synchronousCommit = ` SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';`

// putBody writes a body chunk by chunk and calls progress before each and at the end.
func putBody(
	ctx context.Context, tx pgx.Tx, of *health.Ingestion, body io.Reader, progress func(),
) (size int64, err error) {
	readError := func(err error) error { return bodyReadError{err} }
	defer progress()
	return backend.WriteChunks(body, readError, func(index int, chunk []byte) error {
		progress()
		_, err := tx.Exec(ctx, `
			INSERT INTO raw_bodies (user_id, ingestion_id, received_at, piece, bytes) VALUES ($1, $2, $3, $4, $5)`,
			of.UserID, of.ID, nullableTime(of.ReceivedAt), index, chunk)
		return err
	})
}

// Body returns the stored body for reading. It holds no connection while the caller reads: a body never changes.
func (s *Store) Body(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error) {
	ingestion, err := s.Ingestion(ctx, user, id)
	if err != nil {
		return nil, err
	}
	return backend.ReadChunks(ingestion.StoredSize, func(chunk int) (data []byte, err error) {
		err = s.read(ctx, "read body", func(ctx context.Context, conn querier) error {
			return conn.QueryRow(ctx, `
				SELECT bytes FROM raw_bodies WHERE user_id = $1 AND ingestion_id = $2 AND piece = $3 AND received_at = $4`,
				user, id, chunk, nullableTime(ingestion.ReceivedAt)).Scan(&data)
		})
		if isNoRows(err) {
			err = io.ErrUnexpectedEOF
		}
		return data, err
	}), nil
}

// Ingestion returns one ingestion without its body.
func (s *Store) Ingestion(ctx context.Context, user, id uuid.UUID) (ingestion health.Ingestion, err error) {
	err = s.read(ctx, "read ingestion", func(ctx context.Context, conn querier) error {
		found := false
		found, ingestion, err = one(ctx, conn, scanIngestion,
			`SELECT `+fullIngestion+` FROM raw_ingestions WHERE user_id = $1 AND id = $2`, user, id)
		if err == nil && !found {
			return backend.NotFound("ingestion")
		}
		return err
	})
	return ingestion, err
}

// Ingestions returns a user's ingestions in the order of the query.
func (s *Store) Ingestions(ctx context.Context, user uuid.UUID, query store.IngestionQuery) (ingestions []health.Ingestion, err error) {
	c := condition{text: `user_id = $1`, args: []any{user}}
	if query.Status != "" {
		c.and(`status = `, string(query.Status))
	}
	if query.Format != "" {
		c.and(`format = `, query.Format)
	}
	if !query.Since.IsZero() {
		c.and(`received_at >= `, nullableTime(query.Since))
	}
	if !query.Until.IsZero() {
		c.and(`received_at < `, nullableTime(query.Until))
	}
	if query.Before != uuid.Nil {
		c.and(`id < `, query.Before)
	}
	if query.After != uuid.Nil {
		c.and(`id > `, query.After)
	}
	order := `DESC`
	if query.OldestFirst {
		order = `ASC`
	}
	err = s.read(ctx, "list ingestions", func(ctx context.Context, conn querier) error {
		ingestions, err = list(ctx, conn, scanIngestion,
			`SELECT `+briefIngestion+` FROM raw_ingestions WHERE `+c.text+` ORDER BY id `+order+` LIMIT `+c.arg(query.Limit), c.args...)
		return err
	})
	return ingestions, err
}

// ActiveUsers counts the users who have an ingestion received since t.
func (s *Store) ActiveUsers(ctx context.Context, since time.Time) (count int, err error) {
	err = s.read(ctx, "count active users", func(ctx context.Context, conn querier) error {
		return conn.QueryRow(ctx, `SELECT count(DISTINCT user_id) FROM raw_ingestions WHERE received_at >= $1`,
			nullableTime(since)).Scan(&count)
	})
	return count, err
}

// bodyReadError is an error of a body's reader and not of the database: it is not retried.
type bodyReadError struct{ error }

// Unwrap returns the reader's error.
func (e bodyReadError) Unwrap() error { return e.error }
