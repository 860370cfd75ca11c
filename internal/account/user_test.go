package account

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

func TestNewUser(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	user, err := NewUser(" anna@example.org ", " Anna ", "", now)
	if err != nil || user.Email != "anna@example.org" || user.Name != "Anna" || user.TimeZone != "UTC" || user.ID.Version() != 7 {
		t.Errorf("%+v, %v", user, err)
	}
	if !user.CreatedAt.Equal(now.Truncate(time.Microsecond)) || user.CreatedAt.Location() != time.UTC {
		t.Errorf("created at %v", user.CreatedAt)
	}
	for field, given := range map[string][3]string{
		"email":     {"Anna <anna@example.org>", "", ""},
		"name":      {"anna@example.org", "An\x00na", ""},
		"time_zone": {"anna@example.org", "Anna", "Mars/Olympus"},
	} {
		_, err := NewUser(given[0], given[1], given[2], now)
		var known *problem.Error
		if !errors.As(err, &known) || known.Kind != problem.Invalid || known.Field != field {
			t.Errorf("%v: %v, want an error in the field %s", given, err, field)
		}
	}
	if _, err := NewUser("anna@example.org", strings.Repeat("ä", 200), "Europe/Paris", now); err != nil {
		t.Errorf("a name of 200 characters: %v", err)
	}
}

func TestUserLocation(t *testing.T) {
	t.Parallel()
	if got := (User{TimeZone: "Europe/Paris"}).Location().String(); got != "Europe/Paris" {
		t.Error(got)
	}
	if got := (User{TimeZone: "Mars/Olympus"}).Location(); got != time.UTC {
		t.Error(got)
	}
}

func TestAPIKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		key            APIKey
		usable, allows bool
	}{
		"in force":    {APIKey{Scopes: []Scope{ScopeRead}}, true, true},
		"other scope": {APIKey{Scopes: []Scope{ScopeIngest}}, true, false},
		"admin":       {APIKey{Scopes: []Scope{ScopeAdmin}}, true, true},
		"expired":     {APIKey{Scopes: []Scope{ScopeRead}, ExpiresAt: now}, false, true},
		"expires":     {APIKey{Scopes: []Scope{ScopeRead}, ExpiresAt: now.Add(1)}, true, true},
		"revoked":     {APIKey{Scopes: []Scope{ScopeRead}, RevokedAt: now}, false, true},
	} {
		if got := c.key.Usable(now); got != c.usable {
			t.Errorf("%s: usable %v", name, got)
		}
		if got := c.key.Allows(ScopeRead); got != c.allows {
			t.Errorf("%s: allows read %v", name, got)
		}
	}
}
