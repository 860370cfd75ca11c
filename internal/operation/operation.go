// Package operation is the table of all that can be asked of the product: one row a question, with its name, the scope it
// needs, its typed parameters and the function that answers it. HTTP routes, the parsing of parameters, the parameter part
// of the OpenAPI document, the test that users are isolated, and the command line are made from the rows, so that a new
// question is one method of query and one row here.
package operation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/problem"
)

// Access is on whose behalf and on whose data an operation runs. The three are resolved once for a request and never
// mixed: an operation reads the data of the subject, and only as far as the lens shows it.
type Access struct {
	// Actor is who asks. It is the zero Actor for the command line, which has the database itself.
	Actor access.Actor
	// Subject is whose data it is.
	Subject account.User
	Lens    Lens
}

// Lens is what of a subject's data may be seen. The zero Lens shows nothing.
type Lens struct{ everything bool }

// Everything is the lens of the subject's own keys and of administrators.
func Everything() Lens { return Lens{everything: true} }

// LensUse says what an operation does with a lens. The zero value says nothing, and New refuses an operation with it.
type LensUse int

const (
	// NoData is for operations whose answer holds nothing of the subject's health data: they run under every lens.
	NoData LensUse = iota + 1
	// AllData is for operations that cannot leave anything out of their answer: they need the lens Everything.
	AllData
)

// The scopes of operations that are not for the holders of one certain scope.
const (
	// Open is for everybody, without a key.
	Open account.Scope = ""
	// AnyKey is for every valid key, whatever its scopes.
	AnyKey account.Scope = "any"
	// IngestRead needs both scopes in one key: whoever may do everything with their own data.
	IngestRead account.Scope = account.ScopeIngest + " " + account.ScopeRead
)

// Scopes returns the scopes that a key needs for an operation with the given scope, all of them.
func Scopes(scope account.Scope) (scopes []account.Scope) {
	if scope == Open || scope == AnyKey {
		return nil
	}
	for _, word := range strings.Fields(string(scope)) {
		scopes = append(scopes, account.Scope(word))
	}
	return scopes
}

// Operation is one row of the table.
type Operation struct {
	// Name identifies the operation in the OpenAPI document (operationId) and on the command line.
	Name   string
	Method string
	// Path is a pattern of http.ServeMux. Its wildcards are parameters of the row, too.
	Path  string
	Scope account.Scope
	// Tag and Summary are those of the OpenAPI document.
	Tag, Summary string
	Lens         LensUse
	// Subject is set where another user's data can be asked for, by an administrator, as ?user=.
	Subject    bool
	Parameters []Parameter
	// Run answers with a value that is rendered as JSON. It is nil for operations that stream, or take a body: package
	// server implements those.
	Run func(ctx context.Context, a Access, v Values) (any, error)
	// Answer is an example of what Run returns. The OpenAPI document gets it and the schema of its type, where none were
	// written by hand.
	Answer any
	// Cache returns what the answer depends on, for an operation whose answers are kept. ok is false for an answer that
	// depends on more than stored data and the parameters, such as the time of day. nil: no answer is kept.
	Cache func(a Access, v Values) (c CacheEntry, ok bool)

	queryNames []string // of the query parameters, in the order of the row
}

// SubjectParameter is the name of the query parameter with which administrators name another subject.
const SubjectParameter = "user"

// subject is a parameter of every operation with Subject.
var subject = Parameter{
	Name: SubjectParameter, Kind: Text,
	Doc: "For administrators, the id or the e-mail address of another user. Reading somebody else's data is put on record.",
}

// CacheEntry describes an answer that is kept.
type CacheEntry struct {
	// Metric is the canonical name of the one metric that the answer depends on; "" where it depends on more.
	Metric string
	// Details are all that the answer depends on beside what is stored, the operation and the subject's time zone.
	Details []any
}

// cacheFor is how long an answer is kept at most. A change of what it depends on ends it at once, so this only bounds the
// memory that answers take which nobody asks for again.
const cacheFor = time.Hour

// ResponseCache keeps rendered answers; see cache.ResponseCache.
type ResponseCache interface {
	Get(ctx context.Context, key cache.Key, load func(context.Context) ([]byte, error)) ([]byte, error)
}

// Table is the list of operations with what runs them. It is safe for concurrent use.
type Table struct {
	operations []Operation
	byName     map[string]*Operation
	responses  ResponseCache // nil: no answer is kept
}

// newTable checks the rows.
func newTable(rows []Operation, responses ResponseCache) (*Table, error) {
	t := &Table{operations: rows, byName: map[string]*Operation{}, responses: responses}
	var faults []error
	for i := range rows {
		o := &rows[i]
		if o.Subject {
			o.Parameters = append(slices.Clip(o.Parameters), subject)
		}
		for j := range o.Parameters {
			if p := &o.Parameters[j]; p.In == InQuery {
				o.queryNames = append(o.queryNames, p.Name)
			}
		}
		if err := o.check(); err != nil {
			faults = append(faults, fmt.Errorf("operation %s: %w", o.Name, err))
		}
		if t.byName[o.Name] != nil {
			faults = append(faults, fmt.Errorf("operation %s: there are two", o.Name))
		}
		t.byName[o.Name] = o
	}
	return t, errors.Join(faults...)
}

func (o *Operation) check() error {
	switch {
	case o.Name == "" || o.Method == "" || !strings.HasPrefix(o.Path, "/"):
		return errors.New("it needs a name, a method and a path")
	case o.Lens == 0:
		return errors.New("it does not say what it does with a lens")
	case o.Cache != nil && o.Run == nil:
		return errors.New("only answers of Run can be kept")
	}
	names := map[string]bool{}
	for _, p := range o.Parameters {
		inPath := strings.Contains(o.Path, "{"+p.Name+"}")
		if names[p.Name] || inPath != (p.In == InPath) || p.Kind == 0 {
			return fmt.Errorf("parameter %s: it is given twice, has no kind, or is not where the path says", p.Name)
		}
		names[p.Name] = true
	}
	if n := strings.Count(o.Path, "{"); n > 0 {
		for _, segment := range strings.Split(o.Path, "/") {
			if name, ok := strings.CutPrefix(segment, "{"); ok && !names[strings.TrimSuffix(name, "}")] {
				return fmt.Errorf("the path has a wildcard %s} without a parameter", segment)
			}
		}
	}
	return nil
}

// QueryNames returns the names of the query parameters, in the order of the row.
func (o *Operation) QueryNames() []string { return o.queryNames }

// Operations returns the rows in their order. They must not be changed.
func (t *Table) Operations() []Operation { return t.operations }

// Find returns the operation with a name, nil where there is none.
func (t *Table) Find(name string) *Operation { return t.byName[name] }

// Admit refuses what an actor may not ask, or not under the given lens.
func (o *Operation) Admit(a Access) error {
	for _, scope := range Scopes(o.Scope) {
		if !a.Actor.Allows(scope) {
			return problem.New(problem.Forbidden, "missing_scope",
				"This API key has no scope "+string(scope)+". Use one that has it.")
		}
	}
	if o.Lens == AllData && !a.Lens.everything {
		return problem.New(problem.Forbidden, "not_shared", "What was shared with you does not include this.")
	}
	return nil
}

// Answer runs an operation and returns its answer as JSON, from the cache where it is kept there. A miss encodes once, a
// hit copies bytes. The caller has checked access with Admit.
func (t *Table) Answer(ctx context.Context, o *Operation, a Access, v Values) ([]byte, error) {
	load := func(ctx context.Context) ([]byte, error) {
		answer, err := o.Run(ctx, a, v)
		if err != nil {
			return nil, err
		}
		return Encode(answer)
	}
	if t.responses == nil || o.Cache == nil {
		return load(ctx)
	}
	entry, ok := o.Cache(a, v)
	if !ok {
		return load(ctx)
	}
	return t.responses.Get(ctx, cache.Key{
		User: a.Subject.ID, Kind: o.Name, Metric: entry.Metric, TTL: cacheFor,
		Query: cacheQuery(entry.Details, a.Subject.TimeZone),
	}, load)
}

// cacheQuery writes all that an answer depends on, each value quoted, so that two lists of values never read the same.
func cacheQuery(details []any, timeZone string) string {
	return fmt.Sprintf("%q", append(details, timeZone))
}

// Encode renders an answer as JSON.
func Encode(answer any) ([]byte, error) {
	if own, ok := answer.(interface {
		AppendJSON(to []byte) ([]byte, error)
	}); ok {
		return own.AppendJSON(nil)
	}
	// Text that phones send may hold half a character; an answer that shows it with U+FFFD is better than none.
	return json.Marshal(answer, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}
