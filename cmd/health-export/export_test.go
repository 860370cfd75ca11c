package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
)

func TestExportCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	path := filepath.Join(t.TempDir(), "export.db")
	tool := func(args ...string) (int, string, string) {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(args, "--database", "sqlite:"+path), nil, nil, &out, &errOut)
		return code, out.String(), errOut.String()
	}
	if code, _, text := tool("user", "create", "anna@example.org", "--time-zone", "Europe/Berlin"); code != exitOK {
		t.Fatal(text)
	}
	storeSteps(t, path)

	if code, out, text := tool("export", "--user", "anna@example.org", "--format", "csv"); code != exitOK ||
		!strings.Contains(out, "step_count,count,2026-03-10T08:00:00+01:00,2026-03-10T08:00:00+01:00,12,") {
		t.Errorf("exit code %d: %s%s", code, out, text)
	}
	if code, out, _ := tool("export", "--user", "anna@example.org", "--format", "ndjson", "--metrics", "step_count,nonsense", "--start", "2026-03-11"); code != exitNotFound || out != "" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out, _ := tool("export", "--user", "anna@example.org", "--format", "ndjson", "--metrics", "step_count", "--start", "2026-03-11"); code != exitOK || out != "" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out, text := tool("export", "--user", "anna@example.org", "--output", "all.zip"); code != exitOK || out != "" {
		t.Fatalf("exit code %d: %s%s", code, out, text)
	}
	archive, err := zip.OpenReader("all.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		names = append(names, file.Name)
	}
	if got := strings.Join(names, " "); got != "README.txt samples/step_count.csv received.ndjson manifest.json" {
		t.Errorf("the zip has %s", got)
	}
	if info, err := os.Stat("all.zip"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v, error %v", info.Mode(), err)
	}

	for _, refused := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"export"}, exitUsage, "user"},
		{[]string{"export", "--user", "nobody@example.org"}, exitNotFound, "nobody@example.org"},
		{[]string{"export", "--user", "anna@example.org", "--format", "xml"}, exitUsage, "parquet"},
		{[]string{"export", "--user", "anna@example.org", "--format", "csv", "--types", "sleep,ecg"}, exitUsage, "one table"},
		{[]string{"export", "--user", "anna@example.org", "--start", "yesterday"}, exitUsage, "--start"},
		{[]string{"export", "--user", "anna@example.org", "--output", "no/such/folder.zip"}, exitFailed, "no such file"},
	} {
		if code, out, text := tool(refused.args...); code != refused.code || !strings.Contains(text, refused.want) || out != "" {
			t.Errorf("%v: exit code %d, want %d; printed %s", refused.args, code, refused.code, text)
		}
	}
	if left, err := filepath.Glob(".*"); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, error %v", left, err)
	}
}

// storeSteps stores a sample of the one user.
func storeSteps(t *testing.T, path string) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	user, err := db.UserByEmail(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	s := health.NewSample()
	s.Metric, s.Unit, s.Source, s.Grain, s.Value = "step_count", "count", "Watch", health.GrainRaw, 12
	s.Start, s.Offset = health.InstantOf(time.Date(2026, 3, 10, 7, 0, 0, 0, time.UTC)), 3600
	s.End = s.Start
	if _, err := db.WriteSamples(t.Context(), store.Body{User: user.ID}, []health.Sample{s}); err != nil {
		t.Fatal(err)
	}
}
