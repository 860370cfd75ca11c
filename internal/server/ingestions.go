package server

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzhttp"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/operation"
	"github.com/health-export/health-export/internal/store"
)

// ingestion is a received body and its outcome in the API. The lists of errors and warnings are only in the response
// about a single one.
type ingestion struct {
	report
	ReceivedAt time.Time         `json:"received_at"`
	FinishedAt time.Time         `json:"finished_at,omitzero"`
	Format     string            `json:"format,omitempty"`
	KeyID      string            `json:"key_id,omitempty"`
	Attempts   int               `json:"attempts"`
	Size       int64             `json:"size"`
	WireSize   int64             `json:"wire_size"`
	StoredSize int64             `json:"stored_size"`
	SHA256     string            `json:"sha256"`
	Headers    map[string]string `json:"headers"`
	Failure    *ingestionFailure `json:"failure,omitempty"`
	// Progress is set while this process works on an import.
	Progress *ingest.Progress `json:"progress,omitempty"`
}

type ingestionFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func ingestionOf(i *health.Ingestion, r report) ingestion {
	out := ingestion{
		report: r, ReceivedAt: i.ReceivedAt, FinishedAt: i.FinishedAt, Format: i.Format, KeyID: i.KeyID, Attempts: i.Attempts,
		Size: i.Size, WireSize: i.WireSize, StoredSize: i.StoredSize, SHA256: hex.EncodeToString(i.SHA256[:]),
		Headers: i.Headers,
	}
	if i.FailureCode != "" {
		out.Failure = &ingestionFailure{i.FailureCode, i.Failure}
	}
	return out
}

const (
	ingestionsPerPage    = 50
	maxIngestionsPerPage = 1000
)

func (s *server) listIngestions(w http.ResponseWriter, r *request) error {
	limit := cmp.Or(r.values.Limit(), ingestionsPerPage)
	if limit > maxIngestionsPerPage {
		return operation.BadParameter("limit", fmt.Sprintf("is more than %d", maxIngestionsPerPage))
	}
	before, err := parseIngestionCursor(r.values.Text("cursor"))
	if err != nil {
		return err
	}
	found, err := s.Archive.Ingestions(r.Context(), r.Subject.ID, store.IngestionQuery{
		Status: health.Status(r.values.Text("status")), Before: before, Limit: limit + 1,
	})
	if err != nil {
		return err
	}
	var page struct {
		Ingestions []ingestion `json:"ingestions"`
		NextCursor *string     `json:"next_cursor"`
	}
	if len(found) > limit {
		found = found[:limit]
		cursor := base64.RawURLEncoding.EncodeToString(found[limit-1].ID[:])
		page.NextCursor = &cursor
	}
	for i := range found {
		page.Ingestions = append(page.Ingestions, ingestionOf(&found[i], summaryOf(&found[i])))
	}
	return writeJSON(w, http.StatusOK, page)
}

// parseIngestionCursor reads where the page before ended: the id of its last ingestion.
func parseIngestionCursor(text string) (uuid.UUID, error) {
	if text == "" {
		return uuid.Nil, nil
	}
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		bytes = nil
	}
	id, err := uuid.FromBytes(bytes)
	if err != nil {
		return uuid.Nil, badCursor()
	}
	return id, nil
}

func (s *server) getIngestion(w http.ResponseWriter, r *request) error {
	found, err := s.Archive.Ingestion(r.Context(), r.Subject.ID, r.values.ID("id"))
	if err != nil {
		return err
	}
	out := ingestionOf(&found, reportOf(&found))
	if progress, ok := s.Ingestion.Progress(found.ID); ok && found.Status == health.StatusAccepted {
		out.Progress = &progress
	}
	return writeJSON(w, http.StatusOK, out)
}

// getIngestionRaw streams a body as it was received, its Content-Encoding undone.
func (s *server) getIngestionRaw(w http.ResponseWriter, r *request) error {
	found, err := s.Archive.Ingestion(r.Context(), r.Subject.ID, r.values.ID("id"))
	if err != nil {
		return err
	}
	body, err := s.Ingestion.Raw(r.Context(), found.UserID, found.ID)
	if err != nil {
		return err
	}
	defer body.Close()
	s.Audit.Add(r.Context(), account.ActionExport, found.UserID, found.ID.String(), map[string]any{"bytes": found.Size})
	contentType, extension := mediaType(found.Headers["content-type"])
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.FormatInt(found.Size, 10))
	header.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", found.ID.String()+extension))
	header.Set("X-Content-SHA256", hex.EncodeToString(found.SHA256[:]))
	header.Set(gzhttp.HeaderNoCompression, "1")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, body); err != nil {
		return truncatedResponse{err}
	}
	return nil
}

// mediaType returns the content type that a body was sent with, if it is valid, and a matching file extension.
func mediaType(sent string) (contentType, extension string) {
	media, _, err := mime.ParseMediaType(sent)
	if err != nil {
		return "application/octet-stream", ""
	}
	switch media {
	case "application/json":
		return sent, ".json"
	case "text/csv":
		return sent, ".csv"
	case "application/zip":
		return sent, ".zip"
	}
	return sent, ""
}
