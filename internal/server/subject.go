package server

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// subject returns the id of the user a request is about: who asks, or, for administrators, the one they name as user.
// Whether there is somebody with a name that was given is found out by who uses it.
func (s *server) subject(r *http.Request) (uuid.UUID, error) {
	actor, text := actorOf(r), r.URL.Query().Get("user")
	if text == "" {
		return actor.User.ID, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, badParameter("user", "is not the id of a user. GET /v1/users lists them")
	}
	if id != actor.User.ID && !actor.Allows(account.ScopeAdmin) {
		return uuid.Nil, onlyForAdmins()
	}
	return id, nil
}

func onlyForAdmins() error {
	return problem.New(problem.Forbidden, "missing_scope",
		"Only a key with the scope admin may name another user. Leave the parameter out for your own data.").In("user")
}

// auditAdminRead puts on record that an administrator looks at what is somebody else's.
func (s *server) auditAdminRead(r *http.Request, subject uuid.UUID, resource string) {
	if subject != actorOf(r).User.ID {
		s.Audit.Add(r.Context(), account.ActionAdminRead, subject, resource, nil)
	}
}
