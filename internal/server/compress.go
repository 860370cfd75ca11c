package server

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzhttp"
)

// compress encodes answers with zstd, gzip or brotli for clients that take it, except what is compressed already.
// Brotli, the slowest of them, is for clients that prefer it to both others, or know nothing else.
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
			q, _ = strconv.ParseFloat(text, 64) // 0 for what is no number: it is not asked for
		}
		quality[strings.ToLower(strings.TrimSpace(coding))] = q
	}
	br := quality["br"]
	return br > 0 && br > quality["gzip"] && br > quality["zstd"]
}

// brotliWriter decides with the first bytes of an answer whether to encode it.
type brotliWriter struct {
	http.ResponseWriter
	status  int
	started bool
	encoder *brotli.Writer // nil: what is written goes out as it is
}

// brotliLevel is the least that compresses better than gzip does by default, at about its speed.
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

// close ends the answer. It is not called for one that broke off.
func (a *brotliWriter) close() {
	a.start()
	if a.encoder != nil {
		_ = a.encoder.Close() // it only concerns a client that left
	}
}

// Unwrap lets http.ResponseController reach what is below.
func (a *brotliWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }
