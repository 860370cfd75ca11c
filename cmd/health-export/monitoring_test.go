package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/store/storetest"
	"github.com/health-export/health-export/internal/testdb"
)

// root is the repository. A test that starts a server is in another directory then.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// dashboard is what the tests read of one.
type dashboard struct {
	Title  string
	Panels []struct {
		Title   string
		Targets []struct{ Expr, RawSQL string }
	}
	Templating struct {
		List []struct{ Query string }
	}
}

func dashboards(t *testing.T, root string) (all []dashboard) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "deploy/grafana/dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no dashboards: %v", err)
	}
	for _, file := range files {
		var d dashboard
		if err := json.Unmarshal([]byte(read(t, file)), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// metricName is one of ours or of the collectors that we register, in an expression of PromQL or in Go.
var metricName = regexp.MustCompile(`\b(?:health_export[_:][a-z0-9_:]+|(?:go|process)_[a-z0-9_]+)\b`)

// exported returns the names that a server shows, and those of the metrics that it shows when something goes wrong.
func exported(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, database := range []string{"sqlite:" + filepath.Join(t.TempDir(), "health.db"), testdb.EmptyPostgresURL(t)} {
		server, _, stop := start(t, database)
		server.use() // some show only what there has been
		for _, name := range regexp.MustCompile(`(?m)^# TYPE (\w+)`).FindAllStringSubmatch(server.scrape(), -1) {
			names[name[1]] = true
		}
		stop()
	}
	literal := regexp.MustCompile(`Name:\s+"(health_export_\w+)"`)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			for _, name := range literal.FindAllStringSubmatch(read(t, path), -1) {
				names[name[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rules := read(t, filepath.Join(root, "deploy/prometheus/rules/recording.yml"))
	for _, name := range regexp.MustCompile(`- record: (\S+)`).FindAllStringSubmatch(rules, -1) {
		names[name[1]] = true
	}
	return names
}

func TestMonitoringAsksForWhatIsExported(t *testing.T) {
	root := root(t)
	asked := map[string][]string{} // by who asks
	for _, d := range dashboards(t, root) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				asked[d.Title+": "+p.Title] = metricName.FindAllString(target.Expr, -1)
			}
		}
	}
	expressions := regexp.MustCompile(`(?m)^ +expr: (.*(?:\n {10}.*)*)`)
	for _, file := range []string{"alerts.yml", "recording.yml"} {
		for _, expression := range expressions.FindAllString(read(t, filepath.Join(root, "deploy/prometheus/rules", file)), -1) {
			asked[expression] = metricName.FindAllString(expression, -1)
		}
	}
	if len(asked) < 50 {
		t.Fatalf("only %d expressions were found", len(asked))
	}
	names := exported(t, root)
	for who, wants := range asked {
		for _, name := range wants {
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
			if !names[name] && !names[base] {
				t.Errorf("%s asks for %s, which nothing exports", who, name)
			}
		}
	}
}

func TestAlertsHaveRunbooks(t *testing.T) {
	root := root(t)
	rules, book := read(t, filepath.Join(root, "deploy/prometheus/rules/alerts.yml")), read(t, filepath.Join(root, "docs/operations/alerts.md"))
	var alerts, sections []string
	for _, name := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, name[1])
		if !strings.Contains(rules, "/docs/operations/alerts.md#"+strings.ToLower(name[1])+"\n") {
			t.Errorf("%s does not name its section of the book", name[1])
		}
	}
	for _, name := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(book, -1) {
		sections = append(sections, name[1])
	}
	slices.Sort(alerts)
	slices.Sort(sections)
	if !slices.Equal(alerts, sections) {
		t.Errorf("the alerts are\n%v\nand the sections of docs/operations/alerts.md\n%v", alerts, sections)
	}
}

// The name of the job is the same in the alerts, with compose, and in Kubernetes, where it is a label of the service.
func TestAlertsNameTheJob(t *testing.T) {
	root := root(t)
	down := regexp.MustCompile(`up\{job="([^"]+)"\}`).FindStringSubmatch(read(t, filepath.Join(root, "deploy/prometheus/rules/alerts.yml")))
	if down == nil {
		t.Fatal("no alert asks whether the server is up")
	}
	if scraped := "job_name: " + down[1] + "\n"; !strings.Contains(read(t, filepath.Join(root, "deploy/prometheus/prometheus.yml")), scraped) {
		t.Errorf("prometheus.yml has no %s", scraped)
	}
	manifests := read(t, filepath.Join(root, "deploy/kubernetes/production.yaml"))
	label := regexp.MustCompile(`(?m)^  jobLabel: (\S+)$`).FindStringSubmatch(manifests)
	if label == nil {
		t.Fatal("the ServiceMonitor leaves the name of the job to that of the service")
	}
	services := 0
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		if !strings.Contains(document, "\nkind: Service\n") || !strings.Contains(document, "name: metrics") {
			continue
		}
		services++
		if !strings.Contains(document, "    "+label[1]+": "+down[1]+"\n") {
			t.Errorf("the service has no label %s: %s:\n%s", label[1], down[1], document)
		}
	}
	if services != 1 {
		t.Errorf("%d services show metrics, want 1", services)
	}
}

// Every panel about a person runs on a database with data. filled says which have something to show then.
func TestPanelsAboutAPerson(t *testing.T) {
	url := testdb.PostgresURL(t)
	db, err := postgres.Open(t.Context(), url, nil, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	user := account.User{ID: uuid.Must(uuid.NewV7()), Email: "ada@example.org", TimeZone: "UTC", CreatedAt: time.Now()}
	if err := db.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	storetest.Fill(t, db, user.ID, time.Now())
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	grafana := strings.NewReplacer("$user", user.ID.String(), "$activity", "step_count", "$quantity", "weight",
		"$__timeFrom()", "'2000-01-01T00:00:00Z'::timestamptz", "$__timeTo()", "'2100-01-01T00:00:00Z'::timestamptz")
	filled := []string{
		"Steps", "Heart rate", "Sleep", "Nights, stage by stage", "Blood pressure", "$activity, as sent", "$quantity", "Workouts", "Latest values",
		"SELECT email AS __text, id AS __value FROM users ORDER BY email",
	}
	seen := 0
	ask := func(title, query string) {
		t.Helper()
		rows, err := conn.Query(t.Context(), grafana.Replace(query))
		if err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", title, err)
		}
		if slices.Contains(filled, title) {
			seen++
			if n == 0 {
				t.Errorf("%s shows nothing", title)
			}
		}
	}
	for _, d := range dashboards(t, root(t)) {
		for _, v := range d.Templating.List {
			ask(v.Query, v.Query)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if target.RawSQL != "" {
					ask(p.Title, target.RawSQL)
				}
			}
		}
	}
	if seen != len(filled) {
		t.Errorf("%d of the %d panels were there", seen, len(filled))
	}
}
