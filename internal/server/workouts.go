package server

import (
	"bytes"
	"net/http"

	"github.com/health-export/health-export/internal/export"
)

// getRoute answers with the route of a workout as GeoJSON or GPX. It is encoded before it is sent, so that a failure is
// told.
func (s *server) getRoute(w http.ResponseWriter, r *request) error {
	format := chooseRepresentation(w, r, representations{{"geojson", "application/geo+json"}, {"gpx", "application/gpx+xml"}})
	id := r.values.ID("id")
	workout, err := s.Query.Route(r.Context(), r.Subject, id)
	if err != nil {
		return err
	}
	write := export.GeoJSON
	if format.name == "gpx" {
		write = export.GPX
		setAttachment(w, "route-"+id.String()+".gpx")
	}
	var body bytes.Buffer
	if err := write(&body, &workout); err != nil {
		return err
	}
	writeBytes(w, format.mediaType, http.StatusOK, body.Bytes())
	return nil
}
