package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/assemble"
	"github.com/health-export/health-export/internal/format/generator"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// exportXML is an export.xml with these elements.
func exportXML(elements ...string) string {
	return "<?xml version=\"1.0\"?>\n<HealthData locale=\"en\">\n<ExportDate value=\"2026-05-30 10:00:00 +0200\"/>\n" +
		strings.Join(elements, "\n") + "\n</HealthData>"
}

// recordXML is one Record; start and end are times of 2026-05-20 in UTC.
func recordXML(typ, source, start, end, unit, value string) string {
	return fmt.Sprintf(`<Record type="%s" sourceName="%s" unit="%s" startDate="2026-05-20 %s +0000" endDate="2026-05-20 %s +0000" value="%s"/>`,
		typ, source, unit, start, end, value)
}

const (
	stepCount = "HKQuantityTypeIdentifierStepCount"
	systolic  = "HKQuantityTypeIdentifierBloodPressureSystolic"
	diastolic = "HKQuantityTypeIdentifierBloodPressureDiastolic"
	energy    = "HKQuantityTypeIdentifierDietaryEnergyConsumed"
)

// importLimits returns limits with a directory for uploads.
func importLimits(t *testing.T) Limits {
	return Limits{ImportDir: filepath.Join(t.TempDir(), "imports")}
}

// importFile imports a file as from the command line and checks that the counts of every type balance.
func (h *harness) importFile(t *testing.T, content string) health.Ingestion {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ingestion, err := h.ImportFile(t.Context(), FileRequest{User: h.user, File: file})
	if err != nil {
		t.Fatal(err)
	}
	checkBalanced(t, ingestion)
	return ingestion
}

func checkBalanced(t *testing.T, i health.Ingestion) {
	t.Helper()
	var sum health.Counts
	for _, c := range i.Report.Types {
		if !c.Balanced() {
			t.Errorf("%s does not balance: %+v", c.Type, c.Counts)
		}
		reasons := 0
		for _, n := range c.Reasons {
			reasons += n
		}
		if reasons != c.Rejected {
			t.Errorf("%s: %d rejected, %d for a reason", c.Type, c.Rejected, reasons)
		}
		for _, add := range []struct{ to, n *int }{
			{&sum.Received, &c.Received},
			{&sum.Inserted, &c.Inserted},
			{&sum.Updated, &c.Updated},
			{&sum.Unchanged, &c.Unchanged},
			{&sum.Merged, &c.Merged},
			{&sum.Rejected, &c.Rejected},
		} {
			*add.to += *add.n
		}
	}
	if total := i.Report.Total(); len(i.Report.Types) > 0 && sum != total || !total.Balanced() {
		t.Errorf("the types add up to %+v, the kinds to %+v", sum, total)
	}
}

// importCounts returns the counts of a type in a report: received, inserted, updated, unchanged, merged, rejected.
func importCounts(i health.Ingestion, typ string) [6]int {
	for _, c := range i.Report.Types {
		if c.Type == typ {
			return [6]int{c.Received, c.Inserted, c.Updated, c.Unchanged, c.Merged, c.Rejected}
		}
	}
	return [6]int{}
}

func TestImportIsIdempotent(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, Limits{})
		older := []string{
			recordXML(stepCount, "iPhone", "08:00:00", "08:10:00", "count", "100"),
			recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "120"),
			recordXML("HKQuantityTypeIdentifierBodyMass", "Scale", "09:00:00", "09:00:00", "lb", "150"),
			recordXML("HKQuantityTypeIdentifierBodyMass", "Scale", "09:00:00", "09:00:00", "lb", "abc"),
			recordXML("HKCategoryTypeIdentifierHeadache", "Health", "10:00:00", "10:30:00", "", "HKCategoryValueSeverityMild"),
			recordXML("HKCategoryTypeIdentifierSleepAnalysis", "Watch", "01:00:00", "01:30:00", "", "HKCategoryValueSleepAnalysisAsleepREM"),
			`<Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="30" durationUnit="min" sourceName="W" startDate="2026-05-20 18:00:00 +0000" endDate="2026-05-20 18:30:00 +0000"/>`,
			`<ActivitySummary dateComponents="2026-05-20" activeEnergyBurned="500" activeEnergyBurnedGoal="600" activeEnergyBurnedUnit="kcal"/>`,
		}
		first := h.importFile(t, exportXML(older...))
		if got := first.Report.Total(); got.Received != 8 || got.Inserted != 7 || got.Rejected != 1 || first.Status != health.StatusPartial {
			t.Errorf("first: %s %+v", first.Status, got)
		}
		if got := first.Report.Counts[health.Metrics].Received; got != 7 { // all records, and the summary
			t.Errorf("%d under metrics", got)
		}
		second := h.importFile(t, exportXML(older...))
		if got := second.Report.Total(); got.Unchanged != 7 || got.Rejected != 1 {
			t.Errorf("second: %+v", got)
		}
		newer := h.importFile(t, strings.ReplaceAll(exportXML(append(older, recordXML(stepCount, "Watch", "09:00:00", "09:10:00", "count", "7"))...),
			"2026-05-30 10", "2026-05-31 10"))
		if got := newer.Report.Total(); got.Unchanged != 7 || got.Inserted != 1 {
			t.Errorf("newer: %+v", got)
		}
		stored, err := s.Ingestion(t.Context(), h.user.ID, second.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(second.Report.Types, stored.Report.Types); diff != "" || stored.StoredSize != 0 || stored.SHA256 == ([32]byte{}) {
			t.Errorf("what is recorded is not what was reported (%d bytes stored)\n%s", stored.StoredSize, diff)
		}
		if _, err := h.Raw(t.Context(), h.user.ID, first.ID); !errors.Is(err, problem.NotFound) {
			t.Errorf("the file that was not kept: %v", err)
		}
		if _, err := h.Replay(t.Context(), h.user, first.ID); !errors.Is(err, problem.NotFound) {
			t.Errorf("replaying it: %v", err)
		}
	})
}

func TestImportBloodPressureOnce(t *testing.T) {
	t.Parallel()
	halves := []string{
		recordXML(systolic, "Cuff", "08:00:00", "08:00:00", "mmHg", "121"),
		recordXML(diastolic, "Cuff", "08:00:00", "08:00:00", "mmHg", "79"),
	}
	group := `<Correlation type="HKCorrelationTypeIdentifierBloodPressure" sourceName="Cuff" startDate="2026-05-20 08:00:00 +0000" endDate="2026-05-20 08:00:00 +0000">` +
		strings.Join(halves, "") + `</Correlation>`
	for name, elements := range map[string][]string{
		"records":      halves,
		"group":        {group},
		"records last": append([]string{group}, halves...),
		"group last":   append(append([]string{}, halves...), group),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, testdb.New(t), nil, Limits{})
			i := h.importFile(t, exportXML(elements...))
			c := metricCounts(i)
			if c.Inserted != 1 || c.Merged != c.Received-1 {
				t.Errorf("%+v", c)
			}
			samples := h.samples("blood_pressure")
			if len(samples) != 1 || samples[0].Systolic != 121 || samples[0].Diastolic != 79 || samples[0].Grain != health.GrainRaw {
				t.Errorf("%+v", samples)
			}
		})
	}
}

func TestImportAddsUpDifferentRecords(t *testing.T) {
	t.Parallel()
	egg := recordXML(energy, "Diary", "08:00:00", "08:00:00", "kcal", "70")
	bread := recordXML(energy, "Diary", "08:00:00", "08:00:00", "kcal", "200")
	food := func(records ...string) string {
		return `<Correlation type="HKCorrelationTypeIdentifierFood" sourceName="Diary" startDate="2026-05-20 08:00:00 +0000" endDate="2026-05-20 08:00:00 +0000">` +
			strings.Join(records, "") + `</Correlation>`
	}
	walk := recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "100")
	for name, c := range map[string]struct {
		elements []string
		metric   string
		want     float64
	}{
		"two foods at one moment":        {[]string{egg, bread}, "dietary_energy", 270},
		"two of one food":                {[]string{egg, egg}, "dietary_energy", 140},
		"a food and its group":           {[]string{egg, food(egg)}, "dietary_energy", 70},
		"a group and its food":           {[]string{food(egg), egg}, "dietary_energy", 70},
		"a group alone":                  {[]string{food(egg, bread)}, "dietary_energy", 270},
		"two groups and all their foods": {[]string{egg, bread, food(egg), food(bread)}, "dietary_energy", 270},
		"one of two in a group":          {[]string{egg, bread, food(bread)}, "dietary_energy", 270},
		"a record written twice":         {[]string{walk, walk}, "step_count", 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, testdb.New(t), nil, Limits{})
			h.importFile(t, exportXML(c.elements...))
			samples := h.samples(c.metric)
			if len(samples) != 1 || samples[0].Value != c.want {
				t.Errorf("%+v, want one of %v", samples, c.want)
			}
		})
	}
}

// An old export does not replace what was received after it was made.
func TestImportHasTheTimeOfItsDate(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	h.send(metricJSON("active_energy", "kcal", pointJSON("2026-05-30 00:00:00 +0200", 700, "Watch|iPhone")), "automation-aggregation", "Days")
	h.at("2026-06-02T12:00:00Z")
	h.importFile(t, exportXML(`<ActivitySummary dateComponents="2026-05-30" activeEnergyBurned="300" activeEnergyBurnedUnit="kcal"/>`))
	samples := h.samples("active_energy")
	if len(samples) != 1 || samples[0].Value != 700 {
		t.Errorf("%+v", samples)
	}
}

// upload sends a file and waits until it has been processed.
func (h *harness) upload(t *testing.T, content string, keep bool) health.Ingestion {
	t.Helper()
	i, err := h.Import(t.Context(), Request{User: h.user, KeyID: "k", Body: strings.NewReader(content)}, keep)
	if err != nil {
		t.Fatal(err)
	}
	if i.Status != health.StatusAccepted || i.SHA256 != sha256.Sum256([]byte(content)) || i.Size != int64(len(content)) {
		t.Errorf("%+v", i)
	}
	return h.finished(t, i)
}

// finished waits until everything is processed, and returns the ingestion.
func (h *harness) finished(t *testing.T, i health.Ingestion) health.Ingestion {
	t.Helper()
	h.working.Wait()
	found, err := h.store.Ingestion(t.Context(), i.UserID, i.ID)
	if err != nil {
		t.Fatal(err)
	}
	checkBalanced(t, found)
	return found
}

// waitingFiles are the uploads in the directory.
func (h *harness) waitingFiles(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(h.limits.ImportDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "name" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestUpload(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		h := newHarness(t, s, nil, importLimits(t))
		content := zipOf(t, exportXML(recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "100")))
		i := h.upload(t, content, false)
		if i.Status != health.StatusProcessed || importCounts(i, stepCount) != [6]int{1, 1} || i.Format != "apple" || i.ImportDir != "" {
			t.Errorf("%+v", i)
		}
		if files := h.waitingFiles(t); files != nil {
			t.Errorf("left behind: %v", files)
		}
		if sent := h.send(content); importCounts(sent, stepCount) != [6]int{1, 0, 0, 1} { // as any other body
			t.Errorf("%+v", sent)
		}
		kept := h.upload(t, content, true)
		if importCounts(kept, stepCount) != [6]int{1, 0, 0, 1} {
			t.Errorf("%+v", kept)
		}
		body, err := h.Raw(t.Context(), h.user.ID, kept.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if raw, err := io.ReadAll(body); err != nil || string(raw) != content {
			t.Errorf("%d bytes come back of %d, %v", len(raw), len(content), err)
		}
		replayed, err := h.Replay(t.Context(), h.user, kept.ID)
		if err != nil || importCounts(replayed, stepCount) != [6]int{1, 0, 0, 1} {
			t.Errorf("%+v %v", replayed, err)
		}
	})
}

func zipOf(t *testing.T, export string) string {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	file, err := w.Create("apple_health_export/Экспорт.xml")
	if err == nil {
		_, err = io.WriteString(file, export)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

func TestUploadRefused(t *testing.T) {
	t.Parallel()
	limits := importLimits(t)
	limits.MaxImport = 10_000
	h := newHarness(t, testdb.New(t), nil, limits)
	for name, c := range map[string]struct {
		body io.Reader
		want problem.Kind
	}{
		"empty":       {strings.NewReader(""), problem.Invalid},
		"nothing":     {strings.NewReader("hello"), problem.Invalid},
		"other JSON":  {strings.NewReader(`{"a":1}`), problem.Unrecognised},
		"broken zip":  {strings.NewReader("PK\x03\x04 and no more"), problem.Invalid},
		"too large":   {strings.NewReader(exportXML(strings.Repeat(" ", 10_000))), problem.TooLarge},
		"breaks off":  {io.MultiReader(strings.NewReader("<HealthData>"), broken{}), problem.Invalid},
		"other files": {strings.NewReader(zipOf(t, "<a/>")), problem.Unrecognised},
	} {
		if _, err := h.Import(t.Context(), Request{User: h.user, Body: c.body}, false); problem.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if files := h.waitingFiles(t); files != nil {
		t.Errorf("left behind: %v", files)
	}
	found, err := h.store.Ingestions(t.Context(), h.user.ID, store.IngestionQuery{Limit: 10})
	if err != nil || len(found) != 0 {
		t.Errorf("%v ingestions, %v", found, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// An upload that was not finished is resumed by a server that has its import directory, and by no other.
func TestUploadResumedAfterACrash(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		limits := importLimits(t)
		crashed := newHarness(t, s, nil, limits)
		i, err := crashed.newIngestion(t.Context(), crashed.user, "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		i.ImportDir = crashed.Service.uploads.Name()
		content := exportXML(recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "100"))
		if err := crashed.receiveUpload(&i, Request{Body: strings.NewReader(content)}); err != nil {
			t.Fatal(err)
		}
		file, err := crashed.Service.uploads.Open(i.UserID, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := crashed.recordImport(t.Context(), &i, file, false); err != nil {
			t.Fatal(err)
		}

		other := newHarness(t, s, nil, importLimits(t))
		other.at("2026-06-01T13:00:00Z")
		if err := other.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found := other.finished(t, i); found.Status != health.StatusAccepted {
			t.Errorf("another server made it %s", found.Status)
		}

		same := newHarness(t, s, nil, limits)
		same.at("2026-06-01T13:00:00Z")
		if err := same.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := same.finished(t, i)
		if found.Status != health.StatusProcessed || importCounts(found, stepCount) != [6]int{1, 1} || found.Attempts != 2 {
			t.Errorf("%+v", found)
		}
		if files := same.waitingFiles(t); files != nil {
			t.Errorf("left behind: %v", files)
		}
	})
}

// An import that is being written when the service stops is resumed at the next start.
func TestStopDoesNotWaitForAnImport(t *testing.T) {
	t.Parallel()
	s := testdb.New(t)
	closed := &blockedStore{open: make(chan struct{})}
	limits := importLimits(t)
	h := newHarness(t, s, func(inner Store) Store {
		closed.Store = inner
		return closed
	}, limits)
	content := exportXML(recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "100"))
	i, err := h.Import(t.Context(), Request{User: h.user, Body: strings.NewReader(content)}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := newHarness(t, s, nil, limits)
	if err := again.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := again.finished(t, i); found.Status != health.StatusProcessed || found.Attempts != 2 {
		t.Errorf("%+v", found)
	}
}

// An upload whose file is gone fails at once.
func TestUploadWithoutItsFile(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, importLimits(t))
	i, err := h.newIngestion(t.Context(), h.user, "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	i.ImportDir = h.Service.uploads.Name()
	if err := h.store.Put(t.Context(), i, strings.NewReader(""), "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := h.finished(t, i); found.Status != health.StatusFailed || found.FailureCode != "interrupted" {
		t.Errorf("%+v", found)
	}
}

func TestInterruptedImportGoesOn(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	content := exportXML(recordXML(stepCount, "Watch", "08:00:00", "08:10:00", "count", "100"))
	path := filepath.Join(t.TempDir(), "export.xml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	i, err := h.newIngestion(t.Context(), h.user, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	i.Size = int64(len(content))
	if err := h.recordImport(ctx, &i, file, false); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := h.processFile(ctx, i, FileRequest{User: h.user, File: file}, &meter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	found, err := h.store.Ingestion(t.Context(), h.user.ID, i.ID)
	if err != nil || found.Status != health.StatusFailed || found.FailureCode != "interrupted" {
		t.Errorf("%+v %v", found, err)
	}
	if got := importCounts(h.importFile(t, content), stepCount); got != [6]int{1, 1} {
		t.Errorf("the second time: %v", got)
	}
}

func TestSweepKeepsUnfinishedUploads(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, importLimits(t))
	files := map[string]bool{} // by name, whether they stay
	add := func(i health.Ingestion, suffix string, stays bool, age time.Duration) {
		path := filepath.Join(h.limits.ImportDir, i.UserID.String()+"_"+i.ID.String()+suffix)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := h.now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = stays
	}
	fresh := func() health.Ingestion {
		i, err := h.newIngestion(t.Context(), h.user, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	add(fresh(), ".part", false, 48*time.Hour)
	add(fresh(), ".part", true, time.Hour)
	add(fresh(), "", false, 48*time.Hour)
	add(fresh(), "", true, time.Hour)
	unfinished := fresh()
	if err := h.store.Put(t.Context(), unfinished, strings.NewReader("x"), "", time.Time{}); err != nil {
		t.Fatal(err)
	}
	add(unfinished, "", true, 48*time.Hour)
	h.sweepUploads(t.Context())
	for name, stays := range files {
		if _, err := os.Stat(filepath.Join(h.limits.ImportDir, name)); (err == nil) != stays {
			t.Errorf("%s: %v, want it to stay: %t", name, err, stays)
		}
	}
}

func TestProgressOfAnImport(t *testing.T) {
	t.Parallel()
	h := newHarness(t, testdb.New(t), nil, Limits{})
	if _, ok := h.Progress(h.user.ID); ok {
		t.Error("there is progress of nothing")
	}
	var export bytes.Buffer
	made, err := generator.WriteExport(&export, generator.ExportOptions{Bytes: 200_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{}
	i := health.Ingestion{Size: int64(export.Len()), ReceivedAt: h.now()}
	d := h.decodeFile(t.Context(), &i, h.user, bytes.NewReader(export.Bytes()), m)
	defer d.Close()
	p := m.progress()
	if d.err != nil || p.Phase != PhaseWriting || p.BytesRead != i.Size || p.Records < int64(made.Records) || p.Written != 0 {
		t.Errorf("%+v, %v", p, d.err)
	}
}

// summaries is an export with so many days of three values each, some of them 0, which is "not recorded".
func summaries(days int) string {
	var all []string
	for i := range days {
		day := time.Date(2012, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		all = append(all, fmt.Sprintf(`<ActivitySummary dateComponents="%s" activeEnergyBurned="%d" activeEnergyBurnedGoal="600" activeEnergyBurnedUnit="kcal" appleExerciseTime="30" appleExerciseTimeGoal="30" appleStandHours="11" appleStandHoursGoal="12"/>`,
			day, i%5*100))
	}
	return exportXML(all...)
}

func TestConcurrentImportsInsertOnce(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, s store.Store) {
		const days = 4500 // in several batches
		h := newHarness(t, s, nil, Limits{})
		other, err := New(Config{Store: s, Catalog: h.catalog, Logger: h.logs.Logger(), Now: h.Service.now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = other.Stop(context.Background()) })
		path := filepath.Join(t.TempDir(), "export")
		if err := os.WriteFile(path, []byte(summaries(days)), 0o600); err != nil {
			t.Fatal(err)
		}
		var got [2][6]int
		var group errgroup.Group
		for i, service := range []*Service{h.Service, other} {
			group.Go(func() error {
				file, err := os.Open(path)
				if err != nil {
					return err
				}
				defer file.Close()
				ingestion, err := service.ImportFile(t.Context(), FileRequest{User: h.user, File: file})
				got[i] = importCounts(ingestion, "ActivitySummary")
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if got[0][0] != days || got[1][0] != days || got[0][1]+got[1][1] != days {
			t.Errorf("two imports at once: %v, want %d inserted by both together", got, days)
		}
	})
}

// batchSizes records how many bytes of attributes the largest batch of samples had.
type batchSizes struct {
	Store
	mu      sync.Mutex
	largest int
}

func (w *batchSizes) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	bytes := 0
	for i := range batch {
		bytes += len(batch[i].Attributes)
	}
	w.mu.Lock()
	w.largest = max(w.largest, bytes)
	w.mu.Unlock()
	return w.Store.WriteSamples(ctx, body, batch, said...)
}

// Batches of records with much metadata have fewer records.
func TestBatchesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	const records, length = 300, 10_000
	watch := &batchSizes{}
	h := newHarness(t, testdb.New(t), func(s Store) Store { watch.Store = s; return watch }, Limits{})
	var elements []string
	for i := range records {
		elements = append(elements, fmt.Sprintf(`<Record type="%s" sourceName="Phone" unit="count" startDate="2026-05-20 08:%02d:%02d +0000" endDate="2026-05-20 08:59:00 +0000" value="1"><MetadataEntry key="note" value="%d %s"/></Record>`,
			stepCount, i/60, i%60, i, strings.Repeat("x", length)))
	}
	if got, want := importCounts(h.importFile(t, exportXML(elements...)), stepCount), [6]int{records, records}; got != want {
		t.Fatalf("%v, want %v", got, want)
	}
	if watch.largest < length || watch.largest > assemble.MaxBatchBytes+2*length {
		t.Errorf("a batch had %d bytes of attributes", watch.largest)
	}
}
