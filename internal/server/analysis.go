package server

import (
	"net/http"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/query"
)

// listSeries answers with the series of several metrics over one range.
func (s *server) listSeries(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	p.require("metrics")
	request := query.SeriesListRequest{
		Metrics: p.list("metrics"), Units: p.pairs("units", "metric:unit"),
		Of: query.SeriesRequest{
			Start: p.time("start"), End: p.time("end"), Bucket: p.text("bucket"), WeekStart: p.text("week_start"), TZ: p.text("tz"), Aggregation: p.text("agg"),
			Gaps: p.oneOf("gaps", "null") != "", Limit: p.limit(),
		},
	}
	p.pairsAreOf("units", request.Units, "metrics", request.Metrics)
	if p.err != nil {
		return p.err
	}
	list, err := s.Query.SeriesList(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, list)
}

// getComparison compares one period with another, or with the one just before it.
func (s *server) getComparison(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	p.require("metrics", "start", "end")
	request := query.CompareRequest{Metrics: p.list("metrics")}
	request.Start, _ = p.date("start")
	request.End, _ = p.date("end")
	if p.flag("previous") {
		if p.text("with_start") != "" || p.text("with_end") != "" {
			p.refuse("previous", "asks for the period before, with_start and with_end for another. Give one or the other")
		}
		request.WithEnd = request.Start - 1
		request.WithStart = request.WithEnd - (request.End - request.Start)
	} else {
		p.require("with_start", "with_end")
		request.WithStart, _ = p.date("with_start")
		request.WithEnd, _ = p.date("with_end")
	}
	if p.err != nil {
		return p.err
	}
	comparison, err := s.Query.Compare(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, comparison)
}

func (s *server) getCorrelation(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	p.require("x", "y", "start", "end")
	request := query.CorrelateRequest{X: p.text("x"), Y: p.text("y"), Bucket: p.oneOf("bucket", "1d", "1w")}
	request.Start, _ = p.date("start")
	request.End, _ = p.date("end")
	request.FirstLag, request.LastLag = p.integers("lag")
	if p.err != nil {
		return p.err
	}
	correlation, err := s.Query.Correlate(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, correlation)
}

// getTrends returns the trends of the days up to a date, by default yesterday: today is not over, and its totals would
// look low.
func (s *server) getTrends(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.TrendsRequest{Metrics: p.list("metrics")}
	date, given := p.date("date")
	if !given {
		date = health.DateOf(s.Now().In(p.zone)) - 1
	}
	request.Date = date
	if p.err != nil {
		return p.err
	}
	trends, err := s.Query.Trends(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, trends)
}

func (s *server) getRecords(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	request := query.RecordsRequest{Efforts: p.flag("efforts")}
	if date, given := p.date("start"); given {
		request.Start = &date
	}
	if date, given := p.date("end"); given {
		request.End = &date
	}
	if p.err != nil {
		return p.err
	}
	records, err := s.Query.Records(r.Context(), actorOf(r).User, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, records)
}
