package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/testdb"
)

// What was acknowledged before a backup began is in it, whole and by the same keys, although bodies went on coming in while
// it was made.
func TestBackupAndRestore(t *testing.T) {
	binary, database := build(t), newDatabase(t)
	server := launch(t, binary, database, "")
	const before = 40
	for n := range before {
		if status, report := server.call("POST", "/v1/ingest", minutes(n)); status != http.StatusOK {
			t.Fatalf("ingest answered %d %v", status, report)
		}
	}
	file := filepath.Join(t.TempDir(), "backup")
	under(server.instance, before, func() { backUp(t, database, file) })
	server.kill()

	restored := restore(t, kindOf(database), file)
	if code, out, errOut := tool(t, restored, "verify"); code != exitOK || !strings.Contains(out, " 0 missing, 0 extra, 0 different") {
		t.Errorf("verify: exit code %d: %s%s", code, out, errOut)
	}
	again := launch(t, binary, restored, server.key)
	for n := range before {
		if status, report := again.call("POST", "/v1/ingest", minutes(n)); status != http.StatusOK || counts(report)["unchanged"] != 60.0 {
			t.Errorf("body %d is not stored in full: %v", n, counts(report))
		}
	}
}

// kindOf is the name of the kind of a database, as in its package.
func kindOf(database string) string {
	if isPostgres(database) {
		return "postgres"
	}
	return "sqlite"
}

// under sends bodies to a server, numbered from first, while something is done.
func under(server *instance, first int, do func()) {
	var senders sync.WaitGroup
	done := make(chan struct{})
	underway := make(chan struct{}, 2)
	for sender := range 2 {
		senders.Go(func() {
			for n := first + sender; ; n += 2 {
				if status, answer, err := server.try("POST", "/v1/ingest", minutes(n)); err != nil || status >= 300 {
					server.t.Errorf("body %d, sent meanwhile: %d %s %v", n, status, answer, err)
					return
				}
				select {
				case underway <- struct{}{}:
				default:
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	<-underway
	do()
	close(done)
	senders.Wait()
}

// backUp makes a backup as docs/operations/backup.md says: the command of PostgreSQL is the one that our own prints.
func backUp(t *testing.T, database, file string) {
	t.Helper()
	code, out, errOut := tool(t, database, "backup", file)
	if !isPostgres(database) {
		if code != exitOK || !strings.Contains(out, "checked") {
			t.Fatalf("exit code %d: %s%s", code, out, errOut)
		}
		if code, _, errOut := tool(t, database, "backup", file); code != exitConflict || !strings.Contains(errOut, "exists already") {
			t.Errorf("overwriting a backup: exit code %d: %s", code, errOut)
		}
		return
	}
	_, line, found := strings.Cut(errOut, "\n\n  pg_dump ")
	line, _, _ = strings.Cut(line, "\n")
	if code != exitUsage || !found {
		t.Fatalf("exit code %d: %s%s", code, out, errOut)
	}
	command := exec.CommandContext(t.Context(), "sh", "-c", "exec "+postgresProgram(t, database, "pg_dump")+" "+line)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

// restore puts a backup where there was nothing, and returns the database that it is then.
func restore(t *testing.T, kind, file string) (database string) {
	t.Helper()
	if kind == "sqlite" {
		place := filepath.Join(t.TempDir(), "health-export.db")
		if err := os.Rename(file, place); err != nil {
			t.Fatal(err)
		}
		return "sqlite:" + place
	}
	database = testdb.EmptyPostgresURL(t)
	command := exec.CommandContext(t.Context(), postgresProgram(t, database, "pg_restore"), "--exit-on-error", "--no-owner", "--no-comments", "--dbname="+database, file)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return database
}

// postgresProgram returns a program that came with the server: pg_dump refuses one that is newer than itself.
func postgresProgram(t *testing.T, database, name string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var version int
	if err := conn.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::int / 10000`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"/usr/lib/postgresql/%d/bin", "/usr/pgsql-%d/bin", "/opt/homebrew/opt/postgresql@%d/bin", "/usr/local/opt/postgresql@%d/bin"} {
		if path := filepath.Join(fmt.Sprintf(folder, version), name); exec.Command(path, "--version").Run() == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("PostgreSQL %d has no %s on this machine: %v", version, name, err)
	}
	return path
}

func TestBackupRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		database string
		code     int
		want     string
	}{
		{"sqlite:nothing.db", exitNotFound, "no database at nothing.db"},
		{"sqlite::memory:", exitUsage, "nothing to back up"},
		{"mysql://host/db", exitUsage, "a database is named"},
		{
			"postgres://ada:s3cret@host:5433/health?sslmode=require", exitUsage,
			`pg_dump --format=custom --exclude-table-data=spatial_ref_sys --file='it'\''s.db' 'postgres://ada@host:5433/health?sslmode=require'`,
		},
	} {
		code, out, errOut := tool(t, c.database, "backup", "it's.db")
		if code != c.code || !strings.Contains(errOut, c.want) || strings.Contains(out+errOut, "s3cret") {
			t.Errorf("%s: exit code %d: %s%s", c.database, code, out, errOut)
		}
	}
}
