package server

import (
	"bytes"
	"os"
	"testing"

	"github.com/oasdiff/yaml"
)

// openapi.json is openapi.yaml as JSON. With -update the test writes it.
func TestOpenAPIJSON(t *testing.T) {
	t.Parallel()
	want, err := yaml.YAMLToJSON(openAPIYAML)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(openAPIJSON, want) {
		t.Error("openapi.json is not current: run go test ./internal/server -run OpenAPIJSON -update")
	}
}
