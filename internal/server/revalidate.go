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
		out := &etagWriter{ResponseWriter: w, ifNoneMatch: strings.Join(r.Header.Values("If-None-Match"), ",")}
		next.ServeHTTP(out, r)
		out.sendHeader()
	})
}

// etagWriter holds the header of an answer back until it has seen whether its first bytes are all of it.
type etagWriter struct {
	http.ResponseWriter
	ifNoneMatch string // the tags of what the client has
	status      int    // held back; 0: none, or sent
	notModified bool   // the client has the body
}

func (a *etagWriter) WriteHeader(status int) {
	if status != http.StatusOK {
		a.status = 0
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.status = status
}

func (a *etagWriter) Write(p []byte) (int, error) {
	if a.status != 0 && a.Header().Get("Content-Length") == strconv.Itoa(len(p)) {
		digest := sha256.Sum256(p)
		tag := `"` + base64.RawURLEncoding.EncodeToString(digest[:18]) + `"`
		a.Header().Set("ETag", "W/"+tag)
		a.notModified = etagMatches(a.ifNoneMatch, tag)
	}
	a.sendHeader()
	if a.notModified {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}

// sendHeader sends what WriteHeader held back.
func (a *etagWriter) sendHeader() {
	if a.status == 0 {
		return
	}
	status := a.status
	a.status = 0
	if a.notModified {
		status = http.StatusNotModified
		for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition"} {
			a.Header().Del(name)
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *etagWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// etagMatches compares weakly, as If-None-Match is compared (RFC 9110 §13.1.2). "*" stands for anything there is.
func etagMatches(known, tag string) bool {
	for entry := range strings.SplitSeq(known, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "*" || strings.TrimPrefix(entry, "W/") == tag {
			return true
		}
	}
	return false
}
