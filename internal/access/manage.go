package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// The tiers of keys, which set how much may be sent and read through a key.
const (
	TierDefault   = "default"
	TierBulk      = "bulk" // for the first upload of many years
	TierUnlimited = "unlimited"
)

// NewKey describes a key to be created.
type NewKey struct {
	UserID uuid.UUID
	// Name distinguishes the key from the user's others: 1 to 100 characters; blanks around them are removed.
	Name string
	// Scopes is at least one of ingest, read and admin.
	Scopes []account.Scope
	// Tier is one of the tiers; "" is TierDefault.
	Tier string
	// ExpiresAt is in the future; zero is never.
	ExpiresAt time.Time
}

const maxNameLength = 100

// CreateKey creates and stores a key. The second result is the whole key, which cannot be obtained again: only its hash
// is stored. Errors: Invalid, with Field name, scopes, tier or expires_at; NotFound: there is no such user.
func (a *Authenticator) CreateKey(ctx context.Context, n NewKey) (account.APIKey, string, error) {
	now := a.now()
	created, err := n.validate(now)
	if err != nil {
		return account.APIKey{}, "", err
	}
	k := newKey()
	created.ID = k.id()
	created.CreatedAt = now.UTC().Truncate(time.Microsecond)
	if created.Hash, err = a.hasher.hash(ctx, k.secret()); err != nil {
		return account.APIKey{}, "", err
	}
	entry := NewAuditEntry(ctx, account.ActionKeyCreate, created.UserID, created.ID, created.CreatedAt, keyMetadata(created))
	if err := a.keys.CreateKey(ctx, created, entry); err != nil {
		return account.APIKey{}, "", err
	}
	a.logger.InfoContext(ctx, "API key created", "key_id", created.ID, "user", created.UserID)
	return created, k.text, nil
}

// RevokeKey revokes a key of the user. When it has returned, this Authenticator refuses the key. Revoking a revoked key
// changes nothing. NotFound: the user has no such key.
func (a *Authenticator) RevokeKey(ctx context.Context, user uuid.UUID, id string) error {
	at := a.now().UTC()
	err := a.keys.RevokeKey(ctx, user, id, at, NewAuditEntry(ctx, account.ActionKeyRevoke, user, id, at, nil))
	if errors.Is(err, problem.NotFound) {
		return err
	}
	a.cache.remove(id) // after a failure too: the store may have revoked it nevertheless
	if err != nil {
		return err
	}
	a.logger.InfoContext(ctx, "API key revoked", "key_id", id, "user", user)
	return nil
}

// maxGrace is how long a replaced key may stay valid.
const maxGrace = 7 * 24 * time.Hour

// RotateKey replaces a key of the user by a new one with the same name, scopes, tier and expiry, and returns the new one
// as CreateKey does. The old one is revoked when grace has passed, at most 7 days; without grace this Authenticator
// refuses it when RotateKey has returned. Errors: NotFound: the user has no such key; Conflict: it is revoked or expired;
// Invalid, with Field grace.
func (a *Authenticator) RotateKey(ctx context.Context, user uuid.UUID, id string, grace time.Duration) (account.APIKey, string, error) {
	if grace < 0 || grace > maxGrace {
		return account.APIKey{}, "", invalid("grace", "invalid_grace", "Let the old key stay in force for 7 days at most.")
	}
	old, err := a.keys.Key(ctx, id)
	if err == nil && old.UserID != user {
		err = problem.New(problem.NotFound, "not_found", "There is no such API key.")
	}
	if err != nil {
		return account.APIKey{}, "", err
	}
	now := a.now().UTC().Truncate(time.Microsecond)
	if a.isPast(old.ExpiresAt) {
		return account.APIKey{}, "", problem.New(problem.Conflict, "key_expired", "The API key has expired. Create a new one.")
	}
	k := newKey()
	created := account.APIKey{
		ID: k.id(), UserID: user, Name: old.Name, Scopes: old.Scopes, Tier: old.Tier, CreatedAt: now, ExpiresAt: old.ExpiresAt,
	}
	if created.Hash, err = a.hasher.hash(ctx, k.secret()); err != nil {
		return account.APIKey{}, "", err
	}
	entry := NewAuditEntry(ctx, account.ActionKeyRotate, user, id, now, withValue(keyMetadata(created), "replacement", created.ID))
	err = a.keys.RotateKey(ctx, id, now.Add(grace), created, entry)
	a.cache.remove(id) // after a failure too: the store may have revoked it nevertheless
	if err != nil {
		return account.APIKey{}, "", err
	}
	a.logger.InfoContext(ctx, "API key rotated", "key_id", id, "replacement", created.ID, "user", user)
	return created, k.text, nil
}

// keyMetadata describes, for the audit log, what a key may do.
func keyMetadata(k account.APIKey) map[string]any {
	scopes := make([]string, len(k.Scopes))
	for i, s := range k.Scopes {
		scopes[i] = string(s)
	}
	metadata := map[string]any{"scopes": strings.Join(scopes, " "), "tier": k.Tier}
	if !k.ExpiresAt.IsZero() {
		metadata["expires_at"] = k.ExpiresAt.Format(time.RFC3339)
	}
	return metadata
}

// tiers are the tiers from the lowest to the highest.
var tiers = []string{TierDefault, TierBulk, TierUnlimited}

// TierExceeds reports whether a tier allows more than another one.
func TierExceeds(tier, other string) bool {
	return slices.Index(tiers, tier) > slices.Index(tiers, other)
}

// ParseScopes reads a list of scopes, separated by commas or blanks. The error is Invalid, with Field scopes.
func ParseScopes(list string) ([]account.Scope, error) {
	var scopes []account.Scope
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		scopes = append(scopes, account.Scope(strings.ToLower(name)))
	}
	return normaliseScopes(scopes)
}

// validate returns the part of the key that n describes, in the form in which it is stored.
func (n NewKey) validate(now time.Time) (account.APIKey, error) {
	name := strings.TrimSpace(n.Name)
	if name == "" || utf8.RuneCountInString(name) > maxNameLength || !isPlainText(name) {
		return account.APIKey{}, invalid("name", "invalid_name",
			"Give the key a name of 1 to 100 characters, without control characters, that says where it is used.")
	}
	scopes, err := normaliseScopes(n.Scopes)
	if err != nil {
		return account.APIKey{}, err
	}
	tier := n.Tier
	if tier == "" {
		tier = TierDefault
	}
	if !slices.Contains(tiers, tier) {
		return account.APIKey{}, invalid("tier", "invalid_tier", "Choose one of the tiers default, bulk and unlimited.")
	}
	expires := n.ExpiresAt
	if !expires.IsZero() {
		if !expires.After(now) {
			return account.APIKey{}, invalid("expires_at", "invalid_expiry",
				"Choose an expiry that lies ahead, or none for a key that stays in force.")
		}
		expires = expires.UTC().Truncate(time.Microsecond)
	}
	return account.APIKey{UserID: n.UserID, Name: name, Scopes: scopes, Tier: tier, ExpiresAt: expires}, nil
}

// normaliseScopes returns the scopes in a fixed order and each of them once.
func normaliseScopes(wanted []account.Scope) ([]account.Scope, error) {
	var scopes []account.Scope
	for _, s := range []account.Scope{account.ScopeIngest, account.ScopeRead, account.ScopeAdmin} {
		if slices.Contains(wanted, s) {
			scopes = append(scopes, s)
		}
	}
	unknown := func(s account.Scope) bool { return !slices.Contains(scopes, s) }
	if len(scopes) == 0 || slices.ContainsFunc(wanted, unknown) {
		return nil, invalid("scopes", "invalid_scopes", "Choose at least one of the scopes ingest, read and admin, and no other.")
	}
	return scopes, nil
}

func isPlainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
