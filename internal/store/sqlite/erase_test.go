package sqlite

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/store/storetest"
)

// TestErasingLeavesNothing fills every table for a user, and looks for that user in every column of every table that the
// database itself names: a table that is added later is looked through too. Then it looks in the file.
func TestErasingLeavesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "health.db")
	s := openTest(t, path)
	ada, bob := addUser(t, s), addUser(t, s)
	storetest.Fill(t, s, ada, noon)
	storetest.Fill(t, s, bob, noon)
	var userID int64
	if err := s.reader.QueryRowContext(t.Context(), `SELECT id FROM users WHERE uuid = ?`, ada[:]).Scan(&userID); err != nil {
		t.Fatal(err)
	}
	all, found := tablesOf(t, s), traces(t, s, ada, userID)
	for _, table := range all {
		if !slices.Contains(tablesWithoutUser, table) && !slices.Contains(found, table) {
			t.Errorf("the test puts nothing of the user into %s: add it to storetest.Fill", table)
		}
	}
	if err := s.EraseData(t.Context(), ada, noon); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, s, ada, userID); !slices.Equal(left, []string{"api_key_use", "api_keys", "users"}) {
		t.Errorf("the erased data has left traces in %v", left)
	}
	if _, err := s.DeleteUser(t.Context(), ada, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, s, ada, userID); len(left) > 0 {
		t.Errorf("the deleted user has left traces in %v", left)
	}
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("body of "+ada.String())) || bytes.Contains(content, []byte(storetest.OwnSource(ada))) {
			t.Errorf("%s still holds what was erased", filepath.Base(name))
		}
	}
}

// tablesWithoutUser are the tables that have nothing of one user.
var tablesWithoutUser = []string{"goose_db_version", "sqlite_sequence", "metric_names", "erased_keys", "leases", "trust"}

func tablesOf(t *testing.T, s *Store) (names []string) {
	t.Helper()
	err := s.read(t.Context(), "list tables", func(tx *sql.Tx) (err error) {
		names, err = list(t.Context(), tx, scanText, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
		return err
	})
	if err != nil || len(names) < 20 {
		t.Fatalf("tables: %v, error %v", names, err)
	}
	return names
}

// traces returns the tables in which a column of any row holds the user's uuid, its id in this database, the id of
// a key or of a body, or the name of a device.
func traces(t *testing.T, s *Store, user uuid.UUID, userID int64) (found []string) {
	t.Helper()
	for _, table := range tablesOf(t, s) {
		if table == "goose_db_version" || table == "sqlite_sequence" || table == "erased_keys" {
			continue
		}
		all, err := s.reader.QueryContext(t.Context(), `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := all.Columns()
		if err != nil {
			t.Fatal(err)
		}
		hit := false
		for all.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := all.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				text := fmt.Sprintf("%s", v)
				isNumber := (columns[i] == "user_id" || table == "users" && columns[i] == "id") && v == userID
				hit = hit || isNumber || bytes.Contains([]byte(text), user[:]) || bytes.Contains([]byte(text), []byte(user.String())) ||
					bytes.Contains([]byte(text), []byte("key-"+user.String()[24:]))
			}
		}
		if err := all.Close(); err != nil {
			t.Fatal(err)
		}
		if hit {
			found = append(found, table)
		}
	}
	return found
}
