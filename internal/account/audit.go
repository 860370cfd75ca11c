package account

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Action is what somebody did, as the audit log names it.
type Action string

// The actions. What they were done to is the entry's Resource.
const (
	ActionIngest      Action = "ingest"       // a body was processed to its end; the metadata has its counts
	ActionReplay      Action = "replay"       // an archived body was processed again
	ActionImport      Action = "import"       // files were imported from the command line
	ActionExport      Action = "export"       // data was taken out in bulk
	ActionErase       Action = "erase"        // everything of a person was erased, but not the account
	ActionKeyCreate   Action = "key.create"   // an API key was made
	ActionKeyRotate   Action = "key.rotate"   // an API key was replaced by another with the same powers
	ActionKeyRevoke   Action = "key.revoke"   // an API key was ended
	ActionLoginFailed Action = "login.failed" // a key was presented and refused; the metadata has the code
	ActionLimitHit    Action = "limit.hit"    // a request was refused because a limit was reached
	ActionUserCreate  Action = "user.create"  // an account was made
	ActionUserDelete  Action = "user.delete"  // an account was deleted with everything in it
	ActionAdminRead   Action = "admin.read"   // an administrator looked at what is somebody else's
)

// maxUserAgent bounds what a client says of itself, in bytes.
const maxUserAgent = 256

// AuditEntry is one line of the audit log: who did what, when and from where. It never holds a secret or a health value.
type AuditEntry struct {
	ID uuid.UUID // version 7
	At time.Time
	// UserID is whose account or data it is about, and who may read the entry; uuid.Nil where it is about nobody, or
	// about somebody who is not there any more. Who acted is told by KeyID.
	UserID uuid.UUID
	// KeyID is the API key that acted, or was presented; "" for the command line.
	KeyID    string
	Action   Action
	Resource string     // what it was done to: the id of a key, a user, an ingestion, or a path; "" for nothing particular
	Address  netip.Addr // of the client; the zero Addr where there is none
	// UserAgent is what the client says of itself: plain text of at most 256 bytes, see TrimUserAgent.
	UserAgent string
	RequestID string
	// Metadata is what else there is to tell: numbers, truth values and short texts. nil for nothing.
	Metadata map[string]any
}

// NewAuditEntry returns an entry with an id and a time. Who and where from is the caller's to add.
func NewAuditEntry(action Action, user uuid.UUID, resource string, at time.Time) AuditEntry {
	// Version 7 sorts by time. It fails only where there is no randomness, and then the program has ended before.
	return AuditEntry{
		ID: uuid.Must(uuid.NewV7()), At: at.UTC().Truncate(time.Microsecond), UserID: user, Action: action, Resource: resource,
	}
}

// TrimUserAgent makes plain text of bounded length of what a client says of itself.
func TrimUserAgent(sent string) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, sent[:min(len(sent), maxUserAgent)])
	return text
}
