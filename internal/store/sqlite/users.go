package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

const userColumns = `uuid, email, name, time_zone, created_at`

// CreateUser stores a new user.
func (s *Store) CreateUser(ctx context.Context, user health.User) error {
	return s.write(ctx, "create user", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO users (uuid, email, email_folded, name, time_zone, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
			user.ID[:], user.Email, folded(user.Email), user.Name, user.TimeZone, micros(user.CreatedAt))
		return err
	})
}

// User returns one user by id.
func (s *Store) User(ctx context.Context, id uuid.UUID) (health.User, error) {
	return s.oneUser(ctx, `SELECT `+userColumns+` FROM users WHERE uuid = ?`, id[:])
}

// UserByEmail returns one user by email address, compared without regard to case.
func (s *Store) UserByEmail(ctx context.Context, email string) (health.User, error) {
	return s.oneUser(ctx, `SELECT `+userColumns+` FROM users WHERE email_folded = ?`, folded(email))
}

func (s *Store) oneUser(ctx context.Context, query string, arg any) (user health.User, err error) {
	err = s.read(ctx, "read user", func(tx *sql.Tx) error {
		user, err = scanUser(tx.QueryRowContext(ctx, query, arg))
		if isNoRows(err) {
			return notFound("user")
		}
		return err
	})
	return user, err
}

// Users returns all users in the order of their creation.
func (s *Store) Users(ctx context.Context) (users []health.User, err error) {
	err = s.read(ctx, "list users", func(tx *sql.Tx) error {
		users, err = list(ctx, tx, scanUser, `SELECT `+userColumns+` FROM users ORDER BY created_at, id`)
		return err
	})
	return users, err
}

func scanUser(row row) (user health.User, err error) {
	var created int64
	err = row.Scan(&user.ID, &user.Email, &user.Name, &user.TimeZone, &created)
	user.CreatedAt = timeOf(created)
	return user, err
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
