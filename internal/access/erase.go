package access

import (
	"context"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
)

// Users is the part of the store that an Authenticator needs besides the keys.
type Users interface {
	store.Users
	store.Erasure
}

// EraseData erases everything that was stored for a user, and keeps the account and its keys. The user's audit entries
// are erased too, except for the one about the erasure. NotFound.
func (a *Authenticator) EraseData(ctx context.Context, user uuid.UUID) error {
	at := a.now().UTC()
	err := a.users.EraseData(ctx, user, at, NewAuditEntry(ctx, account.ActionErase, user, user.String(), at, nil))
	a.eraseResponses(ctx, user) // after a failure too: the store may have erased the data nevertheless
	if err == nil {
		a.logger.InfoContext(ctx, "data erased", "user", user)
	}
	return err
}

// DeleteUser erases everything that was stored for a user, with the account and its keys. When it has returned, this
// Authenticator refuses the keys. Its audit entry belongs to no user, and has the user's id as its resource. NotFound.
func (a *Authenticator) DeleteUser(ctx context.Context, user uuid.UUID) error {
	at := a.now().UTC()
	entry := NewAuditEntry(ctx, account.ActionUserDelete, user, user.String(), at, nil)
	keys, err := a.users.DeleteUser(ctx, user, at, entry)
	for _, id := range keys {
		a.cache.remove(id)
	}
	a.eraseResponses(ctx, user)
	if err == nil {
		a.logger.InfoContext(ctx, "user deleted", "user", user)
	}
	return err
}

func (a *Authenticator) eraseResponses(ctx context.Context, user uuid.UUID) {
	if err := a.invalidator.Erase(context.WithoutCancel(ctx), user); err != nil {
		a.logger.WarnContext(ctx, "cached responses about an erased user are dropped only when they expire", "user", user, "err", err)
	}
}
