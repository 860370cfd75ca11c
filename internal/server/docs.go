package server

import (
	"embed"
	"net/http"
)

// docs is the page that renders the OpenAPI document: static files that load nothing from other hosts.
//
//go:embed docs
var docs embed.FS

// docsPolicy lets the page load its own script, style and document, and nothing else.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *server) getDocs(w http.ResponseWriter, _ *request) error {
	return writeDocs(w, "index.html", "text/html; charset=utf-8")
}

func (s *server) getDocsScript(w http.ResponseWriter, _ *request) error {
	return writeDocs(w, "docs.js", "text/javascript; charset=utf-8")
}

func (s *server) getDocsStyle(w http.ResponseWriter, _ *request) error {
	return writeDocs(w, "docs.css", "text/css; charset=utf-8")
}

func writeDocs(w http.ResponseWriter, name, mediaType string) error {
	body, err := docs.ReadFile("docs/" + name)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", docsPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	writeBytes(w, mediaType, http.StatusOK, body)
	return nil
}
