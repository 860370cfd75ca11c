package server

import (
	"bytes"
	"net/http"

	"github.com/health-export/health-export/internal/export"
	"github.com/health-export/health-export/internal/query"
)

func (s *server) listWorkouts(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.WorkoutsRequest{
		Start: p.time("start"), End: p.time("end"), Name: p.text("name"), Box: p.box(), Near: p.circle(),
		Cursor: p.text("cursor"), Limit: p.limit(),
	}
	if p.err != nil {
		return p.err
	}
	page, err := s.Query.Workouts(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

func (s *server) getWorkout(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	p := parametersOf(r)
	request := query.WorkoutRequest{ID: id, MaxHeartRate: p.number("max_heart_rate"), Splits: p.oneOf("splits", "km", "mi")}
	if p.err != nil {
		return p.err
	}
	workout, err := s.Query.Workout(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, workout)
}

// getRoute answers with the route of a workout as GeoJSON or GPX. It is encoded before it is sent, so that a failure is
// told.
func (s *server) getRoute(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	format := p.representation(w, r, representations{{"geojson", "application/geo+json"}, {"gpx", "application/gpx+xml"}})
	if p.err != nil {
		return p.err
	}
	id, err := pathID(r)
	if err != nil {
		return err
	}
	workout, err := s.Query.Route(r.Context(), actorOf(r).User, id)
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
