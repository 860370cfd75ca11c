package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // for changing things by hand

	"github.com/health-export/health-export/internal/testdb"
)

// tool runs one command on a database and returns its exit code and what it printed.
func tool(t *testing.T, database string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var printed, complained bytes.Buffer
	code = run(t.Context(), append(args, "--database", database), nil, strings.NewReader(""), &printed, &complained)
	lookThrough(t, complained.String())
	return code, printed.String(), complained.String()
}

// byHand runs a statement on a database as somebody with a database shell would.
func byHand(t *testing.T, database, statement string) {
	t.Helper()
	var changed int64
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		result, err := db.Exec(statement)
		if err != nil {
			t.Fatal(err)
		}
		changed, _ = result.RowsAffected()
	} else {
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		tag, err := conn.Exec(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		changed = tag.RowsAffected()
	}
	if changed != 1 {
		t.Fatalf("%s changed %d rows", statement, changed)
	}
}

// databases returns a new database of every kind this machine can run.
func databases(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"sqlite": "sqlite:" + t.TempDir() + "/health.db"}
	if testdb.HasService(t, "TEST_DATABASE_URL") {
		all["postgres"] = testdb.EmptyPostgresURL(t)
	}
	return all
}

const threeDays = "Date/Time,Step Count (count),Blood Pressure [Systolic] (mmHg),Blood Pressure [Diastolic] (mmHg)\n" +
	"2026-03-10 00:00:00,9900,121,79\n2026-03-11 00:00:00,100,,\n2026-03-12 00:00:00,7,,\n"

// A row that is removed by hand and a value that is changed by hand must be found, and replaying must mend what is missing.
func TestVerifyAndReplay(t *testing.T) {
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			server, _, stop := start(t, database)
			if status, report := server.call("POST", "/v1/ingest", threeDays); status != 200 {
				t.Fatalf("ingest answered %d %v", status, report)
			}
			stop()
			if code, out, errOut := tool(t, database, "verify"); code != exitOK {
				t.Fatalf("exit code %d on a sound store: %s%s", code, out, errOut)
			}
			byHand(t, database, `DELETE FROM activity_metrics WHERE value = 100`)
			byHand(t, database, `DELETE FROM blood_pressure_metrics`)
			byHand(t, database, `UPDATE activity_metrics SET value = 9901.25 WHERE value = 9900`)

			code, out, _ := tool(t, database, "verify", "--user", firstUser)
			for _, want := range []string{
				"missing    sample step_count 2026-03-11T00:00:00", "different  sample step_count 2026-03-10T00:00:00", "2 missing, 0 extra, 1 different",
				"missing    sample blood_pressure 2026-03-10T00:00:00",
			} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in:\n%s", want, out)
				}
			}
			if code != exitDifferent || strings.Contains(out, "9901.25") {
				t.Errorf("exit code %d, want %d; values shown: %v", code, exitDifferent, strings.Contains(out, "9901.25"))
			}
			if _, out, _ := tool(t, database, "verify", "--values", "--limit", "1"); !strings.Contains(out, "Systolic:121") ||
				!strings.Contains(out, "and 2 more") {
				t.Errorf("with values, and one line only:\n%s", out)
			}

			if code, out, errOut := tool(t, database, "replay", "--format", "hae", "--json"); code != exitOK || !strings.Contains(out, `"bodies":0`) {
				t.Errorf("replaying another format: exit code %d %s%s", code, out, errOut)
			}
			code, out, errOut := tool(t, database, "replay", "--all", "--json")
			var counts replayCounts
			if err := json.Unmarshal([]byte(out), &counts); err != nil || code != exitOK {
				t.Fatalf("exit code %d, %v: %s%s", code, err, out, errOut)
			}
			if want := (replayCounts{Bodies: 1, Received: 4, Inserted: 2, Updated: 1, Unchanged: 1}); counts != want {
				t.Errorf("the replay says %+v, want %+v", counts, want)
			}
			if code, out, _ := tool(t, database, "verify"); code != exitOK {
				t.Errorf("after the replay, exit code %d:\n%s", code, out)
			}
		})
	}
}

func TestVerifyThatCannotRun(t *testing.T) {
	t.Chdir(t.TempDir())
	database := "sqlite:" + t.TempDir() + "/health.db"
	if code, _, errOut := tool(t, database, "verify", "--user", "nobody@example.org"); code != exitNotVerified {
		t.Errorf("exit code %d for nobody, want %d: %s", code, exitNotVerified, errOut)
	}
}

func TestReplayRefusesWhatItCannotUnderstand(t *testing.T) {
	t.Chdir(t.TempDir())
	database := "sqlite:" + t.TempDir() + "/health.db"
	for name, args := range map[string][]string{
		"nothing said":      nil,
		"ids and a range":   {"0193c0de-0000-7000-8000-000000000000", "--all"},
		"no id":             {"x"},
		"no status":         {"--status", "accepted"},
		"no time":           {"--since", "yesterday"},
		"a negative time":   {"--until", "-7d"},
		"something foreign": {"--all", "--colour"},
	} {
		if code, _, errOut := tool(t, database, append([]string{"replay"}, args...)...); code != exitUsage {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, exitUsage, errOut)
		}
	}
	if code, _, _ := tool(t, database, "replay", "0193c0de-0000-7000-8000-000000000000"); code != exitNotFound {
		t.Errorf("exit code %d for an id that does not exist, want %d", code, exitNotFound)
	}
}
