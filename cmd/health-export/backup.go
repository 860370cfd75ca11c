package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// printedBackup is what was backed up.
type printedBackup struct {
	File    string  `json:"file"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func (p *program) backupCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "backup FILE", Short: "Write the SQLite database, whole and checked, to a new file", Args: exactArgs(1),
		Long: `Write what the SQLite database holds at this moment to a new file, and check that the file is sound. The server may run and
take in bodies meanwhile. The file is a database like the other, which every command can be asked about:

  health-export backup /backups/health-export-2026-03-10.db
  health-export verify --database sqlite:/backups/health-export-2026-03-10.db

A file that exists is not overwritten. PostgreSQL is backed up by its own program, pg_dump; for a database there, this command
says how.`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.backup(cmd.Context(), args[0]) },
	}
	p.addJSONFlag(command)
	return command
}

func (p *program) backup(ctx context.Context, file string) error {
	switch {
	case isPostgres(p.settings.database):
		return problem.New(problem.Invalid, "backup_by_postgresql",
			"PostgreSQL is backed up by its own program, also while servers run:\n\n  "+dumpCommand(p.settings.database, file)+
				"\n\nHow to restore it: docs/operations/backup.md.")
	case p.settings.database == "sqlite::memory:":
		return problem.New(problem.Invalid, "backup_of_memory", "A database in memory belongs to its server alone and is gone with it: there is nothing to back up.")
	case !strings.HasPrefix(p.settings.database, "sqlite:"):
		_, err := p.settings.openStore(ctx, nil) // says how a database is written
		return err
	}
	begun := time.Now()
	size, err := sqlite.Backup(ctx, sqlitePath(p.settings.database), file)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(printedBackup{file, size, time.Since(begun).Seconds()})
	}
	_, err = fmt.Fprintf(p.out, "%s: %.1f MiB, checked\n", file, float64(size)/(1<<20))
	return err
}

// dumpCommand is the line for a shell that backs up the database at a URL. It has no password: pg_dump asks for it, or finds
// it in PGPASSWORD or ~/.pgpass. The table it leaves out comes with PostGIS, and only a superuser could restore it.
func dumpCommand(database, file string) string {
	if address, err := url.Parse(database); err == nil {
		if address.User != nil {
			address.User = url.User(address.User.Username())
		}
		database = address.String()
	} else {
		database = redactURL(database)
	}
	return "pg_dump --format=custom --exclude-table-data=spatial_ref_sys --file=" + shellQuote(file) + " " + shellQuote(database)
}

// shellQuote is a word as a POSIX shell reads it.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
