package server

import (
	"net/http"
	"strings"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/problem"
)

// authenticate finds out who holds the key that the request presents, and notes it for the log.
func (s *server) authenticate(r *http.Request) (access.Actor, error) {
	key, fromBasicAuth := keyFromRequest(r)
	actor, err := s.Authenticator.Authenticate(r.Context(), key)
	if err != nil {
		return access.Actor{}, err
	}
	l := requestLogOf(r.Context())
	l.user, l.keyID = actor.User.ID, actor.KeyID
	if fromBasicAuth {
		return actor, checkSameOrigin(r)
	}
	return actor, nil
}

// keyHeaders are the headers that hold nothing but a key, as net/http spells them. Clients may use any case.
var keyHeaders = []string{"X-Api-Key", "Api-Key"}

// keyFromRequest returns the key that came with a request, in any of the four ways, or "". It is never looked for in the
// URL, which ends up in logs. remembered is true for Basic authentication: a browser repeats it by itself.
func keyFromRequest(r *http.Request) (key string, fromBasicAuth bool) {
	scheme, credentials, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if strings.EqualFold(scheme, "Bearer") {
		if key := strings.TrimSpace(credentials); key != "" {
			return key, false
		}
	}
	for _, name := range keyHeaders {
		if key := strings.TrimSpace(r.Header.Get(name)); key != "" {
			return key, false
		}
	}
	if _, password, ok := r.BasicAuth(); ok {
		return strings.TrimSpace(password), true
	}
	return "", false
}

// checkSameOrigin refuses a request that a page of somebody else made a browser send with the password it remembers.
func checkSameOrigin(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return problem.New(problem.Forbidden, "cross_origin",
			"A page of another origin sent this request. Send the key in the header X-API-Key instead.").Because(err)
	}
	return nil
}
