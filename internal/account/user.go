package account

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/problem"
)

// User is a person whose data it is.
type User struct {
	ID        uuid.UUID
	Email     string // unique, compared without regard to case
	Name      string
	TimeZone  string // IANA name; "" is UTC. It is used where a time was sent without a zone
	CreatedAt time.Time
}

// NewUser returns a new user with an id, or an Invalid error that names the field at fault. zone is an IANA name; "" is
// UTC.
func NewUser(email, name, zone string, now time.Time) (User, error) {
	email, name = strings.TrimSpace(email), strings.TrimSpace(name)
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > 254 {
		return User{}, problem.New(problem.Invalid, "invalid_email", "This is not an email address. Give one such as anna@example.org.").In("email")
	}
	if utf8.RuneCountInString(name) > 200 || strings.ContainsFunc(name, unicode.IsControl) {
		return User{}, problem.New(problem.Invalid, "invalid_name", "The name is too long or has control characters. Give at most 200 characters of text.").In("name")
	}
	if zone == "" {
		zone = "UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return User{}, problem.New(problem.Invalid, "invalid_time_zone", "This is not an IANA time zone. Give one such as Europe/Paris.").In("time_zone")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return User{}, err
	}
	return User{ID: id, Email: email, Name: name, TimeZone: zone, CreatedAt: now.UTC().Truncate(time.Microsecond)}, nil
}

// Location returns the user's time zone, UTC where none is set or it is unknown to this system.
func (u User) Location() *time.Location {
	if zone, err := time.LoadLocation(u.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// Scope is what an API key allows.
type Scope string

// The scopes. Admin allows everything, for every user.
const (
	ScopeIngest Scope = "ingest"
	ScopeRead   Scope = "read"
	ScopeAdmin  Scope = "admin"
)

// APIKey is a secret that acts for a user. The secret itself is never kept: only Hash, its Argon2id hash in PHC form.
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
	// LastUsedAt lags behind by a few seconds: it is written in batches.
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

// End is when the key ends or has ended, whether it expires or is revoked; zero: never.
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
