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

// read runs a function that makes one query, or several that need no common snapshot. It may be run again when the
// connection is lost.
func (s *Store) read(ctx context.Context, operation string, query func(ctx context.Context, conn querier) error) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error { return query(ctx, conn) })
}

// snapshot is read for several queries that need a common snapshot.
func (s *Store) snapshot(ctx context.Context, operation string, query func(ctx context.Context, tx querier) error) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
			func(tx pgx.Tx) error { return query(ctx, tx) })
	})
}

// write runs a function in one transaction. It may be run again, see retry.
func (s *Store) write(ctx context.Context, operation string, change func(ctx context.Context, tx pgx.Tx) error) error {
	return s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
		return transact(ctx, conn, s.begin, change)
	})
}

// writeReceived is write for the data of one user that was received with a body, under the user's lock. NotFound: there is
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

// checkUser returns NotFound for a user who does not exist.
func checkUser(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	return checkReceived(ctx, tx, user, 0)
}

// checkReceived returns NotFound for a user who does not exist, and ErrErased for what came with a body that began to arrive
// before the user's data was erased. received is its order, 0 for what came with no body.
func checkReceived(ctx context.Context, tx pgx.Tx, user uuid.UUID, received health.Instant) error {
	erased, err := readErased(ctx, tx, user)
	if err == nil && received != 0 && received <= erased {
		return backend.ErrErased
	}
	return err
}

// readErased returns the order up to which what a user sent was erased; 0 where nothing was. NotFound.
func readErased(ctx context.Context, tx pgx.Tx, user uuid.UUID) (erased health.Instant, err error) {
	err = tx.QueryRow(ctx, `SELECT erased_at FROM users WHERE id = $1`, user).Scan(instantInto{&erased})
	if isNoRows(err) {
		return 0, backend.NotFound("user")
	}
	return erased, err
}

// onConnection runs a function on a connection of the pool, within the time limit, with retries.
func (s *Store) onConnection(
	ctx context.Context, operation string, do func(ctx context.Context, conn *pgxpool.Conn) error,
) error {
	return s.onConnectionWithin(ctx, s.timeout, operation, do)
}

func (s *Store) onConnectionWithin(
	ctx context.Context, limit time.Duration, operation string, do func(ctx context.Context, conn *pgxpool.Conn) error,
) (err error) {
	ctx, done, err := s.lifecycle.Start(ctx, s.calls, operation)
	if err != nil {
		return err
	}
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

// rollback does nothing after a commit. It is also sent when the context of the call has ended; a connection on which it
// fails is closed by the pool.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// beginWithin begins a transaction, in one round trip and independent of the database's defaults. The server ends one whose
// client is gone or hangs, so that its locks are released.
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

// userLock is the key of the lock under which a user's data is written; writers of samples share it (see sampleLocks). Two
// users may have the same key; then they only wait for each other.
func userLock(user uuid.UUID) int64 { return int64(binary.BigEndian.Uint64(user[8:])) }

// lockStatement takes a lock until the end of the transaction. The next statement sees what its previous holder has
// committed.
func lockStatement(key int64) string { return fmt.Sprintf(" SELECT pg_advisory_xact_lock(%d);", key) }

// sharedLockStatement takes a shared lock until the end of the transaction.
func sharedLockStatement(key int64) string {
	return fmt.Sprintf(" SELECT pg_advisory_xact_lock_shared(%d);", key)
}

// archiveLock is the key of the lock that prevents the erasure of a user while a body is put into the archive, which must
// not wait for userLock.
func archiveLock(user uuid.UUID) int64 { return ^userLock(user) }

// sequentialShards is for transactions that write to distributed tables and to others, which Citus requires.
const sequentialShards = ` SET LOCAL citus.multi_shard_modify_mode TO 'sequential';`

// list reads all rows of a query.
func list[T any](ctx context.Context, q querier, scan func(pgx.Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
}

// one reads the only row of a query; found is false where there is none.
func one[T any](ctx context.Context, q querier, scan func(pgx.Row) (T, error), query string, args ...any) (found bool, it T, err error) {
	it, err = scan(q.QueryRow(ctx, query, args...))
	if isNoRows(err) {
		return false, it, nil
	}
	return err == nil, it, err
}
