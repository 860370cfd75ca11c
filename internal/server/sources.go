package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/aggregate"
)

// putSourcePriority replaces the order of sources.
func (s *server) putSourcePriority(w http.ResponseWriter, r *request) error {
	var sent aggregate.SourceOrder
	if err := readJSON(w, r.Request, &sent); err != nil {
		return err
	}
	priority, err := s.SourcePriority.SetSourcePriority(r.Context(), r.Subject, sent)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, priority)
}
