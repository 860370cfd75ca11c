package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// enter begins a call; leave ends it.
func (s *Store) enter() (leave func(), err error) {
	s.underway.RLock()
	if s.closed {
		s.underway.RUnlock()
		return nil, errClosed
	}
	return s.underway.RUnlock, nil
}

// read runs a function in one transaction that sees one state of the database. Calls must not be nested: each holds
// one of a limited number of connections.
func (s *Store) read(ctx context.Context, doing string, query func(tx *sql.Tx) error) error {
	return s.transact(ctx, s.reader, doing, query)
}

// write runs a function in one transaction that nobody writes beside. Calls must not be nested.
func (s *Store) write(ctx context.Context, doing string, change func(tx *sql.Tx) error) error {
	return s.transact(ctx, s.writer, doing, change)
}

func (s *Store) transact(ctx context.Context, db *sql.DB, doing string, do func(tx *sql.Tx) error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, doing, err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := do(tx); err != nil {
		return translate(ctx, doing, err)
	}
	return translate(ctx, doing, tx.Commit())
}

// userNumber returns the number that stands for a user within this database; NotFound for somebody it does not know.
// It never changes.
func (s *Store) userNumber(ctx context.Context, tx *sql.Tx, id uuid.UUID) (int64, error) {
	if number, ok := s.users.Load(id); ok {
		return number.(int64), nil
	}
	var number int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM users WHERE uuid = ?`, id[:]).Scan(&number)
	if isNoRows(err) {
		return 0, notFound("user")
	}
	if err == nil {
		s.users.Store(id, number)
	}
	return number, err
}

// readOf is read for the data of one user. Somebody unknown has no data: query is not called.
func (s *Store) readOf(ctx context.Context, user uuid.UUID, doing string, query func(tx *sql.Tx, number int64) error) error {
	return s.read(ctx, doing, func(tx *sql.Tx) error {
		number, err := s.userNumber(ctx, tx, user)
		switch {
		case health.KindOf(err) == health.NotFound:
			return nil
		case err != nil:
			return err
		}
		return query(tx, number)
	})
}

// writeOf is write for the data of one user. NotFound: there is no such user.
func (s *Store) writeOf(ctx context.Context, user uuid.UUID, doing string, change func(tx *sql.Tx, number int64) error) error {
	return s.write(ctx, doing, func(tx *sql.Tx) error {
		number, err := s.userNumber(ctx, tx, user)
		if err != nil {
			return err
		}
		return change(tx, number)
	})
}

// writeDirectly is writeOf on the driver's connection.
func (s *Store) writeDirectly(
	ctx context.Context, user uuid.UUID, doing string, change func(conn *connection, number int64) error,
) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	pooled, err := s.writer.Conn(ctx)
	if err != nil {
		return translate(ctx, doing, err)
	}
	defer func() { _ = pooled.Close() }()
	tx, err := pooled.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, doing, err)
	}
	defer func() { _ = tx.Rollback() }()
	number, err := s.userNumber(ctx, tx, user)
	if err != nil {
		return translate(ctx, doing, err)
	}
	if err := pooled.Raw(func(conn any) error { return change(conn.(*connection), number) }); err != nil {
		return translate(ctx, doing, err)
	}
	return translate(ctx, doing, tx.Commit())
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

// one reads the row that is expected at most once; found is false where there is none.
func one[T any](ctx context.Context, tx *sql.Tx, scan func(row) (T, error), query string, args ...any) (found bool, it T, err error) {
	it, err = scan(tx.QueryRowContext(ctx, query, args...))
	if isNoRows(err) {
		return false, it, nil
	}
	return err == nil, it, err
}
