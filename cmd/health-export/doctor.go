package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// checkStatus is how something is.
type checkStatus string

// The conditions.
const (
	statusOK      checkStatus = "ok"
	statusWarning checkStatus = "warning"
	statusFailure checkStatus = "failure"
)

// checkResult is one thing the doctor looked at. Advice says what to do; it is "" for what is fine.
type checkResult struct {
	Check     string      `json:"check"`
	Condition checkStatus `json:"condition"`
	Finding   string      `json:"finding"`
	Advice    string      `json:"advice,omitempty"`
}

// doctor looks at everything a server needs.
type doctor struct {
	settings *settings
	results  []checkResult
}

func (p *program) doctorCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "doctor", Short: "Check everything the server needs and say what to do", Args: exactArgs(0),
		Long: `Check the database, its extensions and partitions, Redis, the clock, the disk, permissions, certificates, the addresses and
what is unfinished. Nothing is changed, but that an SQLite database is brought up to date as whenever it is opened.

Exit codes: 0 nothing is broken (there may be warnings), 1 something is, 2 not understood.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &doctor{settings: p.settings}
			d.run(cmd.Context())
			if err := p.printChecks(d.results); err != nil {
				return err
			}
			for _, c := range d.results {
				if c.Condition == statusFailure {
					return errors.New("something is broken, see above")
				}
			}
			return nil
		},
	}
	p.addJSONFlag(command)
	return command
}

func (p *program) printChecks(list []checkResult) error {
	if p.json {
		return p.printJSON(list)
	}
	for _, c := range list {
		fmt.Fprintf(p.out, "%-8s %-12s %s\n", c.Condition, c.Check, c.Finding)
		if c.Advice != "" {
			fmt.Fprintf(p.out, "%22s→ %s\n", "", c.Advice)
		}
	}
	return nil
}

func (d *doctor) add(check string, c checkStatus, advice, finding string, args ...any) {
	if c == statusOK {
		advice = ""
	}
	d.results = append(d.results, checkResult{check, c, fmt.Sprintf(finding, args...), advice})
}

// run looks at one thing after the other.
func (d *doctor) run(ctx context.Context) {
	d.database(ctx)
	d.redis(ctx)
	d.clock()
	d.disk()
	d.permissions()
	d.tls()
	scheme, client := d.settings.ownClient()
	d.address(ctx, client, "listen", d.settings.listen, scheme+"://"+loopbackAddress(d.settings.listen)+"/health", `"status":"ok"`)
	if d.settings.metricsListen != "off" {
		d.address(ctx, client, "metrics", d.settings.metricsListen, "http://"+loopbackAddress(d.settings.metricsListen)+"/metrics", "health_export_")
	}
}

// database checks whether the database can be worked with, and all that only it knows. It neither makes a database nor
// changes the schema of one.
func (d *doctor) database(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if d.fileMissing() {
		d.add("database", statusWarning, "health-export serve makes it at its first start.", "there is no database at %s yet", sqlitePath(d.settings.database))
		return
	}
	metricCatalog, err := catalog.Load()
	if err != nil {
		d.add("database", statusFailure, "Install the program again.", "the catalogue of metrics cannot be read: %v", err)
		return
	}
	readOnly := *d.settings
	readOnly.migrate = false
	db, err := readOnly.openStore(ctx, metricCatalog)
	if err != nil {
		d.add("database", statusFailure, adviceFor(err), "%s cannot be used: %s", redactURL(d.settings.database), sentence(err))
		return
	}
	defer db.Close()
	begun := time.Now()
	diagnosis, err := db.Diagnose(ctx)
	if err != nil {
		d.add("database", statusFailure, adviceFor(err), "it does not answer: %s", sentence(err))
		return
	}
	took := time.Since(begun)
	d.add("database", statusOK, "", "%s answers in %s, the schema is up to date", diagnosis.Version, took.Round(time.Millisecond))
	d.diagnosis(diagnosis, begun.Add(took/2))
	d.ingestions(ctx, db)
}

// fileMissing reports whether the database is a file that does not exist yet.
func (d *doctor) fileMissing() bool {
	_, err := os.Stat(sqlitePath(d.settings.database))
	return d.usesFile() && errors.Is(err, os.ErrNotExist)
}

// usesFile reports whether the database is an SQLite file.
func (d *doctor) usesFile() bool {
	return strings.HasPrefix(d.settings.database, "sqlite:") && d.settings.database != "sqlite::memory:"
}

func adviceFor(err error) string {
	var known *problem.Error
	if errors.As(err, &known) && known.Code == "database_newer" {
		return "Install the newer version again."
	}
	return "Check --database (DATABASE_URL), and that the database runs and lets this user in; health-export migrate up brings its schema up to date."
}

// diagnosis judges what the database says of itself. now is when it said it.
func (d *doctor) diagnosis(found store.Diagnosis, now time.Time) {
	if isPostgres(d.settings.database) {
		if found.Spatial == "" {
			d.add("extensions", statusFailure, "Install PostGIS in the database: CREATE EXTENSION postgis.", "PostGIS is missing")
		} else {
			d.add("extensions", statusOK, "", "%s", found.Spatial)
		}
	}
	if until := found.CoveredUntil; !until.IsZero() {
		c := statusOK
		if until.Before(now.AddDate(0, 2, 0)) {
			c = statusWarning // what is missing is made when it is needed, but somebody waits for it
		}
		d.add("partitions", c, "A running server makes them every day: look in its log for prepare_store.", "there are partitions until %s", until.UTC().Format(time.DateOnly))
	}
	skew := found.Clock.Sub(now)
	c := statusOK
	switch {
	case skew.Abs() > time.Minute:
		c = statusFailure
	case skew.Abs() > 2*time.Second:
		c = statusWarning
	}
	d.add("clocks", c, "Let both machines keep their clocks by NTP.", "the database's clock differs from this machine's by %s", skew.Abs().Round(time.Millisecond))
}

// ingestions looks for bodies that wait, and for those that failed.
func (d *doctor) ingestions(ctx context.Context, db database) {
	count, oldest, err := db.Backlog(ctx)
	if err != nil {
		d.add("ingestions", statusFailure, adviceFor(err), "they cannot be read: %s", sentence(err))
		return
	}
	const maxAge = 10 * time.Minute
	switch age := time.Since(oldest).Round(time.Second); {
	case count > 0 && age > maxAge:
		d.add("ingestions", statusWarning, "A running server takes them up: start it, or look in its log for \"ingestion postponed\".", "%d bodies are not processed, the oldest for %s", count, age)
	default:
		d.add("ingestions", statusOK, "", "%d bodies are being processed or wait for it", count)
	}
	users, err := db.Users(ctx)
	if err != nil {
		return
	}
	const maxListed = 1000
	failed := 0
	for _, user := range users {
		list, err := db.Ingestions(ctx, user.ID, store.IngestionQuery{Status: health.StatusFailed, Limit: maxListed})
		if err != nil {
			return
		}
		failed += len(list)
	}
	if failed > 0 {
		d.add("ingestions", statusWarning, "GET /v1/ingestions?status=failed says why; after an upgrade, for those in the archive: health-export replay --status failed", "%d bodies could not be read to their end", failed)
	}
}

// clock checks this machine's own clock: what is received gets its time from it.
func (d *doctor) clock() {
	const advice = "Let the machine keep its clock by NTP, for example with systemd-timesyncd or chrony."
	switch now := time.Now(); {
	case now.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)):
		d.add("clock", statusFailure, advice, "it shows %s, which is past", now.Format(time.RFC3339))
	case !clockSynchronised():
		d.add("clock", statusWarning, advice, "nothing keeps it in time, as far as the system knows")
	default:
		d.add("clock", statusOK, "", "%s", now.Format(time.RFC3339))
	}
}

// disk checks the room where the database is, if it is a file, and where large bodies go.
func (d *doctor) disk() {
	places := map[string]string{"temporary files": d.settings.tempDir}
	if d.settings.tempDir == "" {
		places["temporary files"] = os.TempDir()
	}
	if d.usesFile() {
		places["the database"] = filepath.Dir(sqlitePath(d.settings.database))
	}
	for _, what := range []string{"the database", "temporary files"} {
		dir, ok := places[what]
		if !ok {
			continue
		}
		free, known := freeSpace(existingParent(dir))
		c := statusOK
		switch {
		case !known:
			d.add("disk", statusOK, "", "the room for %s cannot be told on this system", what)
			continue
		case free < 100<<20:
			c = statusFailure
		case free < 2<<30:
			c = statusWarning
		}
		d.add("disk", c, "Make room, or move the files: --database, ingest.temp_dir.", "%.1f GiB are free for %s in %s", float64(free)/(1<<30), what, dir)
	}
}

// existingParent returns the folder, or the nearest one above it that exists.
func existingParent(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// permissions checks that nobody else can read the data, and that temporary files can be written.
func (d *doctor) permissions() {
	if d.usesFile() && !d.fileMissing() {
		path := sqlitePath(d.settings.database)
		info, err := os.Stat(path)
		switch {
		case err != nil:
			d.add("permissions", statusFailure, "Let the user that runs the server read it.", "the database cannot be looked at: %v", err)
		case info.Mode().Perm()&0o077 != 0:
			d.add("permissions", statusWarning, "chmod 600 "+path+"*", "others on this machine may read the database: its mode is %04o", info.Mode().Perm())
		default:
			d.add("permissions", statusOK, "", "only its owner can read the database (mode %04o)", info.Mode().Perm())
		}
	}
	file, err := os.CreateTemp(d.settings.tempDir, "health-export-*")
	if err != nil {
		d.add("permissions", statusFailure, "Create the directory, or name another one in ingest.temp_dir.", "temporary files cannot be written: %v", err)
		return
	}
	_ = file.Close()
	_ = os.Remove(file.Name())
	d.add("permissions", statusOK, "", "temporary files can be written in %s", filepath.Dir(file.Name()))
}
