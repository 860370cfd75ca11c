package server

import "net/http"

// eraseData erases everything that is stored for a user, but not the account.
func (s *server) eraseData(w http.ResponseWriter, r *request) error {
	if err := s.Authenticator.EraseData(r.Context(), r.Subject.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
