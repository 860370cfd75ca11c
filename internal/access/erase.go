package access

import (
	"context"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
)

// Users is what a Authenticator needs of the store of users.
type Users interface {
	store.Users
	store.Erasure
}

// Invalidator drops the cached responses of a user.
type Invalidator interface {
	// Erase forgets everything about the user. After an error it gives none of it to anybody, and forgets it in time.
	Erase(ctx context.Context, user uuid.UUID) error
}

// EraseData erases everything that was stored for a user, and keeps the account and its keys. What the audit log holds
// about the user goes too, but for the entry about the erasure. NotFound.
func (a *Authenticator) EraseData(ctx context.Context, user uuid.UUID) error {
	at := a.now().UTC()
	err := a.users.EraseData(ctx, user, at, NewAuditEntry(ctx, account.ActionErase, user, user.String(), at, nil))
	a.eraseResponses(ctx, user) // after a failure too: the store may have done it all the same
	if err == nil {
		a.logger.InfoContext(ctx, "data erased", "user", user)
	}
	return err
}

// DeleteUser erases everything that was stored for a user with the account and its keys. When it has returned, this door
// does not let the keys in. The entry about it in the audit log is about nobody, with the user's id as its resource.
// NotFound.
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
	if a.invalidator == nil {
		return
	}
	if err := a.invalidator.Erase(context.WithoutCancel(ctx), user); err != nil {
		a.logger.WarnContext(ctx, "remembered answers about an erased user end in their time only", "user", user, "err", err)
	}
}
