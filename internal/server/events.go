package server

import (
	"net/http"
	"time"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/query"
)

func (s *server) listEvents(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.EventsRequest{
		Start: p.time("start"), End: p.time("end"), Kind: p.text("kind"), Name: p.text("name"), Cursor: p.text("cursor"), Limit: p.limit(),
	}
	if p.err != nil {
		return p.err
	}
	page, err := s.Query.Events(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

func (s *server) listECGs(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.ECGRequest{
		Start: p.time("start"), End: p.time("end"), Voltages: p.oneOf("voltages", "true", "false") == "true",
	}
	format := p.representation(w, r, representations{{"json", "application/json"}, {"csv", "text/csv"}})
	if p.err != nil {
		return p.err
	}
	if format.name == "csv" {
		return s.streamExport(w, r, export.FormatCSV, []export.Type{export.TypeECG}, query.ExtractRequest{
			Start: request.Start, End: request.End,
		})
	}
	found, err := s.Query.ECGs(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ECG []query.ECG `json:"ecg"`
	}{found})
}

// getECG returns an electrocardiogram by its start, exact to the microsecond.
func (s *server) getECG(w http.ResponseWriter, r *http.Request) error {
	start, err := time.Parse(time.RFC3339, r.PathValue("start"))
	if err != nil {
		return problem.New(problem.NotFound, "not_found",
			"The path must end with the start of an electrocardiogram, a time such as 2026-03-10T06:30:00Z.").Because(err)
	}
	found, err := s.Query.ECG(r.Context(), actorOf(r).User, start)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, found)
}
