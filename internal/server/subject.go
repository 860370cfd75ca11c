package server

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/problem"
)

// findSubject returns the user whom an actor names, by id or e-mail address, as the one whose data a request is about: the
// actor, where nobody is named. Only administrators may name somebody else, and only they learn whether there is one.
func (s *server) findSubject(ctx context.Context, actor access.Actor, named string) (account.User, error) {
	id, err := uuid.Parse(named)
	if named == "" || err == nil && id == actor.User.ID || strings.EqualFold(named, actor.User.Email) {
		return actor.User, nil
	}
	isEmail := strings.Contains(named, "@")
	if err != nil && !isEmail {
		return account.User{}, operation.BadParameter(operation.SubjectParameter,
			"is neither the id nor the e-mail address of a user. GET /v1/users lists them")
	}
	if !actor.Allows(account.ScopeAdmin) {
		return account.User{}, onlyForAdmins()
	}
	var user account.User
	if isEmail {
		user, err = s.Users.UserByEmail(ctx, named)
	} else {
		user, err = s.Users.User(ctx, id)
	}
	if errors.Is(err, problem.NotFound) {
		err = problem.New(problem.NotFound, "not_found", "There is no such user.").In(operation.SubjectParameter)
	}
	return user, err
}

func onlyForAdmins() error {
	return problem.New(problem.Forbidden, "missing_scope",
		"Only a key with the scope admin may name another user. Leave the parameter out for your own data.").In(operation.SubjectParameter)
}

// auditAdminRead adds an audit entry when an administrator reads another user's data.
func (s *server) auditAdminRead(ctx context.Context, actor access.Actor, subject account.User, resource string) {
	if subject.ID != actor.User.ID {
		s.Audit.Add(ctx, account.ActionAdminRead, subject.ID, resource, nil)
	}
}
