package server

import (
	"net/http"
	"strings"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/problem"
)

// authenticate verifies the key of a request, and records the user and the key in the request log.
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

// keyHeaders are the headers that hold nothing but a key, in the canonical form of net/http. Clients may use any case.
var keyHeaders = []string{"X-Api-Key", "Api-Key"}

// keyFromRequest returns the key of a request, in any of the four ways to send one, or "". URLs are not searched for one,
// because they are logged. fromBasicAuth is true for Basic authentication, which a browser repeats by itself.
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

// checkSameOrigin refuses a request that a page of another origin made the browser send with the password it has stored.
func checkSameOrigin(r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return problem.New(problem.Forbidden, "cross_origin",
			"A page of another origin sent this request. Send the key in the header X-API-Key instead.").Because(err)
	}
	return nil
}
