package server

import (
	_ "embed"
	"net/http"

	"github.com/oasdiff/yaml"
)

//go:embed openapi.yaml
var openAPI []byte

// document is the description of the API, in both forms.
type document struct{ yaml, json []byte }

// loadDocument makes the JSON form of the embedded document, which the tests prove to be sound.
func loadDocument() document {
	converted, err := yaml.YAMLToJSON(openAPI)
	if err != nil {
		panic(err)
	}
	return document{yaml: openAPI, json: converted}
}

func (s *server) getDocumentYAML(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-cache")
	writeBytes(w, "application/yaml", http.StatusOK, s.document.yaml)
	return nil
}

func (s *server) getDocumentJSON(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-cache")
	writeBytes(w, "application/json", http.StatusOK, s.document.json)
	return nil
}
