package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/testlog"
)

// importing runs the command on a database that has the user anna@example.org.
func importing(t *testing.T, database string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"import", "--database", database, "--user", "anna@example.org"}, args...)
	code = run(t.Context(), args, nil, nil, &stdout, &stderr)
	lookThrough(t, stderr.String())
	return code, stdout.String(), stderr.String()
}

func databaseOfAnna(t *testing.T) string {
	t.Helper()
	database := "sqlite:" + filepath.Join(t.TempDir(), "he.db")
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"user", "create", "anna@example.org", "--time-zone", "Europe/Paris", "--database", database}, nil, nil, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	return database
}

func TestImportCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	database := databaseOfAnna(t)
	file, err := os.Create("export.zip")
	if err != nil {
		t.Fatal(err)
	}
	made, err := generator.WriteExportArchive(file, generator.ExportOptions{Bytes: 300_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, "body.json", `{"data":{"metrics":[{"name":"step_count","units":"count","data":[{"date":"2026-03-10 00:00:00 +0100","qty":9}]}]}}`)

	for _, want := range []string{"inserted", "unchanged"} {
		code, out, errOut := importing(t, database, "export.zip", "body.json", "--json")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != exitOK || len(lines) != 2 {
			t.Fatalf("exit code %d: %s%s", code, out, errOut)
		}
		var report struct {
			Counts struct{ Metrics, Workouts map[string]int }
			Types  []struct{ Type string }
		}
		if err := json.Unmarshal([]byte(lines[0]), &report); err != nil {
			t.Fatal(err)
		}
		m, w := report.Counts.Metrics, report.Counts.Workouts
		if m["received"] != made.Records+made.Summaries || m[want] != m["received"] || w[want] != made.Workouts || len(report.Types) != 13 {
			t.Errorf("of %+v: %+v", made, report)
		}
		if err := json.Unmarshal([]byte(lines[1]), &report); err != nil || report.Counts.Metrics[want] != 1 {
			t.Errorf("%v %s", err, lines[1])
		}
	}
	code, out, errOut := importing(t, database, "export.zip")
	if code != exitOK || !strings.Contains(out, "HKQuantityTypeIdentifierStepCount") || !strings.Contains(out, "UNCHANGED") {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
}

// The days of Apple's export are those of the user's zone. Who has none is told so before, and after in the report.
func TestImportCommandWithoutATimeZone(t *testing.T) {
	t.Chdir(t.TempDir())
	database := databaseOfAnna(t)
	command := func(args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append(args, "--database", database), nil, nil, &out, &errOut); code != exitOK {
			t.Fatalf("exit code %d: %s", code, errOut.String())
		}
		return out.String()
	}
	write(t, "export.xml", `<HealthData><Record type="HKQuantityTypeIdentifierStepCount" sourceName="Watch" unit="count" value="7" `+
		`startDate="2026-03-10 23:30:00 +0000" endDate="2026-03-10 23:31:00 +0000"/></HealthData>`)

	_, out, errOut := importing(t, database, "export.xml", "--json")
	if strings.Contains(out, "no_time_zone") || strings.Contains(errOut, "time zone") {
		t.Errorf("somebody in Paris is warned: %s%s", out, errOut)
	}
	command("user", "create", "bob@example.org")
	code, out, errOut := importing(t, database, "--user", "bob@example.org", "export.xml", "--json")
	if code != exitOK || !strings.Contains(out, "no_time_zone") || !strings.Contains(errOut, "health-export user set bob@example.org --time-zone") {
		t.Errorf("exit code %d, somebody without a zone is not warned: %s%s", code, out, errOut)
	}
	if out := command("user", "set", "anna@example.org", "--time-zone", "America/New_York", "--json"); !strings.Contains(out, "America/New_York") {
		t.Errorf("the zone is not set: %s", out)
	}
}

func TestImportCommandRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	database := databaseOfAnna(t)
	write(t, "hello.txt", "hello")
	write(t, "bad.xml", `<HealthData><Record type="HKQuantityTypeIdentifierStepCount" value="1"/></HealthData>`)
	bomb, err := os.Create("bomb.zip")
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(bomb)
	inner, err := w.Create("export.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inner.Write(make([]byte, 80<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bomb.Close()
	for file, want := range map[string]struct {
		code int
		say  string
	}{
		"hello.txt": {exitUsage, "neither JSON"},
		"none.zip":  {exitUsage, "no such file"},
		"bomb.zip":  {exitUsage, "unpacks to more than is believable"},
		"bad.xml":   {exitFailed, "nothing of it could be stored"},
	} {
		if code, _, errOut := importing(t, database, file); code != want.code || !strings.Contains(errOut, want.say) {
			t.Errorf("%s: exit code %d: %s", file, code, errOut)
		}
	}
	if code, _, errOut := importing(t, database, "--user", "bob@example.org", "hello.txt"); code != exitNotFound {
		t.Errorf("somebody else: exit code %d: %s", code, errOut)
	}
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"import", "--database", database, "--user", "a@b.c"}, nil, nil, &out, &errOut); code != exitUsage {
		t.Errorf("no file: exit code %d", code)
	}
}

func TestImportCommandInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	path := databaseOfAnna(t)
	write(t, "export.xml", `<HealthData></HealthData>`)
	p := &program{settings: newSettings(nil), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	p.settings.database = path
	err := p.withStore(t.Context(), func(ctx context.Context, db database) error {
		user, err := db.UserByEmail(ctx, "anna@example.org")
		if err != nil {
			return err
		}
		metricCatalog, err := catalog.Load()
		if err != nil {
			return err
		}
		service, err := ingest.New(ingest.Config{Store: db, Catalog: metricCatalog, Logger: testlog.Logger(t)})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return p.importFile(ctx, service, user, "export.xml", false)
	})
	if err == nil || !strings.Contains(err.Error(), "run the same command again") {
		t.Errorf("it says %v", err)
	}
}

func TestProgressIsDescribed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state ingest.Progress
		took  time.Duration
		want  string
	}{
		{
			ingest.Progress{Phase: "reading", BytesRead: 25e6, BytesTotal: 100e6, Records: 50_000},
			10 * time.Second,
			"reading  25 %, 25.0 of 100.0 MB, 50000 records, 5000/s, 30s left",
		},
		{
			ingest.Progress{Phase: "writing", BytesRead: 9, BytesTotal: 9, Records: 100, Written: 50},
			time.Second,
			"writing  50 %, 50 of 100 records, 50/s, 1s left",
		},
		{ingest.Progress{Phase: "reading"}, 0, "reading   0 %, 0.0 of 0.0 MB"},
	} {
		if got := progressText(c.state, c.took); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := drawBar(0.5); got != "[##########----------]" {
		t.Error(got)
	}
}
