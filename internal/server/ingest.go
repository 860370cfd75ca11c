package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/problem"
)

// ingest receives one body, whatever its content type.
func (s *server) ingest(w http.ResponseWriter, r *request) error {
	if s.MaxBody > 0 && r.ContentLength > s.MaxBody {
		return problem.New(problem.TooLarge, "body_too_large", fmt.Sprintf(
			"The body is larger than %d MiB, the limit for one body. Send a shorter period, turn on batch requests in the app, or raise the server's limit.",
			s.MaxBody>>20))
	}
	async := prefersAsync(r.Header)
	ingestion, err := s.Ingestion.Receive(r.Context(), ingest.Request{
		User:            r.Actor.User,
		KeyID:           r.Actor.KeyID,
		Body:            r.Body,
		ContentEncoding: strings.Join(r.Header.Values("Content-Encoding"), ", "),
		Headers:         archivedHeaders(r.Header),
		Async:           async,
	})
	if err != nil {
		return encodingError(err)
	}
	if async {
		w.Header().Set("Preference-Applied", "respond-async")
	}
	return writeIngestion(w, r, &ingestion)
}

// replayIngestion processes an archived body again.
func (s *server) replayIngestion(w http.ResponseWriter, r *request) error {
	ingestion, err := s.Ingestion.Replay(r.Context(), r.Subject, r.values.ID("id"))
	if err != nil {
		return err
	}
	return writeIngestion(w, r, &ingestion)
}

// writeIngestion responds with the outcome of an ingestion.
func writeIngestion(w http.ResponseWriter, r *request, i *health.Ingestion) error {
	l := requestLogOf(r.Context())
	l.ingestion, l.outcome = i.ID, i.Status
	switch i.Status {
	case health.StatusAccepted:
		w.Header().Set("Location", ingestionPath(i.ID))
		return writeReport(w, http.StatusAccepted, i)
	case health.StatusRejected:
		return writeReport(w, http.StatusUnprocessableEntity, i)
	case health.StatusUnrecognised:
		return &httpError{err: problem.New(problem.Unrecognised, i.FailureCode, i.Failure), ingestionID: i.ID}
	case health.StatusFailed:
		return &httpError{err: problem.New(problem.Invalid, i.FailureCode, i.Failure), ingestionID: i.ID}
	default:
		return writeReport(w, http.StatusOK, i)
	}
}

func ingestionPath(id uuid.UUID) string { return "/v1/ingestions/" + id.String() }

// encodingError gives an unsupported Content-Encoding its HTTP status and header.
func encodingError(err error) error {
	l, ok := errors.AsType[*problem.Error](err)
	if !ok || l.Code != "unsupported_encoding" {
		return err
	}
	return &httpError{
		err:    l,
		status: http.StatusUnsupportedMediaType,
		header: http.Header{"Accept-Encoding": {"gzip, zstd, br"}},
	}
}

// archivedHeaders returns the headers to archive, with lower-case names and without those that may hold a key.
func archivedHeaders(header http.Header) map[string]string {
	headers := make(map[string]string, len(header))
	for name, values := range header {
		if name != "Authorization" && name != "Cookie" && !slices.Contains(keyHeaders, name) {
			headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return headers
}

// prefersAsync reports whether the client asked not to wait for the processing (RFC 7240).
func prefersAsync(header http.Header) bool {
	for preference := range strings.SplitSeq(strings.Join(header.Values("Prefer"), ","), ",") {
		token, _, _ := strings.Cut(preference, ";")
		if strings.EqualFold(strings.TrimSpace(token), "respond-async") {
			return true
		}
	}
	return false
}
