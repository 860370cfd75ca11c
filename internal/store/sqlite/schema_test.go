package sqlite

import (
	"database/sql"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

var update = flag.Bool("update", false, "write testdata/schema.sql anew")

// The checked-in schema is what all migrations together make of an empty database. A difference means that a migration
// that is part of a release was changed, or that a new one needs this file written again with -update.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "health.db"))
	var statements []string
	err := s.read(t.Context(), "read schema", func(tx *sql.Tx) (err error) {
		statements, err = list(t.Context(), tx, scanText, `
			SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND tbl_name <> 'goose_db_version'
			ORDER BY tbl_name, type DESC, name`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(statements, "\n\n") + "\n"
	const golden = "testdata/schema.sql"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the schema is another one (-want +got):\n%s", diff)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	s := openTest(t, path)
	if _, err := s.writer.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, nil)
	var refusal *problem.Error
	if !errors.As(err, &refusal) || refusal.Code != "database_newer" || !errors.Is(err, problem.Conflict) {
		t.Fatalf("open: %v", err)
	}
	if !strings.Contains(refusal.Message, "9999") || !strings.Contains(refusal.Message, "Install the newer version") {
		t.Errorf("the refusal does not say what to do: %q", refusal.Message)
	}
}

// Several processes may be started at the same time on a file that is not there yet.
func TestOpenedByManyAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "health.db")
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			s, err := Open(t.Context(), path, nil)
			if err != nil {
				return err
			}
			if err := s.Ping(t.Context()); err != nil {
				return err
			}
			return s.Close()
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(folder, "health 100%?#é.db") // nothing in a name may be taken for a part of a URL
	s := openTest(t, path)
	if err := s.CreateUser(t.Context(), account.User{Email: "ada@example.org"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{folder: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 3 {
		t.Errorf("files in the folder: %v, error %v", entries, err)
	}
}

func openTest(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
