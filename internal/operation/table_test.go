package operation

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
)

func table(t *testing.T) *Table {
	t.Helper()
	table, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// What a row says of its parameters is shown to people and programs, so it must be true.
func TestEveryRowDescribesItself(t *testing.T) {
	t.Parallel()
	for _, o := range table(t).Operations() {
		if o.Summary == "" || o.Tag == "" {
			t.Errorf("%s has no summary or no tag", o.Name)
		}
		for _, p := range o.Parameters {
			if p.Doc == "" {
				t.Errorf("%s: %s is not described", o.Name, p.Name)
			}
			if p.Kind == Choice && len(p.Allowed) == 0 {
				t.Errorf("%s: %s allows nothing", o.Name, p.Name)
			}
			if p.Required && p.Example == "" && p.Kind != ID && p.Name != "id" {
				t.Errorf("%s: %s is required and has no example", o.Name, p.Name)
			}
			for _, text := range append([]string{p.Example, p.Default}, p.Examples...) {
				if text == "" {
					continue
				}
				if _, err := p.parse(text, time.UTC); err != nil {
					t.Errorf("%s: %s is described with %q: %v", o.Name, p.Name, text, err)
				}
			}
		}
	}
}

func TestRowsThatAreNotComplete(t *testing.T) {
	t.Parallel()
	sound := Operation{Name: "getThing", Method: get, Path: "/v1/things/{id}", Lens: NoData, Parameters: []Parameter{id}}
	for name, change := range map[string]func(*Operation){
		"says nothing of a lens": func(o *Operation) { o.Lens = 0 },
		"no name":                func(o *Operation) { o.Name = "" },
		"no method":              func(o *Operation) { o.Method = "" },
		"no path":                func(o *Operation) { o.Path = "" },
		"wildcard unexplained":   func(o *Operation) { o.Parameters = nil },
		"parameter not in path":  func(o *Operation) { o.Path = "/v1/things" },
		"parameter twice":        func(o *Operation) { o.Parameters = []Parameter{id, id} },
		"parameter of no kind":   func(o *Operation) { o.Parameters = []Parameter{id, {Name: "x"}} },
		"kept, but not run":      func(o *Operation) { o.Cache = always },
	} {
		row := sound
		change(&row)
		if _, err := newTable([]Operation{row}, nil); err == nil {
			t.Errorf("%s: the row was registered", name)
		}
	}
	if _, err := newTable([]Operation{sound, sound}, nil); err == nil {
		t.Error("two rows of one name were registered")
	}
	if _, err := newTable([]Operation{sound}, nil); err != nil {
		t.Error(err)
	}
}

// A lens that shows nothing lets nobody see data, whatever the operation.
func TestNothingIsSeenThroughAnEmptyLens(t *testing.T) {
	t.Parallel()
	all := access.Actor{Scopes: []account.Scope{account.ScopeIngest, account.ScopeRead, account.ScopeAdmin}}
	for _, o := range table(t).Operations() {
		if err := o.Admit(Access{Actor: all, Lens: Everything()}); err != nil {
			t.Errorf("%s refuses the lens Everything: %v", o.Name, err)
		}
		err := o.Admit(Access{Actor: all})
		if o.Lens == AllData && problem.KindOf(err) != problem.Forbidden || o.Lens == NoData && err != nil {
			t.Errorf("%s under an empty lens: %v", o.Name, err)
		}
		if o.Run != nil && o.Scope == account.ScopeRead && o.Lens != AllData {
			t.Errorf("%s reads data and does not ask for a lens", o.Name)
		}
	}
}

func TestScopesAreNeeded(t *testing.T) {
	t.Parallel()
	for _, o := range table(t).Operations() {
		for _, scope := range Scopes(o.Scope) {
			others := slices.DeleteFunc([]account.Scope{account.ScopeIngest, account.ScopeRead}, func(s account.Scope) bool { return s == scope })
			err := o.Admit(Access{Actor: access.Actor{Scopes: others}, Lens: Everything()})
			if problem.KindOf(err) != problem.Forbidden {
				t.Errorf("%s without the scope %s: %v", o.Name, scope, err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ operation, query, code, field string }{
		{"getSeries", "buckets=1d", "unknown_parameter", "buckets"},
		{"getSeries", "bucket=1d&bucket=1w", "invalid_parameter", "bucket"},
		{"getSeries", "bucket=", "invalid_parameter", "bucket"},
		{"getSeries", "bucket=%ff", "invalid_parameter", "bucket"},
		{"getSeries", "unit=%00", "invalid_parameter", "unit"},
		{"getSeries", "start=yesterday", "invalid_parameter", "start"},
		{"getSeries", "gaps=zero", "invalid_parameter", "gaps"},
		{"getSeries", "limit=0", "invalid_parameter", "limit"},
		{"listSeries", "", "invalid_parameter", "metrics"},
		{"listSeries", "metrics=a,,b", "invalid_parameter", "metrics"},
		{"listSeries", "metrics=a,a", "invalid_parameter", "metrics"},
		{"listSeries", "metrics=a&units=a", "invalid_parameter", "units"},
		{"getSamples", "grain=-1", "invalid_parameter", "grain"},
		{"getSamples", "grain=99999999999", "invalid_parameter", "grain"},
		{"getCorrelation", "x=a&y=b&start=2026-03-01&end=2026-03-02&lag=1..", "invalid_parameter", "lag"},
		{"getCorrelation", "x=a&y=b&start=2026-02-30&end=2026-03-02", "invalid_parameter", "start"},
		{"listWorkouts", "bbox=1,2,3", "invalid_parameter", "bbox"},
		{"listWorkouts", "bbox=0,10,1,-10", "invalid_parameter", "bbox"},
		{"listWorkouts", "near=91,0,5", "invalid_parameter", "near"},
		{"listWorkouts", "near=NaN,0,5", "invalid_parameter", "near"},
		{"getWorkout", "max_heart_rate=Inf", "invalid_parameter", "max_heart_rate"},
		{"rotateKey", "grace=-1h", "invalid_parameter", "grace"},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		o := table(t).Find(c.operation)
		if err = o.CheckNames(query); err == nil {
			_, err = o.Parse(pathOf(uuid.NewString()), query, time.UTC)
		}
		known, ok := errors.AsType[*problem.Error](err)
		if !ok || known.Code != c.code || known.Field != c.field {
			t.Errorf("%s?%s: %v", c.operation, c.query, err)
		}
	}
	if _, err := table(t).Find("getWorkout").Parse(pathOf("none"), nil, time.UTC); problem.KindOf(err) != problem.NotFound {
		t.Errorf("an id that can be none: %v", err)
	}
}

func pathOf(value string) func(string) string { return func(string) string { return value } }

// Whatever is sent, the answer is values or a problem that names what is wrong, never a panic.
func FuzzParse(f *testing.F) {
	f.Add("getSeries", "start=2026-03-10&bucket=1d&gaps=null&limit=3", "step_count")
	f.Add("listWorkouts", "bbox=13.0,52.3,13.8,52.7&near=52.5,13.4,500", "")
	f.Add("getCorrelation", "x=a&y=b&start=2026-03-01&end=2026-03-02&lag=-7..7", "")
	operations, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, text, path string) {
		o := operations.Find(name)
		query, err := url.ParseQuery(text)
		if o == nil || err != nil {
			return
		}
		if o.CheckNames(query) != nil {
			return
		}
		v, err := o.Parse(pathOf(path), query, time.UTC)
		switch kind := problem.KindOf(err); {
		case err != nil && kind != problem.Invalid && kind != problem.NotFound:
			t.Errorf("%v", err)
		case err == nil && strings.Contains(o.Path, "{id}") && len(v.parsed) > len(o.Parameters):
			t.Errorf("%d values of %d parameters", len(v.parsed), len(o.Parameters))
		}
	})
}

// oneAnswer is a cache that has one answer for everything, or none and keeps what is loaded.
type oneAnswer struct {
	keys []cache.Key
	body []byte
}

func (o *oneAnswer) Get(ctx context.Context, key cache.Key, load func(context.Context) ([]byte, error)) ([]byte, error) {
	o.keys = append(o.keys, key)
	if o.body != nil {
		return o.body, nil
	}
	body, err := load(ctx)
	o.body = body
	return body, err
}

func TestAnswersAreKeptAsBytes(t *testing.T) {
	t.Parallel()
	runs := 0
	row := Operation{
		Name: "getThing", Method: get, Path: "/v1/thing", Scope: account.ScopeRead, Lens: AllData,
		Parameters: []Parameter{{Name: "days", Kind: Date}},
		Run: func(context.Context, Access, Values) (any, error) {
			runs++
			return map[string]int{"runs": runs}, nil
		},
		Cache: func(_ Access, v Values) (CacheEntry, bool) {
			date, sent := v.Date("days")
			return CacheEntry{Details: []any{date}}, sent
		},
	}
	kept := &oneAnswer{}
	operations, err := newTable([]Operation{row}, kept)
	if err != nil {
		t.Fatal(err)
	}
	o, a := operations.Find("getThing"), Access{Subject: account.User{ID: uuid.New(), TimeZone: "Europe/Berlin"}, Lens: Everything()}
	ask := func(query string) string {
		t.Helper()
		values, _ := url.ParseQuery(query)
		v, err := o.Parse(nil, values, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		body, err := operations.Answer(t.Context(), o, a, v)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if got := ask("days=2026-03-10") + ask("days=2026-03-10"); got != `{"runs":1}{"runs":1}` {
		t.Errorf("the second answer was made anew: %s", got)
	}
	if got := ask(""); got != `{"runs":2}` {
		t.Errorf("an answer that depends on the time of day was kept: %s", got)
	}
	if key := kept.keys[0]; key.User != a.Subject.ID || key.Kind != "getThing" || !strings.Contains(key.Query, "Europe/Berlin") || !strings.Contains(key.Query, "2026-03-10") {
		t.Errorf("%+v", key)
	}
}
