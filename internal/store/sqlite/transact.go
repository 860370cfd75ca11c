package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store/backend"
)

// read runs a function in one transaction, with a snapshot of the database. Calls must not be nested: each takes one of a
// limited number of connections.
func (s *Store) read(ctx context.Context, operation string, query func(tx *sql.Tx) error) error {
	return s.transact(ctx, s.reader, operation, query)
}

// write runs a function in a transaction with SQLite's write lock. Calls must not be nested.
func (s *Store) write(ctx context.Context, operation string, change func(tx *sql.Tx) error) error {
	return s.transact(ctx, s.writer, operation, change)
}

func (s *Store) transact(ctx context.Context, db *sql.DB, operation string, do func(tx *sql.Tx) error) (err error) {
	ctx, done, err := s.lifecycle.Start(ctx, s.calls, operation)
	if err != nil {
		return err
	}
	defer func() { done(err) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, operation, err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := do(tx); err != nil {
		return translate(ctx, operation, err)
	}
	return translate(ctx, operation, tx.Commit())
}

// userState is a user as far as calls need it.
type userState struct {
	id     int64          // in this database; it never changes
	erased health.Instant // what was received by then is not stored; 0: nothing was erased
}

// accepts returns ErrErased for what must not be stored any more. received is 0 for what was not received with a body.
func (a userState) accepts(received health.Instant) error {
	if received != 0 && received <= a.erased {
		return backend.ErrErased
	}
	return nil
}

// userState reads a user. NotFound. Writes must use it and not the cached id: another process may have deleted the user.
func (s *Store) userState(ctx context.Context, tx *sql.Tx, id uuid.UUID) (a userState, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, erased_at FROM users WHERE uuid = ?`, id[:]).Scan(&a.id, &a.erased)
	if isNoRows(err) {
		return a, backend.NotFound("user")
	}
	if err == nil {
		s.users.Store(id, a.id)
	}
	return a, err
}

// userID returns the id of a user for reading. NotFound.
func (s *Store) userID(ctx context.Context, tx *sql.Tx, id uuid.UUID) (int64, error) {
	if known, ok := s.users.Load(id); ok {
		return known.(int64), nil
	}
	a, err := s.userState(ctx, tx, id)
	return a.id, err
}

// readOf is read for the data of one user. query is not called for a user who does not exist.
func (s *Store) readOf(ctx context.Context, user uuid.UUID, operation string, query func(tx *sql.Tx, userID int64) error) error {
	return s.read(ctx, operation, func(tx *sql.Tx) error {
		userID, err := s.userID(ctx, tx, user)
		switch {
		case problem.KindOf(err) == problem.NotFound:
			return nil
		case err != nil:
			return err
		}
		return query(tx, userID)
	})
}

// writeOf is write for the data of one user. NotFound: there is no such user.
func (s *Store) writeOf(ctx context.Context, user uuid.UUID, operation string, change func(tx *sql.Tx, userID int64) error) error {
	return s.writeReceived(ctx, user, 0, operation, change)
}

// writeReceived is writeOf for what was received with a body. Conflict: the user's data was erased since.
func (s *Store) writeReceived(
	ctx context.Context, user uuid.UUID, received health.Instant, operation string, change func(tx *sql.Tx, userID int64) error,
) error {
	return s.write(ctx, operation, func(tx *sql.Tx) error {
		a, err := s.userState(ctx, tx, user)
		if err == nil {
			err = a.accepts(received)
		}
		if err != nil {
			return err
		}
		return change(tx, a.id)
	})
}

// writeDirectly is writeReceived on the driver's connection. look is called first in the same transaction.
func (s *Store) writeDirectly(
	ctx context.Context, user uuid.UUID, received health.Instant, operation string, check func(tx *sql.Tx) error,
	change func(conn *connection, userID int64) error,
) (err error) {
	ctx, done, err := s.lifecycle.Start(ctx, s.calls, operation)
	if err != nil {
		return err
	}
	defer func() { done(err) }()
	pooled, err := s.writer.Conn(ctx)
	if err != nil {
		return translate(ctx, operation, err)
	}
	defer func() { _ = pooled.Close() }()
	tx, err := pooled.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, operation, err)
	}
	defer func() { _ = tx.Rollback() }()
	a, err := s.userState(ctx, tx, user)
	if err == nil {
		err = a.accepts(received)
	}
	if err == nil {
		err = check(tx)
	}
	if err != nil {
		return translate(ctx, operation, err)
	}
	if err := pooled.Raw(func(conn any) error { return change(conn.(*connection), a.id) }); err != nil {
		return translate(ctx, operation, err)
	}
	return translate(ctx, operation, tx.Commit())
}

// eachValues passes on the rows of a query, with every column as the driver returns it; a row is good until the next one.
func eachValues(ctx context.Context, tx *sql.Tx, take func(row []driver.Value) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	row, targets := make([]driver.Value, len(columns)), make([]any, len(columns))
	for i := range row {
		targets[i] = (*any)(&row[i])
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if err := take(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row is what *sql.Row and *sql.Rows have in common.
type row interface{ Scan(dest ...any) error }

// list reads all rows of a query.
func list[T any](ctx context.Context, tx *sql.Tx, scan func(row) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// one reads the only row of a query; found is false where there is none.
func one[T any](ctx context.Context, tx *sql.Tx, scan func(row) (T, error), query string, args ...any) (found bool, it T, err error) {
	it, err = scan(tx.QueryRowContext(ctx, query, args...))
	if isNoRows(err) {
		return false, it, nil
	}
	return err == nil, it, err
}
