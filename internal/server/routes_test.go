package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/operation"
)

// fill puts values into the wildcards of a pattern.
func fill(path, id string) string {
	return strings.NewReplacer("{id}", id, "{name}", "step_count", "{start}", "2026-03-10T12:00:00+01:00").Replace(path)
}

func TestRoutesNeedAKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, row := range testRoutes(t) {
		answer := a.do(row.Method, fill(row.Path, unknownID.String()), "", "")
		if row.Scope == operation.Open {
			answer.wants(http.StatusOK)
			continue
		}
		answer.refused(http.StatusUnauthorized, "missing_key")
	}
}

func TestRoutesNeedTheirScope(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	keys := map[account.Scope]string{}
	for _, scope := range []account.Scope{account.ScopeIngest, account.ScopeRead, account.ScopeAdmin} {
		_, keys[scope] = a.keyFor(ada.user, scope)
	}
	for _, row := range testRoutes(t) {
		for scope, key := range keys {
			answer := a.do(row.Method, fill(row.Path, unknownID.String()), key, "")
			allowed := row.Scope == operation.Open || row.Scope == operation.AnyKey || row.Scope == scope || scope == account.ScopeAdmin
			if !allowed {
				answer.refused(http.StatusForbidden, "missing_scope")
			} else if answer.status == http.StatusForbidden || answer.status == http.StatusUnauthorized {
				t.Errorf("%s %s refuses a key with the scope %s: %s", row.Method, row.Path, scope, answer.body)
			}
		}
	}
}

func TestUnknownParametersAreRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, key := a.keyFor(a.ada().user, account.ScopeAdmin)
	for _, row := range testRoutes(t) {
		p := a.do(row.Method, fill(row.Path, unknownID.String())+"?form=2026-03-10", key, "").
			refused(http.StatusBadRequest, "unknown_parameter")
		if p.Field != "form" || !slices.Equal(p.Allowed, row.QueryNames()) {
			t.Errorf("%s %s: the problem is %+v", row.Method, row.Path, p)
		}
	}
	a.get("/v1/sleep?start=2026-03-10&start=2026-03-11", key).refused(http.StatusBadRequest, "invalid_parameter")
	a.get("/v1/sleep?start=", key).refused(http.StatusBadRequest, "invalid_parameter")
	a.get("/v1/sleep?start=%zz", key).refused(http.StatusBadRequest, "invalid_query")
	for _, noText := range []string{"%ff", "a%00"} {
		a.get("/v1/events?kind="+noText, key).refused(http.StatusBadRequest, "invalid_parameter")
	}
}

func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, key := a.keyFor(a.ada().user, account.ScopeAdmin)
	for _, row := range testRoutes(t) {
		if strings.Contains(row.Path, "{id}") {
			a.do(row.Method, fill(row.Path, "%00..%2F"), key, "").wants(http.StatusNotFound)
		}
	}
}

func TestPathsAndMethodsThatAreNone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/", "/v1", "/v1/ingest/", "/v1/unknown", "/metrics", "/v2/ingest"} {
		a.get(path, "").refused(http.StatusNotFound, "no_such_path")
	}
	// A redirect to the tidy path would lose the body of an upload.
	for _, path := range []string{"//v1/ingest", "/v1//ingest", "/v1/./ingest", "/v1/x/../ingest", "//", "/v1/ingest//"} {
		a.do(http.MethodPost, path, "", "{}").refused(http.StatusNotFound, "no_such_path")
	}
	for _, test := range []struct{ method, path, allow string }{
		{"GET", "/v1/ingest", "POST"},
		{"HEAD", "/v1/ingest", "POST"},
		{"DELETE", "/v1/keys", "GET, HEAD, POST"},
		{"PUT", "/v1/workouts/" + unknownID.String(), "GET, HEAD"},
		{"OPTIONS", "/v1/me", "GET, HEAD"},
		{"BREW", "/health", "GET, HEAD"},
	} {
		answer := a.do(test.method, test.path, "", "").wants(http.StatusMethodNotAllowed)
		if test.method != "HEAD" {
			answer.refused(http.StatusMethodNotAllowed, "method_not_allowed")
		}
		if allow := answer.header.Get("Allow"); allow != test.allow {
			t.Errorf("%s %s: Allow is %q, not %q", test.method, test.path, allow, test.allow)
		}
	}
}

func TestHeadAnswersAsGetWithoutABody(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ada := a.ada()
	id := a.send(ada.key, bodyOfAda).IngestionID.String()
	for _, path := range []string{"/health", "/openapi.json", "/v1/me", "/v1/metrics", "/v1/ingestions/" + id, "/v1/ingestions/" + id + "/raw"} {
		get := a.get(path, ada.key).wants(http.StatusOK)
		head := a.do(http.MethodHead, path, ada.key, "").wants(http.StatusOK)
		if len(head.body) != 0 {
			t.Errorf("HEAD %s has a body", path)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "X-Content-Sha256"} {
			if head.header.Get(name) != get.header.Get(name) {
				t.Errorf("HEAD %s: %s is %q, but %q for GET", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
	}
}
