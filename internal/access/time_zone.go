package access

import (
	"context"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
)

// SetTimeZone sets where a user lives, and returns the user. What was sent without an offset of its own moves to the days of
// the new zone, for which the days become stale until they are rebuilt. When it has returned, this Authenticator knows the
// user by the new zone; another process may know them by the old one for as long as it remembers a key. Invalid: there is no
// such zone. NotFound: there is no such user.
func (a *Authenticator) SetTimeZone(ctx context.Context, user uuid.UUID, zone string) (account.User, error) {
	if err := account.CheckTimeZone(zone); err != nil {
		return account.User{}, err
	}
	entry := NewAuditEntry(ctx, account.ActionUserTimeZone, user, user.String(), a.now().UTC(), map[string]any{"time_zone": zone})
	if err := a.users.SetTimeZone(ctx, user, zone, entry); err != nil {
		return account.User{}, err
	}
	a.cache.removeOf(user)
	a.invalidator.InvalidateUser(context.WithoutCancel(ctx), user)
	return a.users.User(ctx, user)
}
