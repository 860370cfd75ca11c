package server

import "net/http"

func (s *server) getSleep(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	first, last := p.days(s.Now())
	if p.err != nil {
		return p.err
	}
	sleep, err := s.Query.Sleep(r.Context(), actorOf(r).User, first, last)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, sleep)
}
