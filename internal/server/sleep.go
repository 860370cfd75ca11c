package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// putSleepSettings replaces how the user's sleep is joined.
func (s *server) putSleepSettings(w http.ResponseWriter, r *request) error {
	var sent struct {
		GapMinutes *int `json:"gap_minutes"`
	}
	if err := readJSON(w, r.Request, &sent); err != nil {
		return err
	}
	if sent.GapMinutes == nil {
		return problem.New(problem.Invalid, "invalid_gap",
			`Send the longest time awake within a night, in minutes: {"gap_minutes":180}.`).In("gap_minutes")
	}
	settings, err := s.SleepSettings.SetSleepSettings(r.Context(), r.Subject, query.SleepSettings{GapMinutes: *sent.GapMinutes})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settings)
}
