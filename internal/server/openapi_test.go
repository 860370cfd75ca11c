package server

import (
	"bytes"
	"os"
	"testing"

	"github.com/oasdiff/yaml"

	"github.com/health-export/health-export/internal/operation"
)

// testOperations returns the table of operations, for tests that look at its rows only.
func testOperations(t testing.TB) *operation.Table {
	t.Helper()
	table, err := operation.New(operation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// testRoutes returns the routes of a server whose handlers are not called.
func testRoutes(t testing.TB) []route {
	t.Helper()
	return (&server{Config: Config{Operations: testOperations(t)}}).routes()
}

// The parameters in openapi.yaml are those of the table of operations, and openapi.json is openapi.yaml as JSON. With
// -update the test writes both.
func TestOpenAPIIsCurrent(t *testing.T) {
	t.Parallel()
	document := []byte(generateOpenAPI(string(openAPIYAML), testOperations(t).Operations()))
	asJSON, err := yaml.YAMLToJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct {
		name      string
		want, got []byte
	}{{"openapi.yaml", document, openAPIYAML}, {"openapi.json", asJSON, openAPIJSON}} {
		if *update {
			if err := os.WriteFile(file.name, file.want, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(file.want, file.got) {
			t.Errorf("%s is not current: run go test ./internal/server -run OpenAPIIsCurrent -update", file.name)
		}
	}
}

// An operation that does not run by itself needs a handler.
func TestEveryOperationHasAHandler(t *testing.T) {
	t.Parallel()
	for _, row := range testRoutes(t) {
		if row.handle == nil {
			t.Errorf("%s has neither Run nor a handler", row.Name)
		}
	}
}
