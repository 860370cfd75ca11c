package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// querier is what reading needs of a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// read runs a function that makes one query, or several that need not see the same state. It may be run again when the
// connection is lost.
func (s *Store) read(ctx context.Context, operation string, query func(ctx context.Context, conn querier) error) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error { return query(ctx, conn) })
}

// snapshot is read for several queries that must see the same state.
func (s *Store) snapshot(ctx context.Context, operation string, query func(ctx context.Context, tx querier) error) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
			func(tx pgx.Tx) error { return query(ctx, tx) })
	})
}

// write runs a function in one transaction. It may be run again after a failure that another attempt may not meet.
func (s *Store) write(ctx context.Context, operation string, change func(ctx context.Context, tx pgx.Tx) error) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
		return transact(ctx, conn, s.begin, change)
	})
}

// writeReceived is write for the data of one user that came with a body; no other writes it meanwhile. NotFound: there is
// no such user. Conflict: the user's data was erased since.
func (s *Store) writeReceived(
	ctx context.Context, user uuid.UUID, received health.Instant, operation string,
	change func(ctx context.Context, tx pgx.Tx) error,
) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
		return transact(ctx, conn, s.begin+lockStatement(userLock(user)), func(ctx context.Context, tx pgx.Tx) error {
			if err := checkReceived(ctx, tx, user, received); err != nil {
				return err
			}
			return change(ctx, tx)
		})
	})
}

// checkUser makes sure that nothing is written for a user who is gone.
func checkUser(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	return checkReceived(ctx, tx, user, 0)
}

// checkReceived makes sure that nothing is written for a user who is gone, or that was received before the user's data
// was erased. received is 0 for what did not come with a body.
func checkReceived(ctx context.Context, tx pgx.Tx, user uuid.UUID, received health.Instant) error {
	var erased health.Instant
	err := tx.QueryRow(ctx, `SELECT erased_at FROM users WHERE id = $1`, user).Scan(instantInto{&erased})
	switch {
	case isNoRows(err):
		return backend.NotFound("user")
	case err == nil && received != 0 && received <= erased:
		return backend.ErrErased
	}
	return err
}

// onConnection runs a function on a connection of the pool, within the time limit, and again while that may help.
func (s *Store) onConnection(
	ctx context.Context, operation string, do func(ctx context.Context, conn *pgxpool.Conn) error,
) error {
	return s.onConnectionWithin(ctx, s.timeout, operation, do)
}

func (s *Store) onConnectionWithin(
	ctx context.Context, limit time.Duration, operation string, do func(ctx context.Context, conn *pgxpool.Conn) error,
) (err error) {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	ctx, done := s.calls.Start(ctx, operation)
	defer func() { done(err) }()
	return translate(ctx, operation, retry(ctx, func() error {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		conn, err := s.acquire(limited)
		if err != nil {
			return err
		}
		defer conn.Release()
		return do(limited, conn)
	}))
}

// acquire waits for a free connection of the pool, within the time limit.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.pool.Acquire(ctx)
}

func transact(
	ctx context.Context, conn *pgxpool.Conn, begin string, change func(ctx context.Context, tx pgx.Tx) error,
) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return err
	}
	defer rollback(ctx, tx)
	if err := change(ctx, tx); err != nil {
		return err
	}
	return commitError(tx.Commit(ctx))
}

// rollback does nothing after a commit. It must reach the server also when the call was given up; a connection on which
// it fails is closed by the pool.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// beginWithin begins a transaction, in one round trip and whatever the database's defaults are. The server itself ends one
// whose client has vanished or hangs, so that its locks do not outlive it for long.
func beginWithin(limit time.Duration) string {
	return fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"+
		" SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %[1]d;", limit.Milliseconds())
}

// The keys of the locks that are not a user's.
const (
	migrationLock  int64 = 0x6865616c74680001
	dictionaryLock int64 = 0x6865616c74680002
	partitionLock  int64 = 0x6865616c74680003
	sourcesLock    int64 = 0x6865616c74680004
)

// userLock is the key of the lock under which a user's data is written; who writes samples shares it (see sampleLocks).
// That two users may have the same key only makes them wait for each other.
func userLock(user uuid.UUID) int64 { return int64(binary.BigEndian.Uint64(user[8:])) }

// lockStatement takes a lock until the end of the transaction. The next statement sees what the one who held it before
// has committed.
func lockStatement(key int64) string { return fmt.Sprintf(" SELECT pg_advisory_xact_lock(%d);", key) }

// sharedLockStatement takes a lock until the end of the transaction beside others who do so, and not beside lockStatement.
func sharedLockStatement(key int64) string {
	return fmt.Sprintf(" SELECT pg_advisory_xact_lock_shared(%d);", key)
}

// archiveLock is the key of the lock that keeps a user from being erased while a body is put into the archive, which must
// not wait for the writing of another one.
func archiveLock(user uuid.UUID) int64 { return ^userLock(user) }

// sequentialShards is for transactions that write to tables that are spread and to such that are not, see the rules of Citus.
const sequentialShards = ` SET LOCAL citus.multi_shard_modify_mode TO 'sequential';`

// list reads all rows of a query.
func list[T any](ctx context.Context, q querier, scan func(pgx.Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
}

// one reads the row that is expected at most once; found is false where there is none.
func one[T any](ctx context.Context, q querier, scan func(pgx.Row) (T, error), query string, args ...any) (found bool, it T, err error) {
	it, err = scan(q.QueryRow(ctx, query, args...))
	if isNoRows(err) {
		return false, it, nil
	}
	return err == nil, it, err
}
