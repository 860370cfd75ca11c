package account

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Action is the action of an audit entry, as the audit log names it.
type Action string

// The actions. Their object is the entry's Resource.
const (
	ActionIngest      Action = "ingest"       // a body was processed to its end; the metadata has its counts
	ActionReplay      Action = "replay"       // an archived body was processed again
	ActionImport      Action = "import"       // files were imported from the command line
	ActionExport      Action = "export"       // data was exported
	ActionErase       Action = "erase"        // all data of a user was erased, but not the account
	ActionKeyCreate   Action = "key.create"   // an API key was made
	ActionKeyRotate   Action = "key.rotate"   // an API key was replaced by another with the same scopes
	ActionKeyRevoke   Action = "key.revoke"   // an API key was revoked
	ActionLoginFailed Action = "login.failed" // a key was refused; the metadata has the code
	ActionLimitHit    Action = "limit.hit"    // a request was refused because a limit was reached
	ActionUserCreate  Action = "user.create"  // an account was made
	ActionUserDelete  Action = "user.delete"  // an account was deleted with everything in it
	// ActionUserTimeZone: the zone that somebody lives in was changed.
	ActionUserTimeZone Action = "user.time_zone"
	ActionAdminRead    Action = "admin.read" // an administrator read the data of another user
)

// maxUserAgent is the greatest length of a user agent, in bytes.
const maxUserAgent = 256

// AuditEntry is one line of the audit log: who did what, when and from where. It never has a secret or a health value.
type AuditEntry struct {
	ID uuid.UUID // version 7
	At time.Time
	// UserID is the user whose account or data it concerns, and who may read the entry; uuid.Nil where it concerns
	// none, or a deleted one. KeyID identifies who acted.
	UserID uuid.UUID
	// KeyID is the API key that acted, or was presented; "" for the command line.
	KeyID    string
	Action   Action
	Resource string     // the object: the id of a key, a user, an ingestion, or a path; "" for none
	Address  netip.Addr // of the client; the zero Addr where there is none
	// UserAgent is the client's User-Agent header: plain text of at most 256 bytes, see TrimUserAgent.
	UserAgent string
	RequestID string
	// Metadata has further details: numbers, booleans and short texts; nil for none.
	Metadata map[string]any
}

// NewAuditEntry returns an entry with an id and a time. The caller sets the key, the address and the rest.
func NewAuditEntry(action Action, user uuid.UUID, resource string, at time.Time) AuditEntry {
	// Version 7 sorts by time. It fails only without a source of randomness, and then the program has ended before.
	return AuditEntry{
		ID: uuid.Must(uuid.NewV7()), At: at.UTC().Truncate(time.Microsecond), UserID: user, Action: action, Resource: resource,
	}
}

// TrimUserAgent returns a User-Agent header as plain text of bounded length.
func TrimUserAgent(sent string) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, sent[:min(len(sent), maxUserAgent)])
	return text
}
