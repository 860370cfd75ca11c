package server

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/query"
)

// export returns all data of the user, or a part of it, in one of the formats of package export.
func (s *server) export(w http.ResponseWriter, r *request) error {
	request := query.ExtractRequest{Start: r.values.Time("start"), End: r.values.Time("end")}
	if names := r.values.Text("metrics"); names != "" {
		request.Metrics = strings.Split(names, ",")
	}
	format := cmp.Or(export.Format(r.values.Text("format")), export.FormatCSV)
	types, err := export.ParseTypes(format, r.values.Text("types"))
	if err != nil {
		return err
	}
	return s.streamExport(w, r, format, types, request)
}

// streamExport writes an export while it is read. An error before the first bytes is an error response; a later one
// aborts the connection, so that the part is not taken for the whole.
func (s *server) streamExport(
	w http.ResponseWriter, r *request, format export.Format, types []export.Type, request query.ExtractRequest,
) error {
	extract, err := s.Query.Extract(r.Context(), r.Subject, request)
	if err != nil {
		return err
	}
	exportRequest := export.Request{
		Format: format, Types: types, User: r.Subject, Catalog: s.Catalog, Now: s.Now(), Version: s.Version,
	}
	if isUnfiltered(r.Request) {
		exportRequest.Archive = s.Ingestion
	}
	out := &exportWriter{w: w, mediaType: format.MediaType(), name: "health-export-" + exportRequest.Now.UTC().Format("20060102") + format.Extension()}
	if r.Method == http.MethodHead {
		out.sendHeader()
		return nil
	}
	s.Audit.Add(r.Context(), account.ActionExport, r.Subject.ID, "", map[string]any{"format": format})
	if err := export.Write(r.Context(), out, extract, exportRequest); err != nil {
		if out.headerSent {
			return truncatedResponse{err}
		}
		return err
	}
	out.sendHeader() // also for an export without any bytes
	return nil
}

// isUnfiltered reports whether no parameter restricts an export.
func isUnfiltered(r *http.Request) bool {
	for name := range r.URL.Query() {
		if name != "format" && name != "user" {
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
