package server

import (
	"errors"
	"net/http"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

// getSummary returns the summary of one day, or of each day of a range.
func (s *server) getSummary(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	date, single := p.date("date")
	if single && (p.text("start") != "" || p.text("end") != "") {
		return badParameter("date", "asks for one day, start and end for several. Give one or the other")
	}
	first, last := p.days(s.Now())
	if p.err != nil {
		return p.err
	}
	if !single && p.text("start") == "" && p.text("end") == "" {
		date, single = first, true
	}
	if single {
		return s.getDay(w, r, date)
	}
	days, err := s.Query.Days(r.Context(), actorOf(r).User, first, last)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Days []query.DaySummary `json:"days"`
	}{days})
}

func (s *server) getDay(w http.ResponseWriter, r *http.Request, date health.Date) error {
	day, err := s.Query.Day(r.Context(), actorOf(r).User, date)
	if known, ok := errors.AsType[*problem.Error](err); ok && known.Field == "start" {
		return known.In("date")
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, day)
}
