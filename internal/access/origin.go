package access

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// Origin is where a request comes from, as the audit log tells it.
type Origin struct {
	Address   netip.Addr // of the client; the zero Addr where it is not known
	UserAgent string     // see health.TrimUserAgent
	RequestID string
}

type originKey struct{}

// WithOrigin returns a context that carries the origin.
func WithOrigin(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginFrom returns the origin that ctx carries, the zero Origin for what no request has caused.
func OriginFrom(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}

// networkOf returns what counts as one address, since one household or machine has all of it: an IPv4 address, or the
// first half of an IPv6 address. It is the zero Prefix where the address is not known.
func networkOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(address, bits).Masked()
}

// Deed returns the entry of the audit log for what is being done with ctx: about a user (uuid.Nil: nobody), by the key and
// from the place that ctx carries. Its metadata has "admin" where an administrator acts on somebody else.
func Deed(
	ctx context.Context, action health.Action, about uuid.UUID, resource string, at time.Time, metadata map[string]any,
) health.AuditEntry {
	entry := health.NewAuditEntry(action, about, resource, at)
	origin := OriginFrom(ctx)
	entry.Address, entry.UserAgent, entry.RequestID = origin.Address, origin.UserAgent, origin.RequestID
	entry.Metadata = metadata
	if actor, ok := ActorFrom(ctx); ok {
		entry.KeyID = actor.KeyID
		if about != uuid.Nil && about != actor.User.ID {
			entry.Metadata = with(metadata, "admin", true)
		}
	}
	return entry
}

// with returns metadata with one more value in it.
func with(metadata map[string]any, name string, value any) map[string]any {
	all := map[string]any{name: value}
	for n, v := range metadata {
		all[n] = v
	}
	return all
}
