package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectKeys = `
SELECT k.id, u.uuid, k.name, k.scopes, k.tier, k.hash, k.created_at, k.expires_at, k.revoked_at,
       coalesce(used.last_used_at, 0)
FROM api_keys k
JOIN users u ON u.id = k.user_id
LEFT JOIN api_key_use used ON used.key_id = k.id
`

// CreateKey stores a new key.
func (s *Store) CreateKey(ctx context.Context, key account.APIKey, entries ...account.AuditEntry) error {
	return s.writeOf(ctx, key.UserID, "create key", func(tx *sql.Tx, user int64) error {
		if err := insertKey(ctx, tx, user, &key); err != nil {
			return err
		}
		return insertAudit(ctx, tx, entries)
	})
}

func insertKey(ctx context.Context, tx *sql.Tx, user int64, key *account.APIKey) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO api_keys (id, user_id, name, scopes, tier, hash, created_at, expires_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		key.ID, user, key.Name, joinScopes(key.Scopes), key.Tier, key.Hash,
		toMicros(key.CreatedAt), toMicros(key.ExpiresAt), toMicros(key.RevokedAt))
	if err != nil || key.LastUsedAt.IsZero() {
		return conflictOnDuplicate(err, "key_exists", "There is an API key with this id already. Create it with another one.")
	}
	return touchKey(ctx, tx, key.ID, key.LastUsedAt)
}

// Key returns one key by its id.
func (s *Store) Key(ctx context.Context, id string) (key account.APIKey, err error) {
	err = s.read(ctx, "read key", func(tx *sql.Tx) error {
		key, err = scanKey(tx.QueryRowContext(ctx, selectKeys+`WHERE k.id = ?`, id))
		if isNoRows(err) {
			return backend.NotFound("API key")
		}
		return err
	})
	return key, err
}

// KeysOf returns all keys of a user in the order of their creation.
func (s *Store) KeysOf(ctx context.Context, user uuid.UUID) (keys []account.APIKey, err error) {
	err = s.readOf(ctx, user, "list keys", func(tx *sql.Tx, userID int64) error {
		keys, err = list(ctx, tx, scanKey, selectKeys+`WHERE k.user_id = ? ORDER BY k.created_at, k.id`, userID)
		return err
	})
	return keys, err
}

// RevokeKey marks a key of the user as revoked at t; one that is revoked by then stays as it is.
func (s *Store) RevokeKey(ctx context.Context, user uuid.UUID, id string, t time.Time, entries ...account.AuditEntry) error {
	return s.write(ctx, "revoke key", func(tx *sql.Tx) error {
		key, err := keyOf(ctx, tx, user, id)
		if err != nil || key.Revoked(t) {
			return err
		}
		if err := revoke(ctx, tx, id, t); err != nil {
			return err
		}
		return insertAudit(ctx, tx, entries)
	})
}

// RotateKey stores a new key of the same user and marks the old one as revoked at t.
func (s *Store) RotateKey(
	ctx context.Context, id string, t time.Time, replacement account.APIKey, entries ...account.AuditEntry,
) error {
	return s.writeOf(ctx, replacement.UserID, "rotate key", func(tx *sql.Tx, user int64) error {
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
		if err := insertKey(ctx, tx, user, &replacement); err != nil {
			return err
		}
		return insertAudit(ctx, tx, entries)
	})
}

func keyOf(ctx context.Context, tx *sql.Tx, user uuid.UUID, id string) (account.APIKey, error) {
	key, err := scanKey(tx.QueryRowContext(ctx, selectKeys+`WHERE k.id = ? AND u.uuid = ?`, id, user[:]))
	if isNoRows(err) {
		err = backend.NotFound("API key")
	}
	return key, err
}

func revoke(ctx context.Context, tx *sql.Tx, id string, t time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE api_keys SET revoked_at = ? WHERE id = ?`, toMicros(t), id)
	return err
}

const revokedSince = `
SELECT id, revoked_at FROM api_keys WHERE revoked_at > 0 AND revoked_at >= ?
UNION ALL SELECT id, erased_at FROM erased_keys WHERE erased_at >= ?
ORDER BY 2, 1`

// RevokedSince returns the ids of keys, of any user, that were revoked at t or later, will be, or are gone.
func (s *Store) RevokedSince(ctx context.Context, t time.Time) (ids []string, err error) {
	err = s.read(ctx, "list revoked keys", func(tx *sql.Tx) error {
		ids, err = list(ctx, tx, scanRevoked, revokedSince, toMicros(t), toMicros(t))
		return err
	})
	return ids, err
}

func scanRevoked(row row) (id string, err error) {
	var at int64
	err = row.Scan(&id, &at)
	return id, err
}

// TouchKeys records when keys were last used.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return s.write(ctx, "record use of keys", func(tx *sql.Tx) error {
		for id, t := range used {
			if err := touchKey(ctx, tx, id, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func touchKey(ctx context.Context, tx *sql.Tx, id string, t time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO api_key_use (key_id, last_used_at) SELECT id, ? FROM api_keys WHERE id = ?
		ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at
			WHERE excluded.last_used_at > last_used_at`, toMicros(t), id)
	return err
}

func scanKey(row row) (key account.APIKey, err error) {
	var scopes string
	var created, expires, revoked, used int64
	err = row.Scan(&key.ID, &key.UserID, &key.Name, &scopes, &key.Tier, &key.Hash, &created, &expires, &revoked, &used)
	key.Scopes = splitScopes(scopes)
	key.CreatedAt, key.ExpiresAt = timeOf(created), timeOf(expires)
	key.RevokedAt, key.LastUsedAt = timeOf(revoked), timeOf(used)
	return key, err
}

func joinScopes(scopes []account.Scope) string {
	metricCatalog := make([]string, len(scopes))
	for i, scope := range scopes {
		metricCatalog[i] = string(scope)
	}
	return strings.Join(metricCatalog, " ")
}

func splitScopes(text string) (scopes []account.Scope) {
	for _, word := range strings.Fields(text) {
		scopes = append(scopes, account.Scope(word))
	}
	return scopes
}

func scanText(row row) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}
