package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/account"
)

type me struct {
	User user       `json:"user"`
	Key  requestKey `json:"key"`
	// ServerVersion is in this response and not in that of /health, so that a known vulnerability of a version cannot be
	// looked for without a key.
	ServerVersion string `json:"server_version"`
}

// requestKey is the key of the request itself.
type requestKey struct {
	ID     string          `json:"id"`
	Scopes []account.Scope `json:"scopes"`
	Tier   string          `json:"tier"`
}

// getMe returns the user that a key acts for and what the key may do.
func (s *server) getMe(w http.ResponseWriter, r *request) error {
	return writeJSON(w, http.StatusOK, me{
		User: userOf(r.Actor.User),
		Key:  requestKey{ID: r.Actor.KeyID, Scopes: r.Actor.Scopes, Tier: r.Actor.Tier},

		ServerVersion: s.Version,
	})
}
