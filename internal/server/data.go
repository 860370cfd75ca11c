package server

import "net/http"

// eraseData erases everything that is stored for a user, but not the account.
func (s *server) eraseData(w http.ResponseWriter, r *http.Request) error {
	user, err := s.subject(r)
	if err != nil {
		return err
	}
	if err := s.Authenticator.EraseData(r.Context(), user); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
