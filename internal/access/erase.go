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
func (d *Authenticator) EraseData(ctx context.Context, user uuid.UUID) error {
	at := d.now().UTC()
	err := d.users.EraseData(ctx, user, at, NewAuditEntry(ctx, account.ActionErase, user, user.String(), at, nil))
	d.invalidate(ctx, user) // after a failure too: the store may have done it all the same
	if err == nil {
		d.logger.InfoContext(ctx, "data erased", "user", user)
	}
	return err
}

// DeleteUser erases everything that was stored for a user with the account and its keys. When it has returned, this door
// does not let the keys in. The entry about it in the audit log is about nobody, with the user's id as its resource.
// NotFound.
func (d *Authenticator) DeleteUser(ctx context.Context, user uuid.UUID) error {
	at := d.now().UTC()
	entry := NewAuditEntry(ctx, account.ActionUserDelete, user, user.String(), at, nil)
	keys, err := d.users.DeleteUser(ctx, user, at, entry)
	for _, id := range keys {
		d.cache.forget(id)
	}
	d.invalidate(ctx, user)
	if err == nil {
		d.logger.InfoContext(ctx, "user deleted", "user", user)
	}
	return err
}

func (d *Authenticator) invalidate(ctx context.Context, user uuid.UUID) {
	if d.invalidator == nil {
		return
	}
	if err := d.invalidator.Erase(context.WithoutCancel(ctx), user); err != nil {
		d.logger.WarnContext(ctx, "remembered answers about an erased user end in their time only", "user", user, "err", err)
	}
}
