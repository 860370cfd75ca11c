package access

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
)

// RequestInfo is where a request comes from, as recorded in the audit log.
type RequestInfo struct {
	Address   netip.Addr // of the client; the zero Addr where it is not known
	UserAgent string     // see account.TrimUserAgent
	RequestID string
}

type requestInfoKey struct{}

// WithRequestInfo returns a context that carries info.
func WithRequestInfo(ctx context.Context, info RequestInfo) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, info)
}

// RequestInfoFrom returns the RequestInfo that ctx carries, the zero value outside of a request.
func RequestInfoFrom(ctx context.Context) RequestInfo {
	info, _ := ctx.Value(requestInfoKey{}).(RequestInfo)
	return info
}

// networkOf returns the addresses that count as one, because one household or machine has all of them: an IPv4 address,
// or the first half of an IPv6 address. It is the zero Prefix where the address is not known.
func networkOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(address, bits).Masked()
}

// NewAuditEntry returns the audit entry for what is done in ctx. subject is the user it is about (uuid.Nil: none); the
// key and the origin of the request are those that ctx carries. The metadata gets "admin" where an administrator acts on
// another user.
func NewAuditEntry(
	ctx context.Context, action account.Action, subject uuid.UUID, resource string, at time.Time, metadata map[string]any,
) account.AuditEntry {
	entry := account.NewAuditEntry(action, subject, resource, at)
	info := RequestInfoFrom(ctx)
	entry.Address, entry.UserAgent, entry.RequestID = info.Address, info.UserAgent, info.RequestID
	entry.Metadata = metadata
	if actor, ok := ActorFrom(ctx); ok {
		entry.KeyID = actor.KeyID
		if subject != uuid.Nil && subject != actor.User.ID {
			entry.Metadata = withValue(metadata, "admin", true)
		}
	}
	return entry
}

// withValue returns a copy of metadata with one more value.
func withValue(metadata map[string]any, name string, value any) map[string]any {
	all := map[string]any{name: value}
	for n, v := range metadata {
		all[n] = v
	}
	return all
}
