package postgres

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectUsers = `SELECT id, email, display_name, time_zone, created_at FROM users `

// CreateUser stores a new user.
func (s *Store) CreateUser(ctx context.Context, user account.User, entries ...account.AuditEntry) error {
	return s.writeAuditEntries(ctx, "create user", "", entries, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO users (id, email, email_folded, display_name, time_zone, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			user.ID, user.Email, backend.FoldCase(user.Email), user.Name, user.TimeZone, nullableTime(user.CreatedAt))
		return conflictOnDuplicate(err, "email_taken", "There is a user with this email address already. Choose another address.")
	})
}

// User returns one user by id.
func (s *Store) User(ctx context.Context, id uuid.UUID) (account.User, error) {
	return s.oneUser(ctx, selectUsers+`WHERE id = $1`, id)
}

// UserByEmail returns one user by email address, compared without regard to case.
func (s *Store) UserByEmail(ctx context.Context, email string) (account.User, error) {
	return s.oneUser(ctx, selectUsers+`WHERE email_folded = $1`, backend.FoldCase(email))
}

func (s *Store) oneUser(ctx context.Context, query string, arg any) (user account.User, err error) {
	err = s.read(ctx, "read user", func(ctx context.Context, conn querier) error {
		found := false
		if found, user, err = one(ctx, conn, scanUser, query, arg); err == nil && !found {
			return backend.NotFound("user")
		}
		return err
	})
	return user, err
}

// Users returns all users in the order of their creation.
func (s *Store) Users(ctx context.Context) (users []account.User, err error) {
	err = s.read(ctx, "list users", func(ctx context.Context, conn querier) error {
		users, err = list(ctx, conn, scanUser, selectUsers+`ORDER BY created_at, id`)
		return err
	})
	return users, err
}

func scanUser(row pgx.Row) (user account.User, err error) {
	err = row.Scan(&user.ID, &user.Email, &user.Name, &user.TimeZone, timeInto{&user.CreatedAt})
	return user, err
}
