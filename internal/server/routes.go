package server

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/problem"
)

// Who may use a route, besides those who hold one certain scope.
const (
	noKey  account.Scope = ""    // everybody, without a key
	anyKey account.Scope = "any" // every valid key, whatever its scopes
	// ingestRead is both scopes in one key, that is whoever may do everything with their own data.
	ingestRead account.Scope = account.ScopeIngest + " " + account.ScopeRead
)

// scopesOf returns the scopes that a key needs, all of them.
func scopesOf(needed account.Scope) (scopes []account.Scope) {
	if needed == noKey || needed == anyKey {
		return nil
	}
	for _, word := range strings.Fields(string(needed)) {
		scopes = append(scopes, account.Scope(word))
	}
	return scopes
}

// routeUnmatched stands for the pattern of a request that none matched.
const routeUnmatched = "unmatched"

// handler answers one request. What it returns is written by fail, and by nobody else.
type handler func(http.ResponseWriter, *http.Request) error

// route is one row of the table of everything the server answers to.
type route struct {
	method string
	path   string // a pattern of http.ServeMux
	scope  account.Scope
	// params are the query parameters that the route knows; any other is refused.
	params    []string
	handle    handler
	operation string // the operation's id in the OpenAPI document
}

// routes is the only list of what the server answers to. The OpenAPI document has the same set, with the same scopes
// and parameters, or a test fails.
func (s *server) routes() []route {
	return []route{
		{"POST", "/v1/ingest", account.ScopeIngest, nil, s.ingest, "ingest"},
		{"POST", "/v1/import", account.ScopeIngest, []string{"keep"}, s.importFile, "importFile"},
		{"GET", "/v1/ingestions", account.ScopeRead, []string{"status", "limit", "cursor"}, s.listIngestions, "listIngestions"},
		{"GET", "/v1/ingestions/{id}", anyKey, nil, s.getIngestion, "getIngestion"},
		{"GET", "/v1/ingestions/{id}/raw", account.ScopeRead, nil, s.getIngestionRaw, "getIngestionRaw"},
		{"POST", "/v1/ingestions/{id}/replay", account.ScopeIngest, nil, s.replayIngestion, "replayIngestion"},

		{"GET", "/v1/metrics", account.ScopeRead, nil, s.listMetrics, "listMetrics"},
		{"GET", "/v1/metrics/latest", account.ScopeRead, nil, s.latestMetrics, "latestMetrics"},
		{"GET", "/v1/metrics/{name}/samples", account.ScopeRead, []string{"start", "end", "source", "grain", "unit", "limit", "cursor"}, s.getSamples, "getSamples"},
		{"GET", "/v1/metrics/{name}/series", account.ScopeRead, []string{"start", "end", "bucket", "week_start", "tz", "agg", "unit", "gaps", "limit", "cursor"}, s.getSeries, "getSeries"},
		{"GET", "/v1/series", account.ScopeRead, []string{"metrics", "start", "end", "bucket", "week_start", "tz", "agg", "units", "gaps", "limit"}, s.listSeries, "listSeries"},
		{"GET", "/v1/summary", account.ScopeRead, []string{"date", "start", "end"}, s.getSummary, "getSummary"},
		{"GET", "/v1/compare", account.ScopeRead, []string{"metrics", "start", "end", "with_start", "with_end", "previous"}, s.getComparison, "getComparison"},
		{"GET", "/v1/correlate", account.ScopeRead, []string{"x", "y", "start", "end", "lag", "bucket"}, s.getCorrelation, "getCorrelation"},
		{"GET", "/v1/trends", account.ScopeRead, []string{"metrics", "date"}, s.getTrends, "getTrends"},
		{"GET", "/v1/records", account.ScopeRead, []string{"start", "end", "efforts"}, s.getRecords, "getRecords"},
		{"GET", "/v1/sources/priority", account.ScopeRead, nil, s.getSourcePriority, "getSourcePriority"},
		{"PUT", "/v1/sources/priority", account.ScopeIngest, nil, s.putSourcePriority, "putSourcePriority"},
		{"GET", "/v1/sleep", account.ScopeRead, []string{"start", "end"}, s.getSleep, "getSleep"},
		{"GET", "/v1/workouts", account.ScopeRead, []string{"start", "end", "name", "bbox", "near", "limit", "cursor"}, s.listWorkouts, "listWorkouts"},
		{"GET", "/v1/workouts/{id}", account.ScopeRead, []string{"max_heart_rate", "splits"}, s.getWorkout, "getWorkout"},
		{"GET", "/v1/workouts/{id}/route", account.ScopeRead, []string{"format"}, s.getRoute, "getRoute"},
		{"GET", "/v1/events", account.ScopeRead, []string{"start", "end", "kind", "name", "limit", "cursor"}, s.listEvents, "listEvents"},
		{"GET", "/v1/ecg", account.ScopeRead, []string{"start", "end", "voltages", "format"}, s.listECGs, "listECGs"},
		{"GET", "/v1/ecg/{start}", account.ScopeRead, nil, s.getECG, "getECG"},
		{"GET", "/v1/export", account.ScopeRead, []string{"format", "types", "metrics", "start", "end"}, s.export, "export"},

		{"GET", "/v1/me", anyKey, nil, s.getMe, "getMe"},
		{"DELETE", "/v1/data", ingestRead, []string{"user"}, s.eraseData, "eraseData"},
		{"GET", "/v1/audit", account.ScopeRead, []string{"user", "action", "start", "end", "key_id", "limit", "cursor"}, s.listAudit, "listAudit"},
		{"GET", "/v1/keys", account.ScopeRead, []string{"user"}, s.listKeys, "listKeys"},
		{"POST", "/v1/keys", anyKey, []string{"user"}, s.createKey, "createKey"},
		{"POST", "/v1/keys/{id}/rotate", anyKey, []string{"grace"}, s.rotateKey, "rotateKey"},
		{"DELETE", "/v1/keys/{id}", anyKey, nil, s.revokeKey, "revokeKey"},
		{"POST", "/v1/connect", anyKey, nil, s.connectPhone, "connectPhone"},
		{"GET", "/v1/users", account.ScopeAdmin, nil, s.listUsers, "listUsers"},
		{"POST", "/v1/users", account.ScopeAdmin, nil, s.createUser, "createUser"},
		{"GET", "/v1/users/{id}", account.ScopeAdmin, nil, s.getUser, "getUser"},
		{"DELETE", "/v1/users/{id}", account.ScopeAdmin, nil, s.deleteUser, "deleteUser"},

		{"GET", "/openapi.yaml", noKey, nil, s.getDocumentYAML, "getDocumentYAML"},
		{"GET", "/openapi.json", noKey, nil, s.getDocumentJSON, "getDocumentJSON"},
		{"GET", "/docs", noKey, nil, s.getDocs, "getDocs"},
		{"GET", "/docs/docs.js", noKey, nil, s.getDocsScript, "getDocsScript"},
		{"GET", "/docs/docs.css", noKey, nil, s.getDocsStyle, "getDocsStyle"},
		{"GET", "/health", noKey, nil, s.getHealth, "getHealth"},
		{"GET", "/ready", noKey, nil, s.getReady, "getReady"},
	}
}

// mux serves the routes. A path that is none of theirs, and a method that a path does not have, are refused as
// problems too, which http.ServeMux alone would answer in plain text.
func (s *server) mux() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, row := range s.routes() {
		mux.Handle(row.method+" "+row.path, s.serve(row))
		methods[row.path] = append(methods[row.path], row.method)
	}
	for pattern, allowed := range methods {
		mux.Handle(pattern, s.serve(route{path: pattern, handle: refuseMethod(allowed)}))
	}
	nothing := s.serve(route{path: routeUnmatched, handle: notFound})
	mux.Handle("/", nothing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// http.ServeMux would send the client to the tidy form of the path, and a phone's upload would be lost on the way.
		if !isCleanPath(r.URL.EscapedPath()) {
			nothing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isCleanPath reports whether a path has neither empty segments nor . and .. in it.
func isCleanPath(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/" && clean != "/"
}

func refuseMethod(allowed []string) handler {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return func(http.ResponseWriter, *http.Request) error {
		return methodNotAllowed(strings.Join(allowed, ", "))
	}
}

func notFound(http.ResponseWriter, *http.Request) error {
	return problem.New(problem.NotFound, "no_such_path",
		"There is nothing at this path. /openapi.yaml lists every path there is.")
}
