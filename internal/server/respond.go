package server

import (
	"net/http"
	"strconv"

	"github.com/health-export/health-export/internal/operation"
)

// writeJSON responds with value as JSON.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	return writeAs(w, "application/json", status, value)
}

// writeAs responds with value as JSON under another content type. The value is encoded before anything is sent, so after
// an error no response has begun.
func writeAs(w http.ResponseWriter, contentType string, status int, value any) error {
	body, err := operation.Encode(value)
	if err != nil {
		return err
	}
	writeBytes(w, contentType, status, body)
	return nil
}

// writeBytes answers with a body that is there in full. An error in sending it concerns only the client that left.
func writeBytes(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // #nosec G705 -- JSON, with a content type that no browser runs (nosniff, CSP)
}
