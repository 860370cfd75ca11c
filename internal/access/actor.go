package access

import (
	"context"
	"slices"

	"github.com/health-export/health-export/internal/account"
)

// Actor is who acts in a request: a user, through one of their API keys.
type Actor struct {
	User   account.User
	KeyID  string
	Scopes []account.Scope
	Tier   string
}

// Allows reports whether the actor's scopes include s; admin includes every scope.
func (a Actor) Allows(s account.Scope) bool {
	return slices.Contains(a.Scopes, s) || slices.Contains(a.Scopes, account.ScopeAdmin)
}

type actorKey struct{}

// WithActor returns a context that carries the actor.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorFrom returns the actor that ctx carries; ok is false where nobody was authenticated.
func ActorFrom(ctx context.Context) (actor Actor, ok bool) {
	actor, ok = ctx.Value(actorKey{}).(Actor)
	return actor, ok
}
