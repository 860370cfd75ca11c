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

	"github.com/health-export/health-export/internal/health"
)

// The tiers of keys. They set how much may be sent and read through a key.
const (
	TierDefault   = "default"
	TierBulk      = "bulk" // for the first upload of many years
	TierUnlimited = "unlimited"
)

// NewKey describes a key that is to be made.
type NewKey struct {
	UserID uuid.UUID
	// Name tells the key apart from the user's others: 1 to 100 characters, blanks around them left out.
	Name string
	// Scopes is at least one of ingest, read and admin.
	Scopes []health.Scope
	// Tier is one of the tiers; "" is TierDefault.
	Tier string
	// ExpiresAt lies ahead; zero is never.
	ExpiresAt time.Time
}

const maxNameLength = 100

// CreateKey makes a key and stores it. The second result is the key in full, which cannot be had again: only its hash
// is kept. Errors: Invalid, with Field name, scopes, tier or expires_at; NotFound: there is no such user.
func (d *Door) CreateKey(ctx context.Context, n NewKey) (health.APIKey, string, error) {
	now := d.now()
	created, err := n.check(now)
	if err != nil {
		return health.APIKey{}, "", err
	}
	k := newKey()
	created.ID = k.id()
	created.CreatedAt = now.UTC().Truncate(time.Microsecond)
	if created.Hash, err = d.hasher.hash(ctx, k.secret()); err != nil {
		return health.APIKey{}, "", err
	}
	if err := d.keys.CreateKey(ctx, created); err != nil {
		return health.APIKey{}, "", err
	}
	d.logger.InfoContext(ctx, "API key created", "key_id", created.ID, "user", created.UserID)
	return created, k.text, nil
}

// RevokeKey ends a key of the user. When it has returned, this door does not let the key in. Revoking a revoked key
// changes nothing. NotFound: the user has no such key.
func (d *Door) RevokeKey(ctx context.Context, user uuid.UUID, id string) error {
	err := d.keys.RevokeKey(ctx, user, id, d.now().UTC())
	if errors.Is(err, health.NotFound) {
		return err
	}
	d.proved.forget(ctx, id) // after a failure too: the store may have done it all the same
	if err != nil {
		return err
	}
	d.logger.InfoContext(ctx, "API key revoked", "key_id", id, "user", user)
	return nil
}

// ParseScopes reads a list of scopes, separated by commas or blanks. The error is Invalid, with Field scopes.
func ParseScopes(list string) ([]health.Scope, error) {
	var scopes []health.Scope
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		scopes = append(scopes, health.Scope(strings.ToLower(name)))
	}
	return checkScopes(scopes)
}

// check returns the part of the key that n describes, in the form in which it is stored.
func (n NewKey) check(now time.Time) (health.APIKey, error) {
	name := strings.TrimSpace(n.Name)
	if name == "" || utf8.RuneCountInString(name) > maxNameLength || !isPlainText(name) {
		return health.APIKey{}, invalid("name", "invalid_name",
			"Give the key a name of 1 to 100 characters, without control characters, that says where it is used.")
	}
	scopes, err := checkScopes(n.Scopes)
	if err != nil {
		return health.APIKey{}, err
	}
	tier := n.Tier
	switch tier {
	case "":
		tier = TierDefault
	case TierDefault, TierBulk, TierUnlimited:
	default:
		return health.APIKey{}, invalid("tier", "invalid_tier", "Choose one of the tiers default, bulk and unlimited.")
	}
	expires := n.ExpiresAt
	if !expires.IsZero() {
		if !expires.After(now) {
			return health.APIKey{}, invalid("expires_at", "invalid_expiry",
				"Choose an expiry that lies ahead, or none for a key that stays in force.")
		}
		expires = expires.UTC().Truncate(time.Microsecond)
	}
	return health.APIKey{UserID: n.UserID, Name: name, Scopes: scopes, Tier: tier, ExpiresAt: expires}, nil
}

// checkScopes returns the scopes in a fixed order and each of them once.
func checkScopes(wanted []health.Scope) ([]health.Scope, error) {
	var scopes []health.Scope
	for _, s := range []health.Scope{health.ScopeIngest, health.ScopeRead, health.ScopeAdmin} {
		if slices.Contains(wanted, s) {
			scopes = append(scopes, s)
		}
	}
	unknown := func(s health.Scope) bool { return !slices.Contains(scopes, s) }
	if len(scopes) == 0 || slices.ContainsFunc(wanted, unknown) {
		return nil, invalid("scopes", "invalid_scopes", "Choose at least one of the scopes ingest, read and admin, and no other.")
	}
	return scopes, nil
}

func isPlainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
