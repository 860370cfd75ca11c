package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/testlog"
)

// loadContract reads the OpenAPI document, once for all tests.
var loadContract = sync.OnceValues(func() (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(openAPIYAML)
	if err != nil {
		return nil, err
	}
	return document, document.Validate(loader.Context)
})

// strictContract is the document with every object closed: a member of an answer that the document does not describe
// is a fault of the document.
var strictContract = sync.OnceValues(func() (*contract, error) {
	document, err := openapi3.NewLoader().LoadFromData(openAPIYAML)
	if err != nil {
		return nil, err
	}
	for _, opaque := range []string{"application/xml", "image/png", "image/svg+xml"} {
		openapi3filter.RegisterBodyDecoder(opaque, openapi3filter.FileBodyDecoder)
	}
	seen := map[*openapi3.Schema]bool{}
	for _, schema := range document.Components.Schemas {
		closeObjects(schema, seen)
	}
	mux := http.NewServeMux()
	for path, item := range document.Paths.Map() {
		for method, documented := range item.Operations() {
			for _, response := range documented.Responses.Map() {
				for _, content := range response.Value.Content {
					closeObjects(content.Schema, seen)
				}
			}
			mux.Handle(method+" "+path, operationHandler{path, item, method, documented})
		}
	}
	table, err := operation.New(operation.Config{})
	if err != nil {
		return nil, err
	}
	for _, r := range (&server{Config: Config{Operations: table}}).routes() {
		if operationOf(document, r) == nil {
			mux.Handle(r.Method+" "+r.Path, undocumented{})
		}
	}
	return &contract{document, mux}, nil
})

func closeObjects(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	schema := ref.Value
	seen[schema] = true
	if schema.Properties != nil && schema.AdditionalProperties.Has == nil && schema.AdditionalProperties.Schema == nil {
		closed := false
		schema.AdditionalProperties.Has = &closed
	}
	for _, child := range schema.Properties {
		closeObjects(child, seen)
	}
	closeObjects(schema.Items, seen)
	closeObjects(schema.AdditionalProperties.Schema, seen)
	for _, child := range slices.Concat(schema.AllOf, schema.AnyOf, schema.OneOf) {
		closeObjects(child, seen)
	}
}

// contract checks requests and responses against the document.
type contract struct {
	document *openapi3.T
	mux      *http.ServeMux // finds the operation of a request
}

type operationHandler struct {
	path      string
	item      *openapi3.PathItem
	method    string
	operation *openapi3.Operation
}

func (operationHandler) ServeHTTP(http.ResponseWriter, *http.Request) {}

// undocumented stands for a route that the document lacks. TestDocumentMatchesRoutes alone fails for it, so that there is
// one failure and not one in every test that uses the route.
type undocumented struct{ http.Handler }

// operationOf returns the operation of a route in the document, nil where the document lacks it.
func operationOf(document *openapi3.T, r route) *openapi3.Operation {
	item := document.Paths.Find(r.Path)
	if item == nil {
		return nil
	}
	return item.GetOperation(r.Method)
}

// check returns what is wrong with an answer, or with the document. body is the answer's, its encoding undone.
func (c *contract) check(request *http.Request, sent []byte, answer *http.Response, body []byte) error {
	handler, _ := c.mux.Handler(request)
	if _, ok := handler.(undocumented); ok {
		return nil
	}
	found, ok := handler.(operationHandler)
	if !ok {
		return c.checkNoOperation(answer, body)
	}
	copied := request.Clone(context.Background())
	copied.Body = io.NopCloser(bytes.NewReader(sent))
	input := &openapi3filter.RequestValidationInput{
		Request:    copied,
		PathParams: pathParameters(found.path, request.URL.Path),
		Route: &routers.Route{
			Spec: c.document, Path: found.path, PathItem: found.item, Method: found.method, Operation: found.operation,
		},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if answer.StatusCode < 300 && request.Header.Get("Content-Encoding") == "" {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			return fmt.Errorf("the server accepted a request that the document does not allow: %w", err)
		}
	}
	input.Options.ExcludeResponseBody = request.Method == http.MethodHead
	input.Request = copied.Clone(context.Background())
	input.Request.Method = found.method
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: input.Options,
	})
	if err != nil {
		return fmt.Errorf("%s %s → %d: %w", found.method, found.path, answer.StatusCode, err)
	}
	return nil
}

// checkNoOperation checks the answer to a request for a path or a method that does not exist.
func (c *contract) checkNoOperation(answer *http.Response, body []byte) error {
	if !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusTooManyRequests}, answer.StatusCode) {
		return fmt.Errorf("there is no such operation, yet the answer is %d", answer.StatusCode)
	}
	if answer.Request.Method == http.MethodHead {
		return nil
	}
	var value any
	if err := unmarshal(body, &value); err != nil {
		return fmt.Errorf("the problem is not JSON: %w", err)
	}
	return c.document.Components.Schemas["Problem"].Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
}

func pathParameters(pattern, path string) map[string]string {
	values := map[string]string{}
	parts := strings.Split(path, "/")
	for i, segment := range strings.Split(pattern, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			values[strings.TrimSuffix(name, "}")] = parts[i]
		}
	}
	return values
}

// checkedTransport checks every response against the document, in every test.
type checkedTransport struct {
	t    testing.TB
	logs *testlog.Log // in which nothing of what is sent may be
	next *http.Transport
}

func (c checkedTransport) CloseIdleConnections() { c.next.CloseIdleConnections() }

func (c checkedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	var sent []byte
	if request.Body != nil {
		var err error
		if sent, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		request.Body = io.NopCloser(bytes.NewReader(sent))
	}
	c.logs.Sent(string(sent))
	c.logs.Sent(request.Header.Get("Authorization"))
	c.logs.Sent(request.Header.Get("X-API-Key"))
	c.logs.Sent(request.URL.Query().Get("source"))
	answer, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	wire, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(wire))
	contract, err := strictContract()
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := plain(answer.Header.Get("Content-Encoding"), wire)
	if err != nil {
		return nil, err
	}
	if err := contract.check(request, sent, answer, body); err != nil {
		c.t.Errorf("%v\n%s", err, body)
	}
	return answer, nil
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	if _, err := loadContract(); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentMatchesRoutes compares the table of routes and the document in both directions: the operations, their
// ids, the scopes they need and the query parameters they know.
func TestDocumentMatchesRoutes(t *testing.T) {
	t.Parallel()
	document, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Operation string
		Scope     account.Scope
		Params    []string
	}
	routed := map[string]bool{}
	for _, r := range testRoutes(t) {
		name := r.Method + " " + r.Path
		routed[name] = true
		documented := operationOf(document, r)
		if documented == nil {
			t.Errorf("%s is in the table of routes and not in openapi.yaml", name)
			continue
		}
		got := row{documented.OperationID, scopeOf(t, documented), queryParameters(document.Paths.Find(r.Path), documented)}
		if diff := cmp.Diff(row{r.Name, r.Scope, slices.Sorted(slices.Values(r.QueryNames()))}, got); diff != "" {
			t.Errorf("%s differs in the table of routes (-) and openapi.yaml (+):\n%s", name, diff)
		}
	}
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			if name := method + " " + path; !routed[name] {
				t.Errorf("%s is in openapi.yaml and not in the table of routes", name)
			}
		}
	}
}

// Every operation with a rate limit documents the status 429, and no other does.
func TestDocumentListsRateLimits(t *testing.T) {
	t.Parallel()
	document, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range testRoutes(t) {
		documented := operationOf(document, r)
		if documented == nil {
			continue // TestDocumentMatchesRoutes fails for it
		}
		if limited := documented.Responses.Value("429") != nil; limited == r.unlimited() {
			t.Errorf("%s %s: a 429 is documented: %t", r.Method, r.Path, limited)
		}
	}
}

// scopeOf reads off an operation's security what the table of routes calls its scope. All four ways to present a key
// must need the same.
func scopeOf(t *testing.T, documented *openapi3.Operation) account.Scope {
	t.Helper()
	if documented.Security == nil {
		t.Fatalf("%s says nothing about its security", documented.OperationID)
	}
	if len(*documented.Security) == 0 {
		return operation.Open
	}
	scopes, schemes := map[account.Scope]bool{}, map[string]bool{}
	for _, requirement := range *documented.Security {
		for scheme, needed := range requirement {
			schemes[scheme] = true
			if len(needed) == 0 {
				scopes[operation.AnyKey] = true
			}
			for _, scope := range needed {
				scopes[account.Scope(scope)] = true
			}
		}
	}
	want := []string{"apiKeyHeader", "basic", "bearer", "shortKeyHeader"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(schemes))); diff != "" {
		t.Fatalf("%s: security is not the same for all ways to present a key:\n%s", documented.OperationID, diff)
	}
	for _, requirement := range *documented.Security {
		for scheme, needed := range requirement {
			if len(needed) != len(scopes) && !scopes[operation.AnyKey] || scopes[operation.AnyKey] && len(scopes) > 1 {
				t.Fatalf("%s: %s needs %v, others %v", documented.OperationID, scheme, needed, scopes)
			}
		}
	}
	var words []string
	for _, scope := range slices.Sorted(maps.Keys(scopes)) {
		words = append(words, string(scope))
	}
	return account.Scope(strings.Join(words, " "))
}

func queryParameters(item *openapi3.PathItem, documented *openapi3.Operation) []string {
	var names []string
	for _, p := range slices.Concat(item.Parameters, documented.Parameters) {
		if p.Value.In == openapi3.ParameterInQuery {
			names = append(names, p.Value.Name)
		}
	}
	slices.Sort(names)
	return names
}
