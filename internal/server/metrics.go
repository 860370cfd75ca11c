package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/query"
)

func (s *server) listMetrics(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Query.Metrics(r.Context(), actorOf(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Metrics []query.Metric `json:"metrics"`
	}{found})
}

func (s *server) latestMetrics(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Query.Latest(r.Context(), actorOf(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Latest []query.LatestValue `json:"latest"`
	}{found})
}

func (s *server) getSamples(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.SamplesRequest{
		Metric: r.PathValue("name"), Start: p.time("start"), End: p.time("end"), Source: p.text("source"),
		Grain: p.grain(), Unit: p.text("unit"), Cursor: p.text("cursor"), Limit: p.limit(),
	}
	if p.err != nil {
		return p.err
	}
	page, err := s.Query.Samples(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, page)
}

func (s *server) getSeries(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.SeriesRequest{
		Metric: r.PathValue("name"), Start: p.time("start"), End: p.time("end"), Bucket: p.text("bucket"), TZ: p.text("tz"),
		WeekStart: p.text("week_start"), Aggregation: p.text("agg"), Unit: p.text("unit"), Gaps: p.oneOf("gaps", "null") != "", Cursor: p.text("cursor"),
		Limit: p.limit(),
	}
	if p.err != nil {
		return p.err
	}
	series, err := s.Query.Series(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, &series)
}
