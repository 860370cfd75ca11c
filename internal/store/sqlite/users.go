package sqlite

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store/backend"
)

const userColumns = `uuid, email, name, time_zone, created_at`

// CreateUser stores a new user.
func (s *Store) CreateUser(ctx context.Context, user account.User, entries ...account.AuditEntry) error {
	return s.write(ctx, "create user", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO users (uuid, email, email_folded, name, time_zone, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
			user.ID[:], user.Email, backend.FoldCase(user.Email), user.Name, user.TimeZone, toMicros(user.CreatedAt))
		if err != nil {
			return conflictOnDuplicate(err, "email_taken", "There is a user with this email address already. Choose another address.")
		}
		return insertAudit(ctx, tx, entries)
	})
}

// User returns one user by id.
func (s *Store) User(ctx context.Context, id uuid.UUID) (account.User, error) {
	return s.oneUser(ctx, `SELECT `+userColumns+` FROM users WHERE uuid = ?`, id[:])
}

// UserByEmail returns one user by email address, compared without regard to case.
func (s *Store) UserByEmail(ctx context.Context, email string) (account.User, error) {
	return s.oneUser(ctx, `SELECT `+userColumns+` FROM users WHERE email_folded = ?`, backend.FoldCase(email))
}

func (s *Store) oneUser(ctx context.Context, query string, arg any) (user account.User, err error) {
	err = s.read(ctx, "read user", func(tx *sql.Tx) error {
		user, err = scanUser(tx.QueryRowContext(ctx, query, arg))
		if isNoRows(err) {
			return backend.NotFound("user")
		}
		return err
	})
	return user, err
}

// Users returns all users in the order of their creation.
func (s *Store) Users(ctx context.Context) (users []account.User, err error) {
	err = s.read(ctx, "list users", func(tx *sql.Tx) error {
		users, err = list(ctx, tx, scanUser, `SELECT `+userColumns+` FROM users ORDER BY created_at, id`)
		return err
	})
	return users, err
}

func scanUser(row row) (user account.User, err error) {
	var created int64
	err = row.Scan(&user.ID, &user.Email, &user.Name, &user.TimeZone, &created)
	user.CreatedAt = timeOf(created)
	return user, err
}
