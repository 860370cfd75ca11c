package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// A backup is made while others write, holds what was there when it began, and can be opened.
func TestBackup(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, to := filepath.Join(folder, "health 100%?#é.db"), filepath.Join(folder, "copy 100%?#é.db")
	s := openTest(t, path)
	before := account.User{Email: "ada@example.org"}
	if err := s.CreateUser(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	tx, err := s.writer.BeginTx(t.Context(), nil) // somebody writes all the while
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`UPDATE users SET email = 'eve@example.org'`); err != nil {
		t.Fatal(err)
	}
	size, err := Backup(t.Context(), path, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Size() != size || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v, said to be of %d bytes", info, err, size)
	}
	restored := openTest(t, to)
	if users, err := restored.Users(t.Context()); err != nil || len(users) != 1 || users[0].Email != before.Email {
		t.Errorf("the backup has %v, %v", users, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, to := filepath.Join(folder, "health.db"), filepath.Join(folder, "copy.db")
	openTest(t, path)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	damaged := filepath.Join(folder, "damaged.db")
	if err := os.WriteFile(damaged, []byte(strings.Repeat("no database at all ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ctx      context.Context
		from, to string
		want     error
	}{
		"no database":             {t.Context(), to, filepath.Join(folder, "other.db"), problem.NotFound},
		"a file that exists":      {t.Context(), path, path, problem.Conflict},
		"a folder that is absent": {t.Context(), path, filepath.Join(folder, "none", "copy.db"), problem.Unavailable},
		"a file that is damaged":  {t.Context(), damaged, to, nil},
		"interrupted":             {ended, path, to, context.Canceled},
	} {
		if _, err := Backup(c.ctx, c.from, c.to); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, pattern := range []string{"copy.db*", "*.partial"} {
		if left, err := filepath.Glob(filepath.Join(folder, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}
