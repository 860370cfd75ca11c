package phonetest_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/phonetest"
	"github.com/health-export/health-export/internal/query"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
	"github.com/health-export/health-export/internal/testdb"
	"github.com/health-export/health-export/internal/testlog"
)

var (
	plans = flag.Int("plans", 50, "how many plans of a phone to try")
	seed  = flag.Uint64("plan", 0, "the seed of the only plan to try, or of the first one if there are more")
	keep  = flag.String("keep", "", "the folder to write what the plans send into, to send it to a server by hand")
)

func TestMain(m *testing.M) { testdb.Main(m) }

// server is the way in and out of the product, with a clock that the test sets.
type server struct {
	t      testing.TB
	ingest *ingest.Service
	query  *query.Service
	user   account.User
	clock  atomic.Pointer[time.Time]
}

func newServer(t testing.TB, s store.Store, home *time.Location) *server {
	t.Helper()
	loaded, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	user, err := account.NewUser(uuid.NewString()+"@example.org", "Anna", home.String(), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	v := &server{t: t, user: user}
	now := func() time.Time { return *v.clock.Load() }
	v.query = query.New(query.Config{Samples: s, Sleep: s, Workouts: s, Events: s, Summaries: s, Catalog: loaded, Now: now})
	v.ingest, err = ingest.New(ingest.Config{
		Store: s, Catalog: loaded, Limits: ingest.Limits{Wait: time.Hour}, Logger: testlog.Logger(t), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.ingest.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return v
}

func (v *server) Receive(ctx context.Context, upload phonetest.Upload) error {
	v.clock.Store(&upload.At)
	var done health.Ingestion
	var err error
	if upload.File {
		done, err = v.importFile(ctx, upload.Body)
	} else {
		done, err = v.ingest.Receive(ctx, ingest.Request{User: v.user, Body: bytes.NewReader(upload.Body), Headers: upload.Headers})
	}
	if err == nil && done.Status != health.StatusProcessed {
		err = fmt.Errorf("it is %s: %s, %+v", done.Status, done.Failure, done.Report.Errors)
	}
	return err
}

func (v *server) importFile(ctx context.Context, content []byte) (health.Ingestion, error) {
	name := filepath.Join(v.t.TempDir(), "export.xml")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		return health.Ingestion{}, err
	}
	file, err := os.Open(name)
	if err != nil {
		return health.Ingestion{}, err
	}
	defer file.Close()
	return v.ingest.ImportFile(ctx, ingest.FileRequest{User: v.user, File: file})
}

func (v *server) Days(ctx context.Context, at, first, last time.Time) (phonetest.Days, error) {
	v.clock.Store(&at)
	days, err := v.query.Days(ctx, v.user, "", health.DateOf(first), health.DateOf(last))
	if err != nil {
		return nil, err
	}
	figures := phonetest.Days{}
	for _, day := range days {
		metrics := map[string]phonetest.Figure{}
		for _, category := range day.Metrics {
			for name, value := range category {
				metrics[name] = phonetest.Figure{
					Value: orZero(value.Value), Min: orZero(value.Min), Avg: orZero(value.Avg), Max: orZero(value.Max), Count: value.Count,
				}
			}
		}
		figures[day.Date.String()] = metrics
	}
	return figures, nil
}

func orZero(value *float64) float64 {
	if value == nil {
		return 0
	}
	return *value
}

// Over random plans every day is as the Health app shows it, or as near to it as what was sent allows. A plan that fails is
// run alone with -plan SEED; -plans N tries more of them (make nightly).
func TestPhonePlans(t *testing.T) {
	t.Parallel()
	first, n := max(*seed, 1), *plans
	switch {
	case wasSet("plans"):
	case *seed != 0:
		n = 1
	case testing.Short():
		n = 4 // with the race detector each takes 15 s
	}
	for s := first; s < first+uint64(n); s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			db, err := sqlite.OpenMemory(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			tryPlan(t, s, db)
		})
	}
}

// A few of the plans on every store.
func TestPhonePlansOnEveryStore(t *testing.T) {
	t.Parallel()
	for s := range uint64(5) {
		testdb.Each(t, func(t *testing.T, db store.Store) { tryPlan(t, 1+s, db) })
	}
}

func tryPlan(t *testing.T, seed uint64, db store.Store) {
	plan := phonetest.NewPlan(seed)
	if *keep != "" {
		keepUploads(t, filepath.Join(*keep, fmt.Sprint(seed)), plan.Uploads)
	}
	faults, err := plan.Run(t.Context(), newServer(t, db, plan.Person.Home()))
	if err != nil {
		t.Errorf("%v", err)
	}
	if len(faults) > 0 {
		t.Errorf("%s", plan.Story())
	}
	for i, fault := range faults {
		if i == 5 {
			t.Errorf("and %d more", len(faults)-i)
			break
		}
		t.Errorf("%s", fault)
	}
}

// keepUploads writes what a plan sends into a folder: the bodies in their order, and beside each its time and headers.
func keepUploads(t *testing.T, folder string, uploads []phonetest.Upload) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, upload := range uploads {
		extension := ".json"
		if upload.File {
			extension = ".xml"
		}
		head := "at: " + upload.At.UTC().Format(time.RFC3339) + "\n"
		for _, name := range slices.Sorted(maps.Keys(upload.Headers)) {
			head += name + ": " + upload.Headers[name] + "\n"
		}
		name := filepath.Join(folder, fmt.Sprintf("%03d", i+1))
		for file, content := range map[string][]byte{name + ".headers": []byte(head), name + extension: upload.Body} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func wasSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
