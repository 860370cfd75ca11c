package server

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// revalidate gives every whole answer to a GET a weak ETag, a hash of its body before compression, and answers 304 to a
// client that shows it has the same already. ResponseCache that are streamed have none: their end is not known when their
// headers are sent. Nor have those about the state of the server, which nobody keeps.
func revalidate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead || r.URL.Path == "/health" || r.URL.Path == "/ready" {
			next.ServeHTTP(w, r)
			return
		}
		answer := &taggedAnswer{ResponseWriter: w, known: strings.Join(r.Header.Values("If-None-Match"), ",")}
		next.ServeHTTP(answer, r)
		answer.sendHeader()
	})
}

// taggedAnswer holds the header of an answer back until it has seen whether its first bytes are all of it.
type taggedAnswer struct {
	http.ResponseWriter
	known  string // the tags of what the client has
	status int    // held back; 0: none, or sent
	same   bool   // the client has the body
}

func (a *taggedAnswer) WriteHeader(status int) {
	if status != http.StatusOK {
		a.status = 0
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.status = status
}

func (a *taggedAnswer) Write(p []byte) (int, error) {
	if a.status != 0 && a.Header().Get("Content-Length") == strconv.Itoa(len(p)) {
		digest := sha256.Sum256(p)
		tag := `"` + base64.RawURLEncoding.EncodeToString(digest[:18]) + `"`
		a.Header().Set("ETag", "W/"+tag)
		a.same = isKnown(a.known, tag)
	}
	a.sendHeader()
	if a.same {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}

// sendHeader sends what WriteHeader held back.
func (a *taggedAnswer) sendHeader() {
	if a.status == 0 {
		return
	}
	status := a.status
	a.status = 0
	if a.same {
		status = http.StatusNotModified
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition"} {
			a.Header().Del(name)
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *taggedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// isKnown compares weakly, as If-None-Match is compared (RFC 9110 §13.1.2). "*" stands for anything there is.
func isKnown(known, tag string) bool {
	for entry := range strings.SplitSeq(known, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "*" || strings.TrimPrefix(entry, "W/") == tag {
			return true
		}
	}
	return false
}
