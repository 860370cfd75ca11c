package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectKeys = `
SELECT k.id, k.user_id, k.name, k.scopes, k.tier, k.hash, k.created_at, k.expires_at, k.revoked_at, used.last_used_at
FROM api_keys k
LEFT JOIN api_key_use used ON used.key_id = k.id
`

// CreateKey stores a new key.
func (s *Store) CreateKey(ctx context.Context, key account.APIKey, entries ...account.AuditEntry) error {
	return s.writeKeys(ctx, key.UserID, "create key", entries, func(ctx context.Context, tx pgx.Tx) error {
		return insertKey(ctx, tx, &key)
	})
}

// writeKeys changes the keys of a user, who is not deleted meanwhile, and writes the audit entries.
func (s *Store) writeKeys(
	ctx context.Context, user uuid.UUID, operation string, entries []account.AuditEntry,
	change func(ctx context.Context, tx pgx.Tx) error,
) error {
	return s.writeAuditEntries(ctx, operation, lockStatement(userLock(user)), entries, func(ctx context.Context, tx pgx.Tx) error {
		if err := checkUser(ctx, tx, user); err != nil {
			return err
		}
		return change(ctx, tx)
	})
}

func insertKey(ctx context.Context, tx pgx.Tx, key *account.APIKey) error {
	scopes := make([]string, len(key.Scopes))
	for i, scope := range key.Scopes {
		scopes[i] = string(scope)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO api_keys (id, user_id, name, scopes, tier, hash, created_at, expires_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		key.ID, key.UserID, key.Name, scopes, key.Tier, key.Hash,
		nullableTime(key.CreatedAt), nullableTime(key.ExpiresAt), nullableTime(key.RevokedAt))
	if err != nil || key.LastUsedAt.IsZero() {
		return conflictOnDuplicate(err, "key_exists", "There is an API key with this id already. Create it with another one.")
	}
	return touchKeys(ctx, tx, map[string]time.Time{key.ID: key.LastUsedAt})
}

// Key returns one key by its id.
func (s *Store) Key(ctx context.Context, id string) (key account.APIKey, err error) {
	err = s.read(ctx, "read key", func(ctx context.Context, conn querier) error {
		found := false
		if found, key, err = one(ctx, conn, scanKey, selectKeys+`WHERE k.id = $1`, id); err == nil && !found {
			return backend.NotFound("API key")
		}
		return err
	})
	return key, err
}

// KeysOf returns all keys of a user in the order of their creation.
func (s *Store) KeysOf(ctx context.Context, user uuid.UUID) (keys []account.APIKey, err error) {
	err = s.read(ctx, "list keys", func(ctx context.Context, conn querier) error {
		keys, err = list(ctx, conn, scanKey, selectKeys+`WHERE k.user_id = $1 ORDER BY k.created_at, k.id`, user)
		return err
	})
	return keys, err
}

// errNothingChanged ends a transaction that has nothing to do.
var errNothingChanged = errors.New("nothing to change")

// RevokeKey marks a key of the user as revoked at t; one that is revoked by then stays as it is.
func (s *Store) RevokeKey(ctx context.Context, user uuid.UUID, id string, t time.Time, entries ...account.AuditEntry) error {
	err := s.writeAuditEntries(ctx, "revoke key", lockStatement(userLock(user)), entries, func(ctx context.Context, tx pgx.Tx) error {
		key, err := keyOf(ctx, tx, user, id)
		if err == nil && key.Revoked(t) {
			return errNothingChanged
		}
		if err != nil {
			return err
		}
		return revoke(ctx, tx, id, t)
	})
	if errors.Is(err, errNothingChanged) {
		return nil
	}
	return err
}

// RotateKey stores a new key of the same user and marks the old one as revoked at t.
func (s *Store) RotateKey(
	ctx context.Context, id string, t time.Time, replacement account.APIKey, entries ...account.AuditEntry,
) error {
	return s.writeKeys(ctx, replacement.UserID, "rotate key", entries, func(ctx context.Context, tx pgx.Tx) error {
		old, err := keyOf(ctx, tx, replacement.UserID, id)
		if err != nil {
			return err
		}
		if !old.RevokedAt.IsZero() {
			return backend.ErrKeyRevoked
		}
		if err := revoke(ctx, tx, id, t); err != nil {
			return err
		}
		return insertKey(ctx, tx, &replacement)
	})
}

func keyOf(ctx context.Context, tx pgx.Tx, user uuid.UUID, id string) (account.APIKey, error) {
	found, key, err := one(ctx, tx, scanKey, selectKeys+`WHERE k.id = $1 AND k.user_id = $2`, id, user)
	if err == nil && !found {
		err = backend.NotFound("API key")
	}
	return key, err
}

func revoke(ctx context.Context, tx pgx.Tx, id string, t time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE api_keys SET revoked_at = $2 WHERE id = $1`, id, nullableTime(t))
	return err
}

// RevokedSince returns the ids of keys, of any user, that were revoked at t or later, will be, or are gone.
func (s *Store) RevokedSince(ctx context.Context, t time.Time) (ids []string, err error) {
	err = s.read(ctx, "list revoked keys", func(ctx context.Context, conn querier) error {
		rows, err := conn.Query(ctx, `
			SELECT id FROM (
				SELECT id, revoked_at AS at FROM api_keys WHERE revoked_at >= $1
				UNION ALL SELECT id, erased_at FROM erased_keys WHERE erased_at >= $1
			) k ORDER BY at, id`, t)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return ids, err
}

// TouchKeys records when keys were last used.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return s.write(ctx, "record use of keys", func(ctx context.Context, tx pgx.Tx) error { return touchKeys(ctx, tx, used) })
}

// touchKeys writes in the order of the ids, so that two servers that do so at the same time do not deadlock.
func touchKeys(ctx context.Context, tx pgx.Tx, used map[string]time.Time) error {
	var ids []string
	for id := range used {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	times := make([]time.Time, len(ids))
	for i, id := range ids {
		times[i] = used[id]
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO api_key_use (key_id, last_used_at)
		SELECT k.id, u.used_at FROM unnest($1::text[], $2::timestamptz[]) u (id, used_at)
		JOIN api_keys k ON k.id = u.id ORDER BY k.id
		ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at
			WHERE excluded.last_used_at > api_key_use.last_used_at`, ids, times)
	return err
}

func scanKey(row pgx.Row) (key account.APIKey, err error) {
	var scopes []string
	err = row.Scan(&key.ID, &key.UserID, &key.Name, &scopes, &key.Tier, &key.Hash, timeInto{&key.CreatedAt},
		timeInto{&key.ExpiresAt}, timeInto{&key.RevokedAt}, timeInto{&key.LastUsedAt})
	for _, scope := range scopes {
		key.Scopes = append(key.Scopes, account.Scope(scope))
	}
	return key, err
}
