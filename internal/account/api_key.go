package account

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Scope is a permission of an API key.
type Scope string

// The scopes. Admin allows everything, for every user.
const (
	ScopeIngest Scope = "ingest"
	ScopeRead   Scope = "read"
	ScopeAdmin  Scope = "admin"
)

// APIKey is a secret that acts for a user. The secret itself is not stored: only Hash, its Argon2id hash in PHC form.
type APIKey struct {
	ID        string // the public part
	UserID    uuid.UUID
	Name      string
	Scopes    []Scope
	Tier      string // sets the limits: default, bulk, unlimited
	Hash      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	RevokedAt time.Time // zero: not revoked; a time ahead: in force until then
	// LastUsedAt is a few seconds late: it is written in batches.
	LastUsedAt time.Time
}

// Allows reports whether the key's scopes include s.
func (k APIKey) Allows(s Scope) bool {
	return slices.Contains(k.Scopes, s) || slices.Contains(k.Scopes, ScopeAdmin)
}

// Usable reports whether the key is neither revoked nor expired at t.
func (k APIKey) Usable(t time.Time) bool {
	return !k.Revoked(t) && (k.ExpiresAt.IsZero() || t.Before(k.ExpiresAt))
}

// End returns when the key ends or has ended, by expiry or revocation; zero: never.
func (k APIKey) End() time.Time {
	if k.ExpiresAt.IsZero() || !k.RevokedAt.IsZero() && k.RevokedAt.Before(k.ExpiresAt) {
		return k.RevokedAt
	}
	return k.ExpiresAt
}

// Revoked reports whether the key is revoked at t.
func (k APIKey) Revoked(t time.Time) bool {
	return !k.RevokedAt.IsZero() && !t.Before(k.RevokedAt)
}
