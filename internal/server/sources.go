package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/aggregate"
)

// getSourcePriority returns which sources the user prefers to others.
func (s *server) getSourcePriority(w http.ResponseWriter, r *http.Request) error {
	priority, err := s.SourcePriority.SourcePriority(r.Context(), actorOf(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, priority)
}

// putSourcePriority replaces the order of sources.
func (s *server) putSourcePriority(w http.ResponseWriter, r *http.Request) error {
	var sent aggregate.SourceOrder
	if err := readJSON(w, r, &sent); err != nil {
		return err
	}
	priority, err := s.SourcePriority.SetSourcePriority(r.Context(), actorOf(r).User, sent)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, priority)
}
