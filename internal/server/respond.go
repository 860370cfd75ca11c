package server

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// writeJSON responds with value as JSON.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	return writeAs(w, "application/json", status, value)
}

// writeAs responds with value as JSON under another content type. The value is encoded before anything is sent, so after
// an error no response has begun.
func writeAs(w http.ResponseWriter, contentType string, status int, value any) error {
	body, err := jsonOf(value)
	if err != nil {
		return err
	}
	writeBytes(w, contentType, status, body)
	return nil
}

func jsonOf(value any) ([]byte, error) {
	if own, ok := value.(interface {
		AppendJSON(to []byte) ([]byte, error)
	}); ok {
		return own.AppendJSON(nil)
	}
	// Text from phones may hold a lone surrogate; a response with U+FFFD in its place is better than none.
	return json.Marshal(value, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}

// writeBytes responds with a whole body. A write fails only when the client has left.
func writeBytes(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // #nosec G705 -- JSON, with a content type that no browser runs (nosniff, CSP)
}
