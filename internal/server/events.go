package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/query"
)

// listECGs answers with electrocardiograms as JSON or CSV.
func (s *server) listECGs(w http.ResponseWriter, r *request) error {
	request := query.ECGRequest{
		Start: r.values.Time("start"), End: r.values.Time("end"), Voltages: r.values.Flag("voltages"),
	}
	format := chooseRepresentation(w, r, representations{{"json", "application/json"}, {"csv", "text/csv"}})
	if format.name == "csv" {
		return s.streamExport(w, r, export.FormatCSV, []export.Type{export.TypeECG}, query.ExtractRequest{
			Start: request.Start, End: request.End,
		})
	}
	found, err := s.Query.ECGs(r.Context(), r.Subject, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ECG []query.ECG `json:"ecg"`
	}{found})
}
