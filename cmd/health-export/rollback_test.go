package main

import (
	"context"
	"database/sql"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// During an upgrade the release before still runs on the schema of the next one, which only adds to it (docs/adding.md). A
// server takes in, answers and erases as before while columns and tables are added under it. Started anew it refuses, as
// every command does, and says what to do.
func TestRunsOnAnExpandedSchema(t *testing.T) {
	database := newDatabase(t)
	server, _, _ := start(t, database)
	everything := func(n int) {
		t.Helper()
		for _, body := range []string{minutes(n), steps(n, "2026-03-10"), workout} {
			if status, report := server.call("POST", "/v1/ingest", body); status != http.StatusOK {
				t.Errorf("ingest answered %d %v", status, report)
			}
		}
		for _, path := range server.pathsToRead() {
			if status, answer := server.call("GET", path, ""); status != http.StatusOK {
				t.Errorf("%s answered %d %v", path, status, answer)
			}
		}
	}
	everything(1)
	expand(t, database)
	everything(2)
	if got := server.stepsOfDay("2026-03-10"); got != 2 {
		t.Errorf("the steps of the day are %v", got)
	}
	if status, answer, err := server.try("DELETE", "/v1/data", ""); err != nil || status >= 300 {
		t.Errorf("erasing answered %d %s %v", status, answer, err)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0", "--metrics-listen", "off"}, {"verify"}, {"user", "list"}, {"migrate", "up"}} {
		code, _, errOut := tool(t, database, args...)
		if code == exitOK || !strings.Contains(errOut, "9999") || !strings.Contains(errOut, "Install the newer version") {
			t.Errorf("%v on a newer database: exit code %d: %s", args, code, errOut)
		}
	}
}

const workout = `{"data":{"workouts":[{"id":"5C9E2A40-0000-4000-8000-000000000001","name":"Running","start":"2026-03-10 07:00:00 +0100",
"end":"2026-03-10 07:30:00 +0100","duration":1800,"route":[
{"latitude":48.1,"longitude":11.5,"altitude":500,"timestamp":"2026-03-10 07:00:00 +0100"},
{"latitude":48.2,"longitude":11.6,"altitude":510,"timestamp":"2026-03-10 07:30:00 +0100"}]}]}}`

// expand makes of a schema what a next release may: every table has a column more, and there is one table more.
func expand(t *testing.T, database string) {
	t.Helper()
	const tables = `
		SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'`
	const partitioned = `
		SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'goose_db_version'
		  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')`
	var names []string
	var exec func(statement string) error
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		db, err := sql.Open("sqlite", path+"?_busy_timeout=10000")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		rows, err := db.Query(tables)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		exec = func(statement string) error {
			_, err := db.Exec(statement)
			return err
		}
	} else {
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		rows, err := conn.Query(t.Context(), partitioned)
		if err != nil {
			t.Fatal(err)
		}
		if names, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		exec = func(statement string) error {
			_, err := conn.Exec(t.Context(), statement)
			return err
		}
	}
	if len(names) < 15 {
		t.Fatalf("only these tables were found: %v", names)
	}
	statements := []string{
		`CREATE TABLE of_the_next_release (id integer PRIMARY KEY)`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`,
	}
	for _, name := range names {
		statements = append(statements, `ALTER TABLE `+name+` ADD COLUMN of_the_next_release text`)
	}
	for _, statement := range statements {
		if err := exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
