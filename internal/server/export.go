package server

import (
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/query"
)

// export answers with everything the user has, or a part of it, in one of the languages of package export.
func (s *server) export(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.ExtractRequest{Start: p.time("start"), End: p.time("end")}
	if names := p.text("metrics"); names != "" {
		request.Metrics = strings.Split(names, ",")
	}
	format := export.Format(p.oneOf("format", export.Formats()...))
	if format == "" {
		format = export.FormatCSV
	}
	if p.err != nil {
		return p.err
	}
	types, err := export.ParseTypes(format, p.text("types"))
	if err != nil {
		return err
	}
	return s.streamExport(w, r, format, types, request)
}

// streamExport writes an export as it is read. What goes wrong before the first bytes are sent is told; after that the
// connection is broken, so that a part is not taken for the whole.
func (s *server) streamExport(
	w http.ResponseWriter, r *http.Request, format export.Format, types []export.Type, request query.ExtractRequest,
) error {
	user := actorOf(r).User
	extract, err := s.Query.Extract(r.Context(), user, request)
	if err != nil {
		return err
	}
	exportRequest := export.Request{
		Format: format, Types: types, User: user, Catalog: s.Catalog, Now: s.Now(), Version: s.Version,
	}
	if isUnfiltered(r) {
		exportRequest.Archive = s.Ingestion
	}
	out := &exportWriter{w: w, mediaType: format.MediaType(), name: "health-export-" + exportRequest.Now.UTC().Format("20060102") + format.Extension()}
	if r.Method == http.MethodHead {
		out.sendHeader()
		return nil
	}
	s.Audit.Add(r.Context(), account.ActionExport, user.ID, "", map[string]any{"format": format})
	if err := export.Write(r.Context(), out, extract, exportRequest); err != nil {
		if out.headerSent {
			return truncatedResponse{err}
		}
		return err
	}
	out.sendHeader() // also where there was nothing to write
	return nil
}

// isUnfiltered reports whether nothing narrows an export.
func isUnfiltered(r *http.Request) bool {
	for name := range r.URL.Query() {
		if name != "format" {
			return false
		}
	}
	return true
}

// exportWriter sends the headers of an export with its first bytes.
type exportWriter struct {
	w               http.ResponseWriter
	mediaType, name string
	headerSent      bool
}

func (a *exportWriter) sendHeader() {
	if a.headerSent {
		return
	}
	a.headerSent = true
	a.w.Header().Set("Content-Type", a.mediaType)
	setAttachment(a.w, a.name)
	if !gzhttp.DefaultContentTypeFilter(a.mediaType) || a.mediaType == export.FormatParquet.MediaType() {
		a.w.Header().Set(gzhttp.HeaderNoCompression, "1") // it is compressed already
	}
	a.w.WriteHeader(http.StatusOK)
}

func (a *exportWriter) Write(p []byte) (int, error) {
	a.sendHeader()
	return a.w.Write(p)
}
