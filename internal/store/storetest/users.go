package storetest

import (
	"testing"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

var userTests = []test{
	{"users/come back as they were stored", func(t *testing.T, s store.Store) {
		user := account.User{
			ID: newID(t), Email: "Ada@Example.org", Name: "Ada ☂", TimeZone: "Asia/Kolkata",
			CreatedAt: noon.Add(1500 * time.Nanosecond),
		}
		ok(t, "create", s.CreateUser(t.Context(), user))
		user.CreatedAt = noon.Add(time.Microsecond) // finer times are cut off

		got, err := s.User(t.Context(), user.ID)
		ok(t, "by id", err)
		equal(t, "by id", got, user)
		if got.CreatedAt.Location() != time.UTC {
			t.Errorf("the time is in zone %s, want UTC", got.CreatedAt.Location())
		}
		got, err = s.UserByEmail(t.Context(), user.Email)
		ok(t, "by email", err)
		equal(t, "by email", got, user)
	}},
	{"users/email addresses are compared without regard to case", func(t *testing.T, s store.Store) {
		user := account.User{ID: newID(t), Email: "Änne@Example.org", CreatedAt: noon}
		ok(t, "create", s.CreateUser(t.Context(), user))
		got, err := s.UserByEmail(t.Context(), "äNNE@eXAMPLE.ORG")
		ok(t, "by email in another case", err)
		equal(t, "user", got, user)

		fails(t, "the same address again",
			s.CreateUser(t.Context(), account.User{ID: newID(t), Email: "änne@example.org", CreatedAt: noon}), problem.Conflict)
		users, err := s.Users(t.Context())
		ok(t, "list", err)
		equal(t, "users", users, []account.User{user})
	}},
	{"users/somebody unknown is not found", func(t *testing.T, s store.Store) {
		createUser(t, s)
		_, err := s.User(t.Context(), newID(t))
		fails(t, "by id", err, problem.NotFound)
		_, err = s.UserByEmail(t.Context(), "nobody@example.org")
		fails(t, "by email", err, problem.NotFound)
	}},
	{"users/are listed in the order of their creation", func(t *testing.T, s store.Store) {
		var want []account.User
		for i, name := range []string{"zoe", "ada", "mia"} {
			user := account.User{
				ID: newID(t), Email: name + "@example.org", Name: name, CreatedAt: noon.Add(time.Duration(i) * time.Second),
			}
			ok(t, "create", s.CreateUser(t.Context(), user))
			want = append(want, user)
		}
		got, err := s.Users(t.Context())
		ok(t, "list", err)
		equal(t, "users", got, want)
	}},
}
