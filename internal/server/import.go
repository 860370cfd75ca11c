package server

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"strings"

	"github.com/health-export/health-export/internal/ingest"
	"github.com/health-export/health-export/internal/problem"
)

// importFile receives a file such as Apple's export.zip and responds as soon as it is safe on disk: processing may take
// minutes.
func (s *server) importFile(w http.ResponseWriter, r *request) error {
	if s.MaxImport > 0 && r.ContentLength > s.MaxImport {
		return problem.New(problem.TooLarge, "file_too_large", fmt.Sprintf(
			"The file is larger than %d MiB, the limit for imports. Import it with health-export import on the server, or raise import.max_size.",
			s.MaxImport>>20))
	}
	file, name, err := uploadedFile(r.Request)
	if err != nil {
		return err
	}
	headers := archivedHeaders(r.Header)
	if name != "" {
		maps.Copy(headers, ingest.FileHeaders(name))
	}
	ingestion, err := s.Ingestion.Import(r.Context(), ingest.Request{
		User:            r.Actor.User,
		KeyID:           r.Actor.KeyID,
		Body:            file,
		ContentEncoding: strings.Join(r.Header.Values("Content-Encoding"), ", "),
		Headers:         headers,
	}, r.values.Flag("keep"))
	if err != nil {
		return encodingError(err)
	}
	return writeIngestion(w, r, &ingestion)
}

// uploadedFile returns the body, or the first file of a multipart form with its name.
func uploadedFile(r *http.Request) (file io.Reader, name string, err error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return r.Body, "", nil
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, "", formError(err)
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, "", problem.New(problem.Invalid, "no_file", "The form holds no file. Send one, for example with curl -F file=@export.zip.")
		case err != nil:
			return nil, "", formError(err)
		case part.FileName() != "":
			return part, part.FileName(), nil
		}
	}
}

func formError(err error) error {
	return problem.New(problem.Invalid, "broken_form",
		"The form cannot be read. Send the file itself as the body, or a form as curl -F file=@export.zip does.").Because(err)
}
