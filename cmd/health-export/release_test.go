package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/testdb"
)

var release = flag.String("release", "", "first write the fixture of this release into testdata/releases: scripts/release-fixture")

// releaseFixture is a database as a release left it behind, in testdata/releases/VERSION/KIND: besides this file,
// database.gz (a file of SQLite, or SQL for PostgreSQL) and answers.json.gz, what that release answered by path.
type releaseFixture struct {
	// Key is a key of the user whose data it is, and of no other.
	Key string `json:"key"`
	// Migrations are the digests of the steps of the schema that the release knew, by name.
	Migrations map[string]string `json:"migrations"`
}

// readOtherwise has what later versions read otherwise in the bodies of a release, as verify says it: what is missing comes
// with a replay, what is extra stays.
var readOtherwise = map[string][]string{
	"0.1.0": {
		// Where the app did not say how a body was grouped, 0.1.0 took a point on the minute or at midnight for a summary. It
		// is a reading now. The stored summary stays, and stands for a reading with its value.
		// A heart rate at 07:30:12 or 07:31:12 is one of a workout in a file without a name, which is refused.
		"missing sample a 2026-03-10T00:00:00+01:00",
		"extra sample a 2026-03-10T00:00:00+01:00",
		"missing sample active_energy 2026-03-10T00:00:00+01:00",
		"extra sample active_energy 2026-03-10T00:00:00+01:00",
		"extra sample apple_sleeping_wrist_temperature 2026-03-09T23:10:00+01:00",
		"extra sample apple_sleeping_wrist_temperature 2026-03-10T00:00:00+01:00",
		"extra sample blood_glucose 2026-03-10T00:00:00+01:00",
		"missing sample body_temperature 2026-04-01T07:30:00+02:00",
		"extra sample body_temperature 2026-04-01T07:30:00+02:00",
		"missing sample e 2026-03-10T00:00:00+01:00",
		"extra sample e 2026-03-10T00:00:00+01:00",
		"missing sample flights_climbed 2026-04-01T07:30:00+02:00",
		"extra sample flights_climbed 2026-04-01T07:30:00+02:00",
		"extra sample handwashing 2026-03-10T00:00:00+01:00",
		"missing sample heart_rate 2026-03-10T00:00:00+01:00",
		"extra sample heart_rate 2026-03-10T00:00:00+01:00",
		"extra sample heart_rate 2026-04-01T07:30:12+02:00",
		"extra sample heart_rate 2026-04-01T07:31:12+02:00",
		"extra sample insulin_delivery 2026-03-10T00:00:00+01:00",
		"missing sample " + strings.Repeat("n", 200) + " 2026-03-10T00:00:00+01:00",
		"extra sample " + strings.Repeat("n", 200) + " 2026-03-10T00:00:00+01:00",
		"missing sample nothing_said 2026-03-10T00:00:00+01:00",
		"extra sample nothing_said 2026-03-10T00:00:00+01:00",
		"extra sample sexual_activity 2026-03-10T00:00:00+01:00",
		"missing sample step_count 2026-03-10T00:00:00+01:00",
		"extra sample step_count 2026-03-10T00:00:00+01:00",
		"different sample step_count 2026-03-10T00:00:00+01:00",
		"extra sample step_count 2026-03-10T00:00:00+01:00",
		"extra sample step_count 2026-03-10T00:00:00+01:00",
		"extra sample step_count 2026-03-10T00:00:00+01:00",
		"missing sample step_count 2026-04-01T07:30:00+02:00",
		"extra sample step_count 2026-04-01T07:30:00+02:00",
		"missing sample step_count 2026-04-01T07:31:00+02:00",
		"extra sample step_count 2026-04-01T07:31:00+02:00",
		"extra sample weight_body_mass 2026-03-10T00:00:00+01:00",
		// Single values, which are no events.
		"extra event beats 1970-01-01T00:00:00Z",
		"extra event heartbeatSeries 1970-01-01T00:00:00Z",
		"extra event version 1970-01-01T00:00:00Z",
	},
}

// The database of every release is brought up to date, holds what its archive holds, and gives the answers that the
// release gave.
func TestUpgradeFromEveryRelease(t *testing.T) {
	folder := filepath.Join(root(t), "cmd/health-export/testdata/releases")
	if *release != "" {
		for kind, database := range databases(t) {
			t.Run("write "+kind, func(t *testing.T) { writeReleaseFixture(t, filepath.Join(folder, *release, kind), kind, database) })
		}
	}
	releases, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(releases) == 0 {
		t.Fatalf("there are no fixtures of releases: %v", err)
	}
	kind := kindOf(newDatabase(t))
	for _, of := range releases {
		t.Run(filepath.Base(of), func(t *testing.T) { upgrade(t, filepath.Join(of, kind), kind) })
	}
}

func upgrade(t *testing.T, folder, kind string) {
	var fixture releaseFixture
	decode(t, []byte(read(t, filepath.Join(folder, "release.json"))), &fixture)
	if now := migrationsOf(t, kind); !contains(toAny(t, now), toAny(t, fixture.Migrations)) {
		t.Fatalf("a step of the schema that is part of this release has been changed: it stays as it was, and a new step makes the change. "+
			"Only if this release is not out yet: run scripts/release-fixture %s.", filepath.Base(filepath.Dir(folder)))
	}
	database := restoreRelease(t, kind, unpack(t, filepath.Join(folder, "database.gz")))
	if code, out, errOut := tool(t, database, "migrate", "up"); code != exitOK || !strings.Contains(out, "up to date") {
		t.Fatalf("migrate up: exit code %d: %s%s", code, out, errOut)
	}
	server, _, stop := start(t, database)
	server.key = fixture.Key
	var answers map[string]any
	decode(t, unpack(t, filepath.Join(folder, "answers.json.gz")), &answers)
	for path, want := range answers {
		if reason := countedAnew[path]; reason != "" {
			continue
		}
		if status, got := server.call("GET", path, ""); status != http.StatusOK || !contains(got, want) {
			t.Errorf("%s\nanswers %d %v\n    and was %v", path, status, got, want)
		}
	}
	if status, report := server.call("POST", "/v1/ingest", minutes(1)); status != http.StatusOK || counts(report)["unchanged"] != 60.0 {
		t.Errorf("what that release has stored is sent again: %d %v", status, report)
	}
	if status, report := server.call("POST", "/v1/ingest", minutes(99)); status != http.StatusOK || counts(report)["inserted"] != 60.0 {
		t.Errorf("something new is sent: %d %v", status, report)
	}
	stop()
	// Nights of 0.1.0 may have fields of several spans. Processing the bodies again takes them apart; some cannot be read.
	if code, out, errOut := tool(t, database, "replay", "--all"); code != exitOK && !strings.Contains(errOut, "could not be processed") {
		t.Errorf("replay: exit code %d: %s%s", code, out, errOut)
	}
	_, out, _ := tool(t, database, "verify")
	var differs []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 3 && slices.Contains([]string{"missing", "extra", "different"}, fields[0]) {
			differs = append(differs, strings.Join(fields[:4], " "))
		}
	}
	if diff := cmp.Diff(readOtherwise[filepath.Base(filepath.Dir(folder))], differs); diff != "" {
		t.Errorf("verify (-want +got):\n%s%s", diff, out)
	}
}

// countedAnew are the paths whose answers changed with the rules after 0.1.0, and why.
var countedAnew = map[string]string{
	"/v1/sleep?start=1900-01-01&end=2100-01-01":   "a night sent without times is a row of its own, and total is that of the stages where none was sent",
	"/v1/sources/priority":                        "the days are counted again after the upgrade, which takes a while",
	"/v1/summary?start=2026-03-01&end=2026-03-31": "a settled summary of the day has the mean, and beyond it extremes count from all grains",
	monthly("heart_rate"):                         "means are weighted by time",
	monthly("apple_sleeping_wrist_temperature"):   "extremes count from all grains",
	monthly("active_energy"):                      "a sum has twelve digits",
}

func monthly(metric string) string {
	return "/v1/metrics/" + metric + "/series?bucket=1mo&limit=1000&start=1900-01-01&end=2100-01-01"
}

// contains reports whether a response has everything that it had before; it may have more.
func contains(now, before any) bool {
	switch before := before.(type) {
	case map[string]any:
		object, ok := now.(map[string]any)
		for name, value := range before {
			ok = ok && contains(object[name], value)
		}
		return ok
	case []any:
		list, ok := now.([]any)
		ok = ok && len(list) == len(before)
		for i := 0; ok && i < len(before); i++ {
			ok = contains(list[i], before[i])
		}
		return ok
	default:
		return reflect.DeepEqual(now, before)
	}
}

// migrationsOf returns the digests of the steps of the schema, by name.
func migrationsOf(t *testing.T, kind string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "internal/store", kind, "migrations/*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	digests := map[string]string{}
	for _, file := range files {
		digests[filepath.Base(file)] = fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, file))))
	}
	return digests
}

// restoreRelease puts the database of a release where there was nothing.
func restoreRelease(t *testing.T, kind string, content []byte) (database string) {
	t.Helper()
	if kind == "sqlite" {
		file := filepath.Join(t.TempDir(), "health.db")
		write(t, file, string(content))
		return "sqlite:" + file
	}
	database = testdb.EmptyPostgresURL(t)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.PgConn().Exec(t.Context(), string(content)).Close(); err != nil {
		t.Fatalf("restore: %v", err)
	}
	return database
}

// writeReleaseFixture lets the present program fill a database with every small body that the formats are tested with, and
// keeps that, and what is answered then.
func writeReleaseFixture(t *testing.T, folder, kind, database string) {
	t.Helper()
	bodies, err := filepath.Glob(filepath.Join(root(t), "internal/format/testdata/*/*/input.*"))
	if err != nil || len(bodies) == 0 {
		t.Fatalf("no bodies: %v", err)
	}
	records := filepath.Join(root(t), "internal/format/testdata/apple/records/export.xml")
	fixture := releaseFixture{Migrations: migrationsOf(t, kind)}
	server, _, stop := start(t, database)
	fixture.Key = server.key
	for n := range 3 {
		server.call("POST", "/v1/ingest", minutes(n))
	}
	for _, body := range append(bodies, records) {
		if status, answer, err := server.try("POST", "/v1/ingest", read(t, body)); err != nil || status >= http.StatusInternalServerError {
			t.Fatalf("%s: %d %s %v", body, status, answer, err)
		}
	}
	server.waitUntilFinished()
	answers := map[string]any{}
	for _, path := range server.pathsToRead() {
		status, answer := server.call("GET", path, "")
		if status != http.StatusOK {
			t.Fatalf("%s answers %d %v", path, status, answer)
		}
		answers[path] = answer
	}
	stop()

	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(fixture, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "release.json"), string(text)+"\n")
	packed, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	pack(t, filepath.Join(folder, "answers.json.gz"), packed)
	pack(t, filepath.Join(folder, "database.gz"), contentOf(t, kind, database))
}

// pathsToRead are the paths whose answers hold everything that is stored for a user, and what is worked out from it.
func (i *instance) pathsToRead() []string {
	i.t.Helper()
	const always = "start=1900-01-01&end=2100-01-01"
	paths := []string{
		"/v1/metrics", "/v1/metrics/latest", "/v1/sources/priority", "/v1/ingestions?limit=200", "/v1/summary?start=2026-03-01&end=2026-03-31",
		"/v1/sleep?" + always, "/v1/workouts?limit=200&" + always, "/v1/events?limit=1000&" + always, "/v1/ecg?voltages=true&" + always,
		"/v1/records?" + always,
	}
	_, metrics := i.call("GET", "/v1/metrics", "")
	for _, metric := range metrics["metrics"].([]any) {
		name := metric.(map[string]any)["name"].(string)
		paths = append(paths, "/v1/metrics/"+name+"/samples?limit=1000&"+always, "/v1/metrics/"+name+"/series?bucket=1mo&limit=1000&"+always)
	}
	_, workouts := i.call("GET", "/v1/workouts?limit=200&"+always, "")
	for _, workout := range workouts["workouts"].([]any) {
		id := workout.(map[string]any)["id"].(string)
		paths = append(paths, "/v1/workouts/"+id+"?splits=km")
	}
	return paths
}

// contentOf returns what restoreRelease restores.
func contentOf(t *testing.T, kind, database string) []byte {
	t.Helper()
	if kind == "sqlite" {
		file := filepath.Join(t.TempDir(), "backup.db")
		backUp(t, database, file)
		return []byte(read(t, file))
	}
	// As statements that any client can run, as any role.
	dump, err := exec.CommandContext(t.Context(), postgresProgram(t, database, "pg_dump"), "--inserts", "--rows-per-insert=100",
		"--no-owner", "--no-privileges", "--no-comments", database).Output()
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^(\\(un)?restrict |--).*\n`).ReplaceAll(dump, nil)
}

func pack(t *testing.T, path string, content []byte) {
	t.Helper()
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, packed.String())
}

func unpack(t *testing.T, path string) []byte {
	t.Helper()
	reader, err := gzip.NewReader(strings.NewReader(read(t, path)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return content
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// toAny is a value as JSON would bring it back.
func toAny(t *testing.T, value any) (decoded any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, text, &decoded)
	return decoded
}
