package server

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/store"
)

// auditEntry is an audit entry in the API.
type auditEntry struct {
	ID        uuid.UUID      `json:"id"`
	At        time.Time      `json:"at"`
	UserID    uuid.UUID      `json:"user_id,omitzero"`
	KeyID     string         `json:"key_id,omitempty"`
	Action    account.Action `json:"action"`
	Resource  string         `json:"resource,omitempty"`
	Address   netip.Addr     `json:"address,omitzero"`
	UserAgent string         `json:"user_agent,omitempty"`
	RequestID string         `json:"request_id,omitempty"`
	Metadata  map[string]any `json:"metadata,omitempty"`
}

const (
	auditPerPage    = 100
	maxAuditPerPage = 1000
	// allUsers is the value of the parameter user with which an administrator asks for the entries of all users and of
	// none.
	allUsers = "all"
)

// listAudit returns the audit entries of the authenticated user; an administrator may ask for those of others.
func (s *server) listAudit(w http.ResponseWriter, r *request) error {
	v := r.values
	query := store.AuditQuery{
		Action: account.Action(v.Text("action")), KeyID: v.Text("key_id"), From: v.Time("start"), To: v.Time("end"),
		Limit: cmp.Or(v.Limit(), auditPerPage),
	}
	var err error
	if query.BeforeAt, query.Before, err = parseAuditCursor(v.Text("cursor")); err != nil {
		return err
	}
	if query.Limit > maxAuditPerPage {
		return operation.BadParameter("limit", fmt.Sprintf("is more than %d", maxAuditPerPage))
	}
	if err := s.narrowToSubject(r, &query); err != nil {
		return err
	}
	limit := query.Limit
	query.Limit++
	found, err := s.AuditReader.AuditEntries(r.Context(), query)
	if err != nil {
		return err
	}
	var page struct {
		Entries    []auditEntry `json:"entries"`
		NextCursor *string      `json:"next_cursor"`
	}
	if len(found) > limit {
		found = found[:limit]
		cursor := auditCursor(&found[limit-1])
		page.NextCursor = &cursor
	}
	for _, e := range found {
		page.Entries = append(page.Entries, auditEntry(e))
	}
	return writeJSON(w, http.StatusOK, page)
}

// narrowToSubject sets whose entries are asked for, and adds an audit entry where they are another user's.
func (s *server) narrowToSubject(r *request, query *store.AuditQuery) error {
	named := r.values.Text("user")
	if named == allUsers {
		if !r.Actor.Allows(account.ScopeAdmin) {
			return onlyForAdmins()
		}
		s.Audit.Add(r.Context(), account.ActionAdminRead, uuid.Nil, "audit", nil)
		return nil
	}
	subject, err := s.findSubject(r.Context(), r.Actor, named)
	if err != nil {
		return err
	}
	s.auditAdminRead(r.Context(), r.Actor, subject, "audit")
	query.User = &subject.ID
	return nil
}

// auditCursor encodes where a page ended: the time and the id of its last entry.
func auditCursor(last *account.AuditEntry) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(last.At.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(at, last.ID[:]...))
}

func parseAuditCursor(text string) (at time.Time, id uuid.UUID, err error) {
	if text == "" {
		return at, id, nil
	}
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(bytes) != 24 {
		return at, id, badCursor()
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(bytes))).UTC(), uuid.UUID(bytes[8:]), nil
}

func badCursor() error {
	return operation.BadParameter("cursor", "is not the next_cursor of a page. Begin again without it")
}
