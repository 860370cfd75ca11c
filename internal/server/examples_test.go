package server

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/account"
)

// TestExamplesAreExecuted sends the example of every operation of the document to a server that has one thing of each
// kind: the path, query parameters and body that have examples. It must be answered, and the answer's own example must
// be one that the document allows, as the answer must.
func TestExamplesAreExecuted(t *testing.T) {
	t.Parallel()
	contract, err := strictContract()
	if err != nil {
		t.Fatal(err)
	}
	a := newAPI(t)
	ada := a.person("grace@example.org", "Europe/Berlin") // the document's own user is yet to be made
	report := a.send(ada.key, bodyOfEverything)
	_, admin := a.keyFor(ada.user, account.ScopeAdmin)
	spare, _ := a.keyFor(ada.user, account.ScopeRead)
	ids := map[string]string{
		"ingestions": report.IngestionID.String(), "workouts": a.workoutOf(ada), "keys": spare.ID, "users": ada.user.ID.String(),
	}
	routed := map[string]bool{}
	for _, r := range testRoutes(t) {
		routed[r.Method+" "+r.Path] = true
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} { // what takes something away comes last
		for _, path := range slices.Sorted(maps.Keys(contract.document.Paths.Map())) {
			item := contract.document.Paths.Find(path)
			operation := item.Operations()[method]
			if operation == nil || !routed[method+" "+path] {
				continue // TestDocumentMatchesRoutes fails for an operation without a route
			}
			t.Run(operation.OperationID, func(t *testing.T) {
				where, err := exampleURL(path, slices.Concat(item.Parameters, operation.Parameters), ids)
				if err != nil {
					t.Fatal(err)
				}
				body, headers, err := exampleBody(operation)
				if err != nil {
					t.Fatal(err)
				}
				answer := a.in(t).do(method, where, admin, body, headers...)
				if answer.status >= 300 {
					t.Fatalf("%s %s is answered with %d: %s", method, where, answer.status, answer.body)
				}
				for status, response := range operation.Responses.Map() {
					for media, content := range response.Value.Content {
						if err := checkExample(content, strings.HasPrefix(status, "2") && isJSON(media) && content.Schema != nil); err != nil {
							t.Errorf("answer %s, %s: %v", status, media, err)
						}
					}
				}
			})
		}
	}
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// exampleURL fills in a path and its query from the examples of the parameters. An id is that of a thing of the kind
// that the path is about.
func exampleURL(path string, parameters openapi3.Parameters, ids map[string]string) (string, error) {
	query, known := url.Values{}, 0
	for _, ref := range parameters {
		p := ref.Value
		example := ""
		if p.Example != nil {
			example = fmt.Sprint(p.Example)
		}
		switch {
		case p.In == openapi3.ParameterInPath && p.Name == "id":
			path = strings.Replace(path, "{id}", ids[strings.Split(path, "/")[2]], 1)
		case p.In == openapi3.ParameterInPath:
			path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(example), 1)
		case p.In == openapi3.ParameterInQuery && p.Name == "user":
			known++
			query.Set("user", ids["users"])
		case p.In == openapi3.ParameterInQuery:
			known++
			if example != "" {
				query.Set(p.Name, example)
			}
		}
		if p.Required && example == "" && p.Name != "id" {
			return "", fmt.Errorf("the parameter %s is required and has no example", p.Name)
		}
	}
	if known > 0 && len(query) == 0 {
		return "", fmt.Errorf("none of the query parameters has an example")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, nil
}

// exampleBody returns the example of a request's body, "" where it has none.
func exampleBody(operation *openapi3.Operation) (body string, headers []string, err error) {
	if operation.RequestBody == nil {
		return "", nil, nil
	}
	for _, media := range slices.Sorted(maps.Keys(operation.RequestBody.Value.Content)) {
		content := operation.RequestBody.Value.Content[media]
		examples := examplesOf(content)
		if len(examples) == 0 {
			continue
		}
		if text, plain := examples[0].(string); plain && !isJSON(media) {
			return text, []string{"Content-Type", media}, nil
		}
		text, err := marshal(examples[0])
		return text, []string{"Content-Type", media}, err
	}
	return "", nil, fmt.Errorf("no example of the body")
}

// checkExample holds the examples of an answer against its schema.
func checkExample(content *openapi3.MediaType, needed bool) error {
	examples := examplesOf(content)
	if needed && len(examples) == 0 {
		return fmt.Errorf("there is no example")
	}
	for _, example := range examples {
		if err := content.Schema.Value.VisitJSON(example, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation()); err != nil {
			return fmt.Errorf("the example is not what the schema says: %w", err)
		}
	}
	return nil
}

func examplesOf(content *openapi3.MediaType) []any {
	var examples []any
	if content.Example != nil {
		examples = append(examples, content.Example)
	}
	for _, name := range slices.Sorted(maps.Keys(content.Examples)) {
		examples = append(examples, content.Examples[name].Value.Value)
	}
	if len(examples) == 0 && content.Schema != nil && content.Schema.Value != nil && content.Schema.Value.Example != nil {
		examples = append(examples, content.Schema.Value.Example)
	}
	return examples
}

func marshal(value any) (string, error) {
	text, err := json.Marshal(value, json.Deterministic(true))
	return string(text), err
}
