package server

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store"
)

// auditEntry is one line of the audit log as clients see it.
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
	// allUsers is what an administrator gives as user for the entries about all users and about nobody.
	allUsers = "all"
)

// listAudit returns what is on record about the user who asks; an administrator may ask about others.
func (s *server) listAudit(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	query := store.AuditQuery{
		Action: account.Action(p.text("action")), KeyID: p.text("key_id"), From: p.time("start"), To: p.time("end"), Limit: p.limit(),
	}
	query.BeforeAt, query.Before = p.auditCursor()
	if query.Limit > maxAuditPerPage {
		p.refuse("limit", fmt.Sprintf("is more than %d", maxAuditPerPage))
	}
	if p.err != nil {
		return p.err
	}
	if query.Limit == 0 {
		query.Limit = auditPerPage
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

// narrowToSubject sets whose entries are asked for, and puts on record who looks at others'.
func (s *server) narrowToSubject(r *http.Request, query *store.AuditQuery) error {
	if r.URL.Query().Get("user") == allUsers {
		if !actorOf(r).Allows(account.ScopeAdmin) {
			return onlyForAdmins()
		}
		s.Audit.Add(r.Context(), account.ActionAdminRead, uuid.Nil, "audit", nil)
		return nil
	}
	user, err := s.subject(r)
	if err != nil {
		return err
	}
	s.auditAdminRead(r, user, "audit")
	query.User = &user
	return nil
}

// auditCursor says where a page ended: the time and the id of its last entry.
func auditCursor(last *account.AuditEntry) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(last.At.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(at, last.ID[:]...))
}

func (p *parameters) auditCursor() (at time.Time, id uuid.UUID) {
	text := p.text("cursor")
	if text == "" {
		return at, id
	}
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(bytes) != 24 {
		p.refuse("cursor", "is not the next_cursor of a page. Begin again without it")
		return at, id
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(bytes))).UTC(), uuid.UUID(bytes[8:])
}
