package server

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// user is a user in the API.
type user struct {
	ID        uuid.UUID `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	TimeZone  string    `json:"time_zone"`
	CreatedAt time.Time `json:"created_at"`
}

func userOf(u account.User) user {
	return user{ID: u.ID, Email: u.Email, Name: u.Name, TimeZone: cmp.Or(u.TimeZone, "UTC"), CreatedAt: u.CreatedAt}
}

func (s *server) listUsers(w http.ResponseWriter, r *request) error {
	found, err := s.Users.Users(r.Context())
	if err != nil {
		return err
	}
	s.Audit.Add(r.Context(), account.ActionAdminRead, uuid.Nil, "users", nil)
	var answer struct {
		Users []user `json:"users"`
	}
	for _, u := range found {
		answer.Users = append(answer.Users, userOf(u))
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (s *server) getUser(w http.ResponseWriter, r *request) error {
	found, err := s.Users.User(r.Context(), r.values.ID("id"))
	if err != nil {
		return err
	}
	s.auditAdminRead(r.Context(), r.Actor, found, "user")
	return writeJSON(w, http.StatusOK, userOf(found))
}

// newUser is the request body of createUser.
type newUser struct {
	Email    string `json:"email"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
}

func (s *server) createUser(w http.ResponseWriter, r *request) error {
	var sent newUser
	if err := readJSON(w, r.Request, &sent); err != nil {
		return err
	}
	created, err := account.NewUser(sent.Email, sent.Name, sent.TimeZone, s.Now())
	if err != nil {
		return err
	}
	err = s.Users.CreateUser(r.Context(), created,
		access.NewAuditEntry(r.Context(), account.ActionUserCreate, created.ID, created.ID.String(), created.CreatedAt, nil))
	if errors.Is(err, problem.Conflict) {
		return problem.New(problem.Conflict, "email_taken", "There is a user with this email address already.").
			In("email").Because(err)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/users/"+created.ID.String())
	return writeJSON(w, http.StatusCreated, userOf(created))
}

// deleteUser deletes a user with everything that is stored for them.
func (s *server) deleteUser(w http.ResponseWriter, r *request) error {
	if err := s.Authenticator.DeleteUser(r.Context(), r.values.ID("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// putMyTimeZone sets where the user of the key lives.
func (s *server) putMyTimeZone(w http.ResponseWriter, r *request) error {
	return s.setTimeZone(w, r, r.Actor.User.ID)
}

// putTimeZone sets where a user lives.
func (s *server) putTimeZone(w http.ResponseWriter, r *request) error {
	return s.setTimeZone(w, r, r.values.ID("id"))
}

func (s *server) setTimeZone(w http.ResponseWriter, r *request, id uuid.UUID) error {
	var sent struct {
		TimeZone string `json:"time_zone"`
	}
	if err := readJSON(w, r.Request, &sent); err != nil {
		return err
	}
	changed, err := s.Authenticator.SetTimeZone(r.Context(), id, sent.TimeZone)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, userOf(changed))
}
