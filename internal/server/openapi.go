package server

import (
	_ "embed"
	"net/http"
)

// The description of the API in both forms. openapi.yaml is written by hand; TestOpenAPIJSON writes openapi.json from it,
// so that the program needs no YAML parser.
var (
	//go:embed openapi.yaml
	openAPIYAML []byte
	//go:embed openapi.json
	openAPIJSON []byte
)

func (s *server) getDocumentYAML(w http.ResponseWriter, _ *request) error {
	w.Header().Set("Cache-Control", "no-cache")
	writeBytes(w, "application/yaml", http.StatusOK, openAPIYAML)
	return nil
}

func (s *server) getDocumentJSON(w http.ResponseWriter, _ *request) error {
	w.Header().Set("Cache-Control", "no-cache")
	writeBytes(w, "application/json", http.StatusOK, openAPIJSON)
	return nil
}
