package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store/sqlite"
)

func TestWrittenExternally(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	mine, other := openFile(t, path), openFile(t, path)
	write := func(s *sqlite.Store, email string) {
		t.Helper()
		user, err := account.NewUser(email, "", "UTC", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	read := func(s *sqlite.Store) {
		t.Helper()
		if _, err := s.Users(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"the first time", func() {}, true},
		{"nothing", func() {}, false},
		{"my own write", func() { write(mine, "a@example.org") }, false},
		{"my own reading", func() { read(mine) }, false},
		{"another's reading", func() { read(other) }, false},
		{"another's write", func() { write(other, "b@example.org") }, true},
		{"nothing since", func() {}, false},
		{"another's write that I have read", func() { write(other, "c@example.org"); read(mine) }, true},
		{"another's write with mine after it", func() { write(other, "d@example.org"); write(mine, "e@example.org") }, true},
		{"my write alone again", func() { write(mine, "f@example.org") }, false},
	} {
		step.do()
		if got, err := mine.WrittenExternally(t.Context()); err != nil || got != step.want {
			t.Errorf("%s: %v, %v; want %v", step.what, got, err, step.want)
		}
	}
}

// Nobody else can write to a database in memory.
func TestWrittenExternallyInMemory(t *testing.T) {
	t.Parallel()
	s := openMemory(t)
	user, err := account.NewUser("a@example.org", "", "UTC", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if got, err := s.WrittenExternally(t.Context()); err != nil || got != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
		if want {
			if err := s.CreateUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
		}
	}
}
