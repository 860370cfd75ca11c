package server

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzhttp"
)

// compress encodes responses with zstd, gzip or brotli for clients that accept it, except those that are compressed
// already. Brotli, the slowest, is for clients that prefer it to both others or accept nothing else.
func compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(gzhttp.DefaultMinSize))
	if err != nil {
		panic(err) // the options above are wrong
	}
	gzipOrZstd := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !prefersBrotli(strings.Join(r.Header.Values("Accept-Encoding"), ",")) {
			gzipOrZstd.ServeHTTP(w, r)
			return
		}
		out := &brotliWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(out, r)
		out.close()
	})
}

// prefersBrotli reports whether Accept-Encoding gives br a greater quality than gzip and zstd.
func prefersBrotli(accept string) bool {
	quality := map[string]float64{}
	for entry := range strings.SplitSeq(accept, ",") {
		coding, parameter, _ := strings.Cut(entry, ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			q, _ = strconv.ParseFloat(text, 64) // 0 for an invalid number: not acceptable
		}
		quality[strings.ToLower(strings.TrimSpace(coding))] = q
	}
	br := quality["br"]
	return br > 0 && br > quality["gzip"] && br > quality["zstd"]
}

// brotliWriter decides at the first write whether to encode the response.
type brotliWriter struct {
	http.ResponseWriter
	status  int
	started bool
	encoder *brotli.Writer // nil: the response is not encoded
}

// brotliLevel is the lowest level that compresses better than gzip's default, at about its speed.
const brotliLevel = 3

func (a *brotliWriter) WriteHeader(status int) {
	if status < http.StatusOK {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.status = status
}

func (a *brotliWriter) Write(p []byte) (int, error) {
	a.start()
	var to io.Writer = a.ResponseWriter
	if a.encoder != nil {
		to = a.encoder
	}
	return to.Write(p)
}

func (a *brotliWriter) start() {
	if a.started {
		return
	}
	a.started = true
	header := a.Header()
	header.Add("Vary", "Accept-Encoding")
	if a.shouldCompress(header) {
		header.Del("Content-Length")
		header.Set("Content-Encoding", "br")
		a.encoder = brotli.NewWriterLevel(a.ResponseWriter, brotliLevel)
	}
	header.Del(gzhttp.HeaderNoCompression)
	a.ResponseWriter.WriteHeader(a.status)
}

func (a *brotliWriter) shouldCompress(header http.Header) bool {
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified || header.Get("Content-Encoding") != "" ||
		header.Get(gzhttp.HeaderNoCompression) != "" || !gzhttp.DefaultContentTypeFilter(header.Get("Content-Type")) {
		return false
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	return err != nil || length >= gzhttp.DefaultMinSize
}

// close ends the response. It is not called for one that was aborted.
func (a *brotliWriter) close() {
	a.start()
	if a.encoder != nil {
		_ = a.encoder.Close() // fails only when the client has left
	}
}

// Unwrap returns the ResponseWriter below for http.ResponseController.
func (a *brotliWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }
